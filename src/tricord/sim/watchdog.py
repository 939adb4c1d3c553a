# SPDX-License-Identifier: Apache-2.0
"""Ends a run that does not end by itself: simulated time may stand still while the code goes round in circles."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tricord.sim.outcome import Outcome, Run, Violation
from tricord.sim.plan import Plan

CHECKER = "real time"
"""The only checker whose verdict depends on the machine."""
AGAIN_SECONDS = 5.0
"""After which an end that did not come about is asked for again."""
PLACES = 6


class RunTooLong(KeyboardInterrupt):
    """Raised in the midst of a run, wherever it is. An interrupt: asyncio lets nothing else of a callback through."""


def limited(run: Run, seconds: float) -> Run:
    """The same, but what takes longer than so many real seconds (0: no limit) is over, and violates ``real time``.

    In the main thread only, where signals come.
    """
    if not seconds or not hasattr(signal, "setitimer"):
        return run

    def watched(plan: Plan) -> Outcome:
        try:
            with _alarm(seconds):
                return run(plan)
        except RunTooLong as late:
            return Outcome(plan, violations=[Violation(CHECKER, 0.0, str(late))])

    return watched


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    is_armed = True

    def rings(number: int, frame: FrameType | None) -> None:
        if is_armed:
            raise RunTooLong(_words(seconds, frame))

    before = signal.signal(signal.SIGALRM, rings)
    others = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_SECONDS)
    try:
        yield
    finally:
        is_armed = False
        signal.setitimer(signal.ITIMER_REAL, *others)
        signal.signal(signal.SIGALRM, before)


def _words(seconds: float, frame: FrameType | None) -> str:
    """Where it was."""
    lines = [f"the run did not end within {seconds:g} s of real time; it was here:"]
    for place in traceback.extract_stack(frame)[-PLACES:]:
        file = place.filename.rpartition("/tricord/")[2]
        lines.append(f"  {file}:{place.lineno} {place.name}: {place.line}")
    return "\n".join(lines)
