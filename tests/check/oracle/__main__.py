# SPDX-License-Identifier: Apache-2.0
"""Hold the checkers against the oracle: ``python -m tests.check.oracle [--count N] [--seed S] [JUDGE ...]``.

Each judge sees ``count`` random histories of its own. A line for each: how many hold, are violated, could not be
decided, and how many verdicts differ; those histories are written out. Exit code 1: some differ.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import msgspec

from tests.check.oracle.judges import JUDGES
from tricord.check.finding import Verdict
from tricord.check.history import History

SLICE = 500


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.check.oracle", description=__doc__.splitlines()[0])
    parser.add_argument("judges", nargs="*", metavar="JUDGE", help=f"of {', '.join(JUDGES)} (default: all)")
    parser.add_argument("--count", type=int, default=100_000, help="histories for each judge")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    differ = 0
    with ProcessPoolExecutor(options.jobs) as pool:
        for name in options.judges or JUDGES:
            begin = time.monotonic()
            counts: Counter[str] = Counter()
            wrong: list[str] = []
            seeds = range(options.seed, options.seed + options.count, SLICE)
            last = options.seed + options.count
            for some, different in pool.map(partial(compare, name, last), seeds):
                counts.update(some)
                wrong += different
            differ += len(wrong)
            print(
                f"{name:<26} {counts['holds']:>7,} hold {counts['violated']:>7,} violated {counts['undecided']:>6,} "
                f"undecided {len(wrong):>5,} differ {time.monotonic() - begin:8.1f} s",
                flush=True,
            )
            for one in wrong[:3]:
                print(one)
    return bool(differ)


def compare(name: str, last: int, first_seed: int) -> tuple[Counter[str], list[str]]:
    """Counts of the checker's verdicts, and the histories whose verdicts differ."""
    counts: Counter[str] = Counter()
    wrong = []
    judge = JUDGES[name]
    for seed in range(first_seed, min(first_seed + SLICE, last)):
        one = judge.draw(random.Random(seed))
        verdict = judge.checker(one).verdict
        counts[verdict.value] += 1
        if verdict is not Verdict.UNDECIDED and judge.oracle(one) != (verdict is Verdict.HOLDS):
            wrong.append(f"seed {seed}: the checker says {verdict.value}\n{as_lines(one)}")
    return counts, wrong


def as_lines(one: History) -> str:
    """The history as a file has it."""
    return b"\n".join(msgspec.json.encode(operation) for operation in one.operations).decode()


if __name__ == "__main__":
    sys.exit(main())
