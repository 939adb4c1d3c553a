# SPDX-License-Identifier: Apache-2.0
"""What is drawn at random is hidden whatever was drawn."""

from __future__ import annotations

import pytest

from tests.e2e.etcdctl.masks import masked


@pytest.mark.parametrize("drawn", ["8e9e05c52164694d", "60ee2cc1bdfb9", "cc1bdfb9604"])
def test_an_id_is_hidden_however_many_zeros_it_begins_with(drawn: str) -> None:
    assert masked(f"{drawn}, started, default") == "ID, started, default"
