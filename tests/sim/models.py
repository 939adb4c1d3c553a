# SPDX-License-Identifier: Apache-2.0
"""Whether each consistency model keeps what it promises under faults, and whether the checkers have teeth.

    python -m tests.sim.models --seeds 1000
    python -m tests.sim.models causal --first 272 --seeds 1

Each model is also judged by one that promises more: over many runs that has to fail in some of them. Exits with 1 if a
promise was broken, or if what is not promised held in every run.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.sim.staleness import Staleness
from tricord.check import causal as causal_model
from tricord.check import convergence
from tricord.check.finding import Limits, Verdict
from tricord.check.history import History
from tricord.check.models import check_of
from tricord.sim.causal import run as run_causal
from tricord.sim.causal.course import registers
from tricord.sim.eventual.run import run as run_eventual
from tricord.sim.fine import run as run_fine
from tricord.sim.plan import Plan
from tricord.sim.swarm import draw

MANY = 20
"""So many runs have to break what is not promised at least once."""
SEARCH = 20_000
"""Steps of the search for an order that a stronger model would need; beyond that nothing is said."""


@dataclass(slots=True)
class Result:
    """What came of one seed. ``stronger_failed``: what is not promised did not hold."""

    broken: str = ""
    stronger_failed: bool = False
    fired: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Model:
    """``stronger``: what its runs are judged by as well, and have to fail now and then; "" where nothing is."""

    run: Callable[[int], Result]
    stronger: str = ""


@dataclass(slots=True)
class Tally:
    """What came of the seeds of a model. ``seconds``: of the processor."""

    model: str
    seeds: int = 0
    seconds: float = 0.0
    broken: dict[int, str] = field(default_factory=dict)
    stronger_failed: int = 0
    fired: Counter[str] = field(default_factory=Counter)

    @property
    def has_teeth(self) -> bool:
        """Whether the checkers told what is promised from what is not."""
        return not MODELS[self.model].stronger or bool(self.stronger_failed) or self.seeds < MANY

    def line(self) -> str:
        """For people."""
        words = f"{self.model}: {self.seeds} seeds, {self.seconds:.0f} s, {len(self.broken)} violations"
        stronger = MODELS[self.model].stronger
        return words + (f"; not {stronger} in {self.stronger_failed} runs" if stronger else "")


def strong(seed: int) -> Result:
    """Linearizable reads and writes on replica cores, and all that the fine net looks at."""
    outcome = run_fine(draw(seed, "fine"))
    words = [f"{one.checker}: {one.words}" for one in outcome.violations]
    return Result("\n".join(words), fired=outcome.fired)


def sequential(seed: int) -> Result:
    """Sequential and bounded reads, and sessions that move, on whole members."""
    run = Staleness(seed, seconds=2.0)
    run.world.play(run.play)
    return Result("\n".join(run.problems()), _fails("linearizable", History(run.operations)))


def causal(seed: int) -> Result:
    """Causal consistency (ccv), sessions whose tokens move, convergence, atomicity, and that nothing acknowledged is
    lost."""
    outcome = run_causal(Plan("causal", seed, 3, 6.0, 20.0, 4, 3))
    words = [f"{one.checker}: {one.words}" for one in outcome.violations]
    assert outcome.history is not None
    return Result("\n".join(words), _fails("linearizable", registers(outcome.history)), outcome.fired)


def eventual(seed: int) -> Result:
    """Equality within the stated bound, nothing acknowledged lost, nothing removed back."""
    outcome = run_eventual(seed)
    words = list(outcome.problems)
    finding = convergence.check(outcome.history, Limits(bound_ns=round(outcome.bound * 1e9)))
    if finding.verdict is not Verdict.HOLDS:
        words.append(f"convergence: {finding.reason}")
    elif not finding.statistics["late_reads"]:
        words.append("convergence: nobody read after the bound, so nothing was judged")
    stronger = causal_model.check(outcome.history, Limits())
    return Result("\n".join(words), stronger.verdict is Verdict.VIOLATED)


def _fails(model: str, history: History) -> bool:
    return check_of(model)(history, Limits(steps=SEARCH)).verdict is Verdict.VIOLATED


MODELS: dict[str, Model] = {
    "strong": Model(strong),
    "sequential": Model(sequential, "linearizable"),
    "causal": Model(causal, "linearizable"),
    "eventual": Model(eventual, "causal"),
}


def tally(model: str, seeds: range, told: Callable[[str], None] = lambda words: None) -> Tally:
    """Run the seeds. ``told`` is told of each broken promise at once."""
    found = Tally(model)
    for seed in seeds:
        before = time.process_time()
        try:
            result = MODELS[model].run(seed)
        except Exception as error:  # an assertion of the product: the other seeds are run all the same
            result = Result("".join(traceback.format_exception(error)))
        found.seconds += time.process_time() - before
        found.seeds += 1
        found.stronger_failed += result.stronger_failed
        found.fired += result.fired
        if result.broken:
            found.broken[seed] = result.broken
            told(f"{model}, seed {seed}: {result.broken}")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="tests.sim.models", description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(MODELS)}; all, if none is named")
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args(arguments)
    if unknown := [model for model in options.models if model not in MODELS]:
        parser.error(f"no model: {', '.join(unknown)}")
    good = True
    for model in options.models or MODELS:
        found = tally(
            model, range(options.first, options.first + options.seeds), lambda words: print(words, flush=True)
        )
        print(found.line(), flush=True)
        if not found.has_teeth:
            print(f"{model}: every run was {MODELS[model].stronger} too: the check sees nothing", flush=True)
        good = good and not found.broken and found.has_teeth
    return 0 if good else 1


def _say(words: str) -> None:
    print(words, flush=True)


if __name__ == "__main__":
    sys.exit(main())
