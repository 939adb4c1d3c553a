# SPDX-License-Identifier: Apache-2.0
"""The soak of `make soak-raft`, short."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.soak_raft import Plan, soak


@pytest.mark.slow
@pytest.mark.peer("go-load")
def test_kills_of_the_leader_and_of_all_lose_no_acknowledged_write(tmp_path: Path) -> None:
    assert "all there" in soak("tricord", tmp_path, Plan(seconds=15, pause=2, rounds=4))
