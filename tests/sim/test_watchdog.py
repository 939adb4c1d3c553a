# SPDX-License-Identifier: Apache-2.0
"""A run that never ends is a failure with its seed, wherever it goes round in circles; one that ends is left alone."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from tricord.sim import fine, wide
from tricord.sim.outcome import Outcome
from tricord.sim.plan import Plan
from tricord.sim.search import Seeds, outcomes
from tricord.sim.watchdog import CHECKER, RunTooLong, limited
from tricord.sim.wide.clients import Worker

LIMIT_SECONDS = 0.05


def circles(plan: Plan) -> Outcome:
    """A run that never ends."""
    while True:
        pass


def circles_in_a_callback(plan: Plan) -> Outcome:
    """asyncio catches what callbacks raise, but for interrupts."""
    loop = asyncio.new_event_loop()
    loop.call_soon(circles, plan)
    try:
        loop.run_forever()
    finally:
        loop.close()
    return Outcome(plan)


def circles_and_ends(plan: Plan) -> Outcome:
    """It deals with the first interrupt by itself, and ends."""
    with suppress(KeyboardInterrupt):
        circles(plan)
    return Outcome(plan, turns=1)


def holds(plan: Plan) -> Outcome:
    """A run that ends."""
    return Outcome(plan, turns=7)


@pytest.fixture(autouse=True)
def nothing_stays_armed() -> Iterator[None]:
    before = signal.getsignal(signal.SIGALRM)
    yield
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize("run", [circles, circles_in_a_callback])
def test_what_never_ends_is_ended(run: Callable[[Plan], Outcome]) -> None:
    plan = Plan("fine", 4)
    outcome = limited(run, LIMIT_SECONDS)(plan)
    (violation,) = outcome.violations
    assert outcome.plan is plan and violation.checker == CHECKER
    assert violation.words.startswith("the run did not end within 0.05 s of real time; it was here:\n")
    assert "test_watchdog.py:" in violation.words and " circles: " in violation.words


def test_what_ends_is_left_alone() -> None:
    assert limited(holds, 60.0)(Plan("fine", 4)) == Outcome(Plan("fine", 4), turns=7)
    assert limited(circles_and_ends, LIMIT_SECONDS)(Plan("fine", 4)).turns == 1
    assert limited(circles, 0.0) is circles


def test_a_search_goes_on_to_the_next_seed() -> None:
    seeds = Seeds("tests.sim.test_watchdog:circles", "fine", first=7, run_seconds=LIMIT_SECONDS)
    asked = iter((False, False, True))
    found = list(outcomes(seeds, 1, lambda: next(asked)))
    assert [one.plan.seed for one in found] == [7, 8]
    assert [one.violations[0].checker for one in found] == [CHECKER, CHECKER]


def late(*arguments: object, **options: object) -> None:
    """As if the alarm came here."""
    raise RunTooLong("it was here")


def test_the_fine_net_tells_what_happened_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tricord.sim.fine.clients.Client.ask", late)
    outcome = fine.run(Plan("fine", 1, seconds=2.0))
    assert [(one.checker, one.words) for one in outcome.violations] == [(CHECKER, "it was here")]
    assert any("leads in term" in line for line in outcome.lines) and outcome.simulated_seconds > 0


def test_the_wide_net_tells_what_happened_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Worker, "_text", late)
    outcome = wide.run(Plan("wide", 1, 1, 2.0, load=50.0, options={"company": 0.0}))
    assert [(one.checker, one.words) for one in outcome.violations] == [(CHECKER, "it was here")]
    assert any("leads in term" in line for line in outcome.lines) and outcome.simulated_seconds > 0
