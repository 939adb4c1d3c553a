# SPDX-License-Identifier: Apache-2.0
"""Seeds run one after the other, here and in processes, and their outcomes add up."""

from __future__ import annotations

from collections.abc import Callable

from tests.sim.scripted_run import run
from tricord.sim.fault_kinds import KINDS
from tricord.sim.nets import run_named
from tricord.sim.plan import Plan
from tricord.sim.proof import SEEDS, proof_plan, prove
from tricord.sim.search import Seeds, outcomes
from tricord.sim.swarm import draw
from tricord.sim.tally import Tally

SCRIPTED = Seeds("tests.sim.scripted_run:run", "fine", first=100)


def after(count: int) -> Callable[[], bool]:
    """Says that it is over after so many questions."""
    asked = [0]

    def expired() -> bool:
        asked[0] += 1
        return asked[0] > count

    return expired


def broken(plan: Plan) -> None:
    """A run that the product's own assertion ends."""
    assert not plan, "commit went back"


def test_the_seeds_run_in_their_order() -> None:
    found = list(outcomes(SCRIPTED, 1, after(5)))
    assert [outcome.plan for outcome in found] == [draw(seed, "fine") for seed in range(100, 105)]
    assert all((outcome.history is None) == (not outcome.violations) for outcome in found)


def test_processes_find_the_same() -> None:
    def summary(jobs: int) -> list[tuple[int, int, int]]:
        found = outcomes(SCRIPTED, jobs, after(9))
        return sorted((one.plan.seed, one.trace_hash, len(one.violations)) for one in found)

    assert summary(2) == summary(1)


def test_what_a_run_raises_is_a_violation() -> None:
    outcome = run_named("tests.sim.test_search:broken")(draw(1, "fine"))
    assert [violation.checker for violation in outcome.violations] == ["invariant"]
    assert outcome.violations[0].words.startswith("AssertionError: commit went back\n")
    assert "test_search.py:" in outcome.violations[0].words


def test_outcomes_add_up() -> None:
    tally = Tally()
    for outcome in outcomes(SCRIPTED, 1, after(60)):
        tally.add(outcome)
    assert tally.runs == 60 and tally.failures
    (reached,) = tally.reached
    assert tally.line(90.0, 43, [reached, "b", "c"]).startswith("01:30  60 seeds (40 a minute), ")
    assert tally.line(90.0, 43, [reached, "b", "c"]).endswith(f" kinds, 1/3 points, {len(tally.failures)} failures")
    assert ", 0/2 points, " in tally.line(90.0, 43, ["b", "c"]), "only those that are asked for count"
    assert tally.document()["faults"] == dict(sorted(tally.fired.items()))


def test_a_kind_is_proved_by_a_run_in_which_it_fired() -> None:
    for kind in KINDS.values():
        proof = prove(kind, "fine", run)
        assert proof.fired == 3 and proof.outcome.plan.seed == 1
        assert {fault.kind for fault in proof.outcome.plan.faults} == {kind.name}

    def never(plan: Plan) -> object:
        outcome = run(plan)
        outcome.fired.clear()
        return outcome

    proof = prove(KINDS["crash"], "fine", never)  # type: ignore[arg-type]
    assert proof.fired == 0 and proof.outcome.plan == proof_plan(KINDS["crash"], "fine", SEEDS)
