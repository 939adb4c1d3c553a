# SPDX-License-Identifier: Apache-2.0
"""Simulate one seed after the other until a checker says something: ``python -m tests.mutants.hunt --net fine``.

It runs in a copy of the tree that has a mutant (``run.py``). The last line of its output is JSON: how many seeds were
played, in how many seconds of the processor (a busy machine takes longer, and finds no less), and, when something was
found, by which seed and which checkers. An exception of the run itself counts as found by nobody: the checker is then
``exception``. Exit code 1: found, 0: not within the time.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from importlib import import_module
from itertools import count

from tricord.sim.outcome import Outcome, Run
from tricord.sim.swarm import draw


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.hunt", description=__doc__.splitlines()[0])
    parser.add_argument("--net", choices=("fine", "wide"), default="fine")
    parser.add_argument("--from", dest="first", type=int, default=0, metavar="SEED", help="where to begin")
    parser.add_argument("--seeds", type=int, default=0, help="how many at most (default: until the time is up)")
    parser.add_argument("--seconds", type=float, default=120)
    options = parser.parse_args()
    run: Run = import_module(f"tricord.sim.{options.net}").run
    begin = time.process_time()
    played = 0
    for seed in count(options.first):
        found = play(run, seed, options.net)
        played += 1
        seconds = time.process_time() - begin
        if found[0] or played == options.seeds or seconds > options.seconds:
            break
    checkers, words = found
    print(
        json.dumps({"seeds": played, "seconds": round(seconds, 1), "seed": seed, "checkers": checkers, "words": words})
    )
    return bool(checkers)


def play(run: Run, seed: int, net: str) -> tuple[list[str], str]:
    """Who found something, and what the first of them says."""
    try:
        outcome: Outcome = run(draw(seed, net))
    except Exception:
        return ["exception"], traceback.format_exc(limit=-3)
    words = outcome.violations[0].words if outcome.violations else ""
    return list(dict.fromkeys(one.checker for one in outcome.violations)), words


if __name__ == "__main__":
    sys.exit(main())
