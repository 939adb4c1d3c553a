# SPDX-License-Identifier: Apache-2.0
"""Reads below linearizable on whole members under faults: see ``staleness``."""

from __future__ import annotations

import pytest

from tests.sim.staleness import Staleness


@pytest.mark.parametrize("seed", range(1, 5))
def test_no_answer_is_staler_than_it_says_and_sessions_see_one_order(seed: int) -> None:
    run = Staleness(seed)
    run.world.play(run.play)
    assert run.problems() == []
    assert run.fresh > 20, "some were answered without asking anybody"
