# SPDX-License-Identifier: Apache-2.0
"""Runs seed after seed, in several processes if so wanted."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass

from tricord.sim.nets import run_named
from tricord.sim.outcome import Outcome
from tricord.sim.swarm import draw
from tricord.sim.watchdog import limited


@dataclass(frozen=True, slots=True)
class Seeds:
    """Which plans to run: those of the seeds from ``first`` on."""

    run: str
    """Of a net: ``module:function``."""
    net: str
    first: int = 0
    members: int = 0
    """0: as drawn."""
    seconds: float = 0.0
    """0: as drawn."""
    run_seconds: float = 0.0
    """What takes longer, in real seconds, is a failure (``watchdog``); 0: no limit."""


def run_seed(seeds: Seeds, seed: int) -> Outcome:
    """One run. What is large is left out where nothing was violated."""
    run = limited(run_named(seeds.run), seeds.run_seconds)
    outcome = run(draw(seed, seeds.net, seeds.members, seeds.seconds))
    if not outcome.violations:
        outcome.history, outcome.lines = None, []
    return outcome


def outcomes(seeds: Seeds, jobs: int, expired: Callable[[], bool]) -> Iterator[Outcome]:
    """Outcomes as they come, until ``expired()``; it is asked before each run. With one job, in this process."""
    if jobs == 1:
        seed = seeds.first
        while not expired():
            yield run_seed(seeds, seed)
            seed += 1
        return
    with _processes(jobs) as pool:
        seed, pending = seeds.first, set[Future[Outcome]]()
        while True:
            while len(pending) < 2 * jobs and not expired():
                pending.add(pool.submit(run_seed, seeds, seed))
                seed += 1
            if not pending:
                return
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()


@contextmanager
def _processes(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Fresh interpreters. What is not begun when they are left is not run."""
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_leave_interrupts_to_the_parent)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
