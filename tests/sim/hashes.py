# SPDX-License-Identifier: Apache-2.0
"""Whether runs repeat bit for bit: each seed's outcome twice, in two processes, under two values of PYTHONHASHSEED.

    python -m tests.sim.hashes --seeds 1000 --jobs 2

Compared are the trace hash and a hash over all else that an outcome says. Exits with 1 if a seed differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from tricord.sim.nets import NETS, run_named
from tricord.sim.outcome import Outcome
from tricord.sim.swarm import draw

HASH_SEEDS = ("1", "2")


def digest(outcome: Outcome) -> str:
    """Everything that an outcome says, in 16 hexadecimal digits."""
    parts = [
        outcome.violations,
        sorted(outcome.fired.items()),
        sorted(outcome.withheld.items()),
        sorted(outcome.reached.items()),
        outcome.simulated_seconds,
        outcome.turns,
        outcome.operations,
        outcome.lines,
        outcome.history.operations if outcome.history is not None else [],
    ]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def lines_of(run: str, net: str, seeds: range) -> Iterator[str]:
    """``seed trace-hash digest`` of each seed."""
    go = run_named(run)
    for seed in seeds:
        outcome = go(draw(seed, net))
        yield f"{seed} {outcome.trace_hash:016x} {digest(outcome)}"


def one_process(run: str, net: str, seeds: range, hash_seed: str) -> list[str]:
    """The lines of some seeds from a fresh interpreter."""
    words = ["--child", "--run", run, "--net", net, "--first", str(seeds.start), "--seeds", str(len(seeds))]
    command = [sys.executable, "-m", "tests.sim.hashes", *words]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()


def compare(run: str, net: str, seeds: range, jobs: int) -> tuple[int, list[tuple[str, str]]]:
    """How many seeds were compared, and the lines that differ."""
    share = -(-len(seeds) // jobs)
    parts = [seeds[begin : begin + share] for begin in range(0, len(seeds), share)]
    with ThreadPoolExecutor(jobs) as pool:  # each thread waits for a process
        work = [pool.submit(one_process, run, net, part, hash_seed) for part in parts for hash_seed in HASH_SEEDS]
        results = [future.result() for future in work]
    once = [line for result in results[0::2] for line in result]
    again = [line for result in results[1::2] for line in result]
    differing = [pair for pair in zip(once, again, strict=True) if pair[0] != pair[1]]
    return len(once), differing


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", choices=sorted(NETS), default="fine")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--run", help="another run than the net's own, as module:function")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    run, seeds = options.run or NETS[options.net], range(options.first, options.first + options.seeds)
    if options.child:
        for line in lines_of(run, options.net, seeds):
            print(line)
        return 0
    count, differing = compare(run, options.net, seeds, options.jobs)
    for once, again in differing:
        print(f"differs: {once} | {again}")
    print(f"{count} seeds of the {options.net} net, twice: {count - len(differing)} equal, {len(differing)} differ")
    print(json.dumps({"net": options.net, "seeds": count, "differ": len(differing)}))
    return 1 if differing or count != len(seeds) else 0


if __name__ == "__main__":
    sys.exit(main())
