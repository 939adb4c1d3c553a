# SPDX-License-Identifier: Apache-2.0
"""How fast the fine net of the simulator runs at a stated load: ``python -m bench.sim`` (``make bench-sim``).

Five members, 20 operations and 0.2 faults of all kinds in a simulated second. Processor time of one core, the checks of
every turn and of the whole history included. One line tells how fast this machine is at the moment. Then a few known
bugs (``tests/mutants``) are put into copies of the tree, one after the other, and seeds are played from 0 on until a
checker says something: how long that takes is what a faster simulator is for.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence

from tests.mutants.patches import read_all
from tests.mutants.run import copied_tree, hunt

from tricord.sim.fault_kinds import FINE, kinds_of
from tricord.sim.fine import run
from tricord.sim.plan import Fault, Plan
from tricord.sim.swarm import draw_fault

MEMBERS = 5
OPERATIONS_A_SECOND = 20.0
FAULTS_A_SECOND = 0.2
CLIENTS = 5
KEYS = 5
TARGET_TURNS = 50_000
MUTANTS = (
    "02-vote-answered-before-it-is-durable",
    "04-vote-by-index-alone",
    "05-append-without-the-term-before",
    "07-append-acknowledged-before-it-is-durable",
    "08-read-without-a-round",
)
HUNT_SECONDS = 120
"""Of the processor, for each; one that was not found by then counts as found then."""


def plan_of(seed: int, seconds: float) -> Plan:
    """Faults of all kinds at random times."""
    source = random.Random(f"bench {seed}")
    kinds = kinds_of(FINE)
    faults: list[Fault] = []
    at = source.expovariate(FAULTS_A_SECOND)
    while at < seconds:
        faults.append(draw_fault(source, source.choice(kinds), round(at, 3), MEMBERS))
        at += source.expovariate(FAULTS_A_SECOND)
    return Plan(FINE, seed, MEMBERS, seconds, OPERATIONS_A_SECOND, CLIENTS, KEYS, {}, tuple(faults))


def loop_nanoseconds() -> float:
    """One turn of a plain loop of Python, the best of a few: about 35 on an idle core of 2020."""
    best = float("inf")
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(20_000):
            pass
        best = min(best, time.perf_counter() - began)
    return best / 20_000 * 1e9


def seconds_to_kill(name: str) -> float:
    """Processor time until a checker finds the mutant in a simulation."""
    (mutant,) = read_all([name])
    with copied_tree() as tree:
        wrong = mutant.apply(tree)
        if wrong:
            raise SystemExit(f"{name} does not apply: {wrong}")
        found = hunt(mutant, tree, HUNT_SECONDS)
    print(f"  {name:<46} {found}", flush=True)
    return found.seconds if found.checker else HUNT_SECONDS


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 when a plan found a violation."""
    parser = argparse.ArgumentParser(prog="python -m bench.sim", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--plans", type=int, default=20, help="how many plans (default: 20)")
    parser.add_argument("--seconds", type=float, default=120.0, help="simulated seconds of each (default: 120)")
    parser.add_argument("--mutants", type=int, default=len(MUTANTS), help="how many are hunted (default: all five)")
    options = parser.parse_args(arguments)
    run(plan_of(0, 1.0))  # what is imported with the first history that is judged is no part of a turn
    turns = operations = violations = 0
    simulated = spent = 0.0
    fired: Counter[str] = Counter()
    for seed in range(1, options.plans + 1):
        plan = plan_of(seed, options.seconds)
        began = time.process_time()
        outcome = run(plan)
        spent += time.process_time() - began
        turns += outcome.turns
        operations += outcome.operations
        simulated += outcome.simulated_seconds
        fired += outcome.fired
        for violation in outcome.violations:
            violations += 1
            print(f"seed {seed}: {violation.checker}: {violation.words}", file=sys.stderr)
    faults = sum(fired.values())
    print(f"{options.plans} plans of {options.seconds:g} s, {MEMBERS} members; {len(fired)} kinds of faults took hold")
    print(f"replica turns a second   {turns / spent:12,.0f}   (target {TARGET_TURNS:,})")
    print(f"cluster-hours a minute   {simulated / spent / 60:12.2f}")
    print(f"faults a minute          {faults / spent * 60:12,.0f}")
    print(f"operations a minute      {operations / spent * 60:12,.0f}")
    print(f"turns a simulated second {turns / simulated:12,.1f}")
    print(f"a plain loop             {loop_nanoseconds():12.1f} ns a turn: this machine, now")
    print(f"{violations} violations")
    seconds = [seconds_to_kill(name) for name in MUTANTS[: options.mutants]]
    if seconds:
        print(f"median seconds to kill   {statistics.median(seconds):12.1f}   ({len(seconds)} mutants)")
    return bool(violations)


if __name__ == "__main__":
    sys.exit(main())
