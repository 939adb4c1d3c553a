# SPDX-License-Identifier: Apache-2.0
"""The eventual net: a seed is one run. What its runs have to keep is in ``tests.sim.test_models``."""

from __future__ import annotations

from tricord.sim.eventual.run import run


def test_a_seed_is_always_the_same_run() -> None:
    first, again = run(3), run(3)
    assert again.history.operations == first.history.operations
    assert again.took == first.took
