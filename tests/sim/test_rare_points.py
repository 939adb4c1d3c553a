# SPDX-License-Identifier: Apache-2.0
"""Approaches to rare points: some plans have one beside what is drawn, and each can be written as any plan."""

from __future__ import annotations

import random

import pytest

from tricord.sim.fault_kinds import FINE, KINDS, WIDE
from tricord.sim.plan import Fault, Plan
from tricord.sim.plan_text import format_plan, parse_plan
from tricord.sim.rare_points import APPROACHES, SHARE, Approach, play, with_approach


@pytest.mark.parametrize("net", [FINE, WIDE])
def test_some_plans_have_one_beside_their_own_faults(net: str) -> None:
    own = (Fault(0.7, "crash", ("n1",), 1.0), Fault(2.0, "reset"))
    plans = [Plan(net, seed, seconds=8.0, faults=own) for seed in range(400)]
    played = [plan for plan in plans if with_approach(plan) != plan]
    assert SHARE / 2 < len(played) / 400 < SHARE * 2
    for plan in map(with_approach, played):
        assert set(own) < set(plan.faults) and parse_plan(format_plan(plan)) == plan
        assert [fault.at for fault in plan.faults] == sorted(fault.at for fault in plan.faults)


@pytest.mark.parametrize("approach", APPROACHES, ids=lambda approach: approach.faults.__name__)
def test_an_approach_is_made_of_faults_that_both_nets_know(approach: Approach) -> None:
    for seed in range(20):
        plan = play(approach, Plan(FINE, seed, 5, 20.0), random.Random(seed))
        assert plan.faults and plan == play(approach, Plan(FINE, seed, 5, 20.0), random.Random(seed))
        for fault in plan.faults:
            kind = KINDS[fault.kind]
            assert {FINE, WIDE} <= set(kind.nets) and 0 < fault.at < 20.0
            low, high = kind.seconds or (0, 0)
            assert low <= fault.seconds <= high
            low, high = kind.amount or (0, 0)
            assert low <= fault.amount <= high
        assert parse_plan(format_plan(plan)) == plan
