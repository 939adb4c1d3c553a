# SPDX-License-Identifier: Apache-2.0
"""The run of `make test-faults`, short: a few kinds, a few strikes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.faults.__main__ import Plan, survive

KINDS = frozenset(("killed", "one-way-from-it", "disk-fails", "links-lossy", "disk-slow", "clock-wrong"))


@pytest.mark.slow
@pytest.mark.peer("faketime")
@pytest.mark.peer("go-load")
@pytest.mark.peer("network-namespaces")
@pytest.mark.peer("tmpfs")
def test_a_cluster_keeps_its_promises_while_it_is_broken(tmp_path: Path) -> None:
    said = survive(tmp_path, Plan(seconds=16, seed=1, kinds=KINDS))
    assert "all there and alike" in said and "linearizable" in said
