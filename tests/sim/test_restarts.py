# SPDX-License-Identifier: Apache-2.0
"""An edge that starts again and again: what travels and what is kept does not grow (``bench.restarts`` has 10,000)."""

from __future__ import annotations

import pytest
from bench.restarts import MODELS, rows

STARTS = 200


@pytest.mark.parametrize("model", MODELS)
def test_nothing_grows_with_the_starts_of_an_edge(model: str) -> None:
    early, late = rows(model, STARTS, (50, STARTS))
    assert late.numbers == early.numbers
    assert late.operation_bytes <= early.operation_bytes + 4
    assert late.told_bytes <= early.told_bytes + 8
    assert late.counter_bytes <= early.counter_bytes + 8
