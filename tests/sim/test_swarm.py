# SPDX-License-Identifier: Apache-2.0
"""Plans drawn from seeds: the same each time, readable, unlike each other, and with every kind in some."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tricord.sim.fault_kinds import FINE, KINDS, WIDE, kinds_of
from tricord.sim.plan_text import format_plan, parse_plan
from tricord.sim.swarm import FAULTS_MAX, OPTIONS, describe, draw

NETS = (FINE, WIDE)


@pytest.mark.parametrize("net", NETS)
def test_a_drawn_plan_is_one_that_can_be_written(net: str) -> None:
    for seed in range(60):
        plan = draw(seed, net)
        assert parse_plan(format_plan(plan)) == plan
        assert plan == draw(seed, net)
        assert plan.members in (3, 5) and len(plan.faults) <= FAULTS_MAX
        assert all(0 < fault.at < plan.seconds for fault in plan.faults)


@pytest.mark.parametrize("net", NETS)
def test_amounts_and_times_are_of_the_catalogue(net: str) -> None:
    for fault in (fault for seed in range(40) for fault in draw(seed, net).faults):
        kind = KINDS[fault.kind]
        low, high = kind.seconds or (0, 0)
        assert low - 0.001 <= fault.seconds <= high + 0.001
        low, high = kind.amount or (0, 0)
        assert low * 0.99 <= fault.amount <= high * 1.01


@pytest.mark.parametrize("net", NETS)
def test_every_kind_and_every_option_is_drawn_by_some_seed_and_no_seed_has_all(net: str) -> None:
    plans = [draw(seed, net) for seed in range(300)]
    kinds = [{fault.kind for fault in plan.faults} for plan in plans]
    assert set().union(*kinds) == {kind.name for kind in kinds_of(net)}
    assert max(map(len, kinds)) < len(kinds_of(net))
    assert {name for plan in plans for name in plan.options} - {"lease_drift_ticks"} == OPTIONS[net].keys()


def test_lease_reads_are_drawn_with_clocks_that_differ_slightly_and_with_pauses_but_with_no_clock_that_is_wrong() -> (
    None
):
    plans = [plan for seed in range(300) if (plan := draw(seed, FINE)).options.get("lease_reads")]
    faults = [fault for plan in plans for fault in plan.faults]
    assert {"drift", "pause"} <= {fault.kind for fault in faults}
    assert not {"freeze", "noise", "jump-back", "jump-forward"} & {fault.kind for fault in faults}
    assert all(0.98 <= fault.amount <= 1.02 for fault in faults if fault.kind == "drift")
    for plan in plans:
        assert "check_quorum" not in plan.options
        assert ("lease_drift_ticks" in plan.options) == any(fault.kind == "drift" for fault in plan.faults)


def test_some_plans_beset_whoever_leads_with_what_is_said_too_late() -> None:
    plans = [draw(seed, FINE) for seed in range(60)]
    late = [
        fault.targets for plan in plans for fault in plan.faults if fault.kind == "clog" and "leader" in fault.targets
    ]
    assert {"leader"} < {targets[0] for targets in late} and {"leader"} < {targets[1] for targets in late}
    assert any("lull" in plan.options for plan in plans) and any("lull" not in plan.options for plan in plans)


def test_what_is_asked_for_stands_instead() -> None:
    plan = draw(5, FINE, members=1, seconds=3.0)
    assert (plan.members, plan.seconds) == (1, 3.0)
    assert describe(plan).startswith("fine seed=5 members=1 seconds=3 load=")


def test_a_plan_does_not_depend_on_the_process() -> None:
    script = "import tricord.sim.swarm as s, tricord.sim.plan_text as t; print(t.format_plan(s.draw(7, 'fine')))"
    printed = [
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True, text=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1] == format_plan(draw(7, FINE)) + "\n"
