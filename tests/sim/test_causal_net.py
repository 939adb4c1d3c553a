# SPDX-License-Identifier: Apache-2.0
"""The causal net: runs repeat, and what failed once does not fail again. More of it is in ``test_models``."""

from __future__ import annotations

import pytest

from tricord.sim.causal import run
from tricord.sim.causal.world import Company
from tricord.sim.plan import Plan

PLAN = Plan("causal", 3, 3, 4.0, 20.0, 3, 3)
FAILED_ONCE = [31, 46, 47, 155, 242, 272, 292, 308, 404, 490, 584, 688, 755, 824, 1252, 1431, 1435]
FAILED_ONCE += [2033, 2863, 3133, 3190, 3199, 3280, 6220]


@pytest.mark.parametrize("seed", FAILED_ONCE)
def test_runs_that_failed_once(seed: int) -> None:
    """Each is a row of docs/bugs_found.md."""
    assert not run(Plan("causal", seed, 3, 6.0, 20.0, 4, 3)).violations


def test_a_run_repeats_to_the_last_step() -> None:
    first, second = run(PLAN), run(PLAN)
    assert (first.trace_hash, first.operations) == (second.trace_hash, second.operations)


def test_no_disk_is_lost_and_nobody_retired_while_no_other_replica_is_open() -> None:
    company = Company(PLAN)
    company.star = False
    first, second, third = company.hosts
    for host in company.hosts:
        host.start()
    for host in (second, third):
        host.replica.begin_fetch()
    assert not company.wipe(first)
    assert not company.isolate(first)
    assert company.wipe(second), "the first one is open"
    assert not company.isolate(first)
