# SPDX-License-Identifier: Apache-2.0
"""What ``tricord sim`` shows: the progress of a search, and of a failure the violation, a picture and its files."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

from tricord.base.environment import Clock
from tricord.cli.sim_files import save
from tricord.runtime.clock import SystemClock
from tricord.sim.fault_kinds import kinds_of
from tricord.sim.nets import run_of
from tricord.sim.outcome import Outcome
from tricord.sim.picture import picture
from tricord.sim.plan import Plan
from tricord.sim.plan_text import format_plan
from tricord.sim.points import points_of
from tricord.sim.shrink import Budget, Shrinker
from tricord.sim.swarm import describe
from tricord.sim.tally import Tally
from tricord.sim.watchdog import CHECKER, limited

_LINE_SECONDS = 15.0
"""Between two lines of progress where no terminal shows them."""


class Progress:
    """Adds up a search, shows it on stderr, and says when it is over."""

    def __init__(self, net: str, clock: Clock, seconds: float, failures: int) -> None:
        self.tally = Tally()
        self.points = points_of(net)
        self._kinds = [kind.name for kind in kinds_of(net)]
        self._clock = clock
        self._began = clock.monotonic()
        self._length = seconds
        self._failures = failures
        self._shown = self._began
        self._is_terminal = sys.stderr.isatty()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return self._clock.monotonic() - self._began

    def is_over(self) -> bool:
        """Whether no further seed shall run."""
        return self.seconds >= self._length or len(self.tally.failures) >= self._failures

    def add(self, outcome: Outcome) -> None:
        """One more run."""
        self.tally.add(outcome)
        if outcome.violations:
            first = outcome.violations[0]
            end = "\x1b[K" if self._is_terminal else ""
            print(f"seed {outcome.plan.seed}: {first.checker} at {first.at:.3f} s{end}", file=sys.stderr)
        now = self._clock.monotonic()
        if now - self._shown >= (0.5 if self._is_terminal else _LINE_SECONDS):
            self._shown = now
            self._show()

    def _show(self) -> None:
        line = self.tally.line(self.seconds, len(self._kinds), self.points)
        sys.stderr.write(f"\r{line}\x1b[K" if self._is_terminal else f"{line}\n")
        sys.stderr.flush()

    def end(self) -> None:
        """The last line, and what was never reached."""
        self._show()
        if self._is_terminal:
            sys.stderr.write("\n")
        if self.never_reached:
            places = [f"{name} ({self.points[name]})" for name in self.never_reached]
            print(f"never reached: {'; '.join(places)}", file=sys.stderr)
        if self.never_fired:
            print(f"never fired: {', '.join(self.never_fired)}", file=sys.stderr)

    @property
    def never_reached(self) -> list[str]:
        """Points of the net that no run passed."""
        return [name for name in self.points if not self.tally.reached[name]]

    @property
    def never_fired(self) -> list[str]:
        """Kinds of the net that took hold in no run."""
        return [kind for kind in self._kinds if not self.tally.fired[kind]]

    def document(self) -> dict[str, Any]:
        """For the JSON of the last line."""
        return {
            "minutes": round(self.seconds / 60, 2),
            "points": len(self.points),
            "never_reached": self.never_reached,
            "never_fired": self.never_fired,
        }


def told(plan: Plan) -> None:
    """Everything that was drawn."""
    print(describe(plan))


@dataclass(frozen=True, slots=True)
class Patience:
    """Real seconds; 0 for either: none is shrunk, and none is ended."""

    shrink_seconds: float
    run_seconds: float


def finish(net: str, tally: Tally, out: str, patience: Patience, document: dict[str, Any]) -> int:
    """Show and save each failure; the last line as JSON; the exit code."""
    failures = [_failed(outcome, out, patience) for outcome in tally.failures]
    verdict = "failed" if failures else "ok"
    last_line({"verdict": verdict, "net": net, **document, **tally.document(), "failures": failures})
    return 1 if failures else 0


def _failed(outcome: Outcome, out: str, patience: Patience) -> dict[str, Any]:
    """One failure."""
    print(f"\nVIOLATION  {describe(outcome.plan)}")
    _say_violations(outcome)
    shortest, runs = _shrunk(outcome, patience)
    files = save(outcome, shortest, out)
    print(f"\nThe shortest plan that fails, after {runs} runs ({files.shortest}):\n")
    print(format_plan(shortest.plan))
    if shortest is not outcome:
        _say_violations(shortest)
    print(picture(shortest))
    limit = f" --run-seconds {patience.run_seconds:g}" if _never_ended(outcome) else ""
    print(f"\nreplay: tricord sim run --plan {files.shortest}{limit}")
    print(f"files: {files.directory} (plans, history.jsonl for `tricord check run`, story.txt, timeline.html)")
    first = shortest.violations[0]
    return {
        "seed": outcome.plan.seed,
        "checker": first.checker,
        "at": round(first.at, 3),
        "faults": len(shortest.plan.faults),
        "shrink_runs": runs,
        "plan": files.shortest,
    }


def _shrunk(outcome: Outcome, patience: Patience) -> tuple[Outcome, int]:
    """The shortest that was found, after so many runs. What never ends is left as it is: each run would take long."""
    if not patience.shrink_seconds or _never_ended(outcome):
        return outcome, 0
    run = limited(run_of(outcome.plan.net), patience.run_seconds)
    shrinker = Shrinker(run, outcome, Budget(10_000, patience.shrink_seconds, SystemClock()), _say_step)
    return shrinker.shrink(), shrinker.runs


def _never_ended(outcome: Outcome) -> bool:
    return any(violation.checker == CHECKER for violation in outcome.violations)


def _say_violations(outcome: Outcome) -> None:
    for violation in outcome.violations[:5]:
        print(f"{violation.at:.3f} s  {violation.checker}: {violation.words}")
    if len(outcome.violations) > 5:
        print(f"... and {len(outcome.violations) - 5} more")


def _say_step(line: str) -> None:
    print(f"shrinking: {line}", file=sys.stderr)


def last_line(document: dict[str, Any]) -> None:
    """For programs."""
    print(json.dumps(document, ensure_ascii=False))
