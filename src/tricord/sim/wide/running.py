# SPDX-License-Identifier: Apache-2.0
"""``run(plan)``: one cluster of whole members through one plan of faults."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager

from tricord.base.reachable import counted_by
from tricord.check.finding import Verdict
from tricord.check.history import History
from tricord.sim.outcome import Outcome
from tricord.sim.plan import Plan
from tricord.sim.virtual_loop import Deadlock
from tricord.sim.watchdog import CHECKER, RunTooLong
from tricord.sim.whole import judge
from tricord.sim.wide.clients import Worker
from tricord.sim.wide.cluster_run import ClusterRun
from tricord.sim.wide.company import Company
from tricord.sim.wide.order_check import violations
from tricord.sim.wide.settling import settle
from tricord.sim.wide.strikes import strike

WORKER_PATIENCE_SECONDS = 20.0


def run(plan: Plan) -> Outcome:
    """Play the plan. One plan gives one outcome, bit for bit, in any process."""
    outcome = Outcome(plan)
    with repeatable(outcome):
        state = ClusterRun(plan, outcome)
        try:
            state.loop.run_until_complete(_story(state))
        except Deadlock as error:
            state.violate("progress", str(error))
        except RunTooLong as late:
            state.violate(CHECKER, str(late))
        finally:
            finish(state)
    return outcome


async def _story(run: ClusterRun) -> None:
    await run.world.start()
    run.zero = run.loop.time()
    pause = run.plan.clients / max(run.plan.load, 0.01)
    run.workers = [Worker(run, number, pause) for number in range(1, run.plan.clients + 1)]
    company = Company(run)
    working = [run.spawn(worker.work(), worker.name) for worker in run.workers] + company.begin()
    striking = [run.spawn(strike(run, fault), f"{fault.kind} at {fault.at}") for fault in run.plan.faults]
    await asyncio.sleep(run.plan.seconds)
    for task in striking:
        task.cancel()
    if striking:
        await asyncio.wait(striking)
    for worker in run.workers:
        worker.over = True
    company.end()
    await settle(run)
    if working:
        _, stuck = await asyncio.wait(working, timeout=WORKER_PATIENCE_SECONDS)
        if stuck:
            run.violate("progress", f"{len(stuck)} clients wait for ever")
    if not run.outcome.violations:
        await company.settle()
    _check(run)
    for host in run.world.running():
        await host.stop()


def _check(run: ClusterRun) -> None:
    for checker, words in violations(run.history, run.record.history):
        run.violate(checker, words)
    if not run.outcome.violations:
        record = run.record.history
        finding = judge(run.history, record.events, record.revisions[0] if record.revisions else 1)
        if finding.verdict is Verdict.VIOLATED:
            run.violate("linearizability", finding.reason)


def finish(run: ClusterRun) -> None:
    """End what is left over, close the loop, and write down what came of it."""
    outcome, loop = run.outcome, run.loop
    outcome.turns = run.record.turns
    outcome.simulated_seconds = loop.time()
    loop.note(repr(sorted(run.record.chains.items())[-1:]).encode())
    outcome.trace_hash = loop.trace_hash
    outcome.lines = [f"{at - run.zero:.3f} {what}" for at, what in run.story]
    zero = round(run.zero * 1e9)
    for one in run.history:
        one.call_ns -= zero
        one.return_ns = None if one.return_ns is None else one.return_ns - zero
    outcome.history = History(run.history)
    outcome.operations = len(run.history)
    loop.set_exception_handler(lambda loop, context: None)
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=1.0))
    loop.close()


@contextmanager
def repeatable(outcome: Outcome) -> Iterator[None]:
    """Count the points that are reached within, and collect no garbage: what is collected, and when, depends on all
    that the process did before."""

    def reached(point: str) -> None:
        outcome.reached[point] += 1

    was_on = gc.isenabled()
    gc.disable()
    try:
        with counted_by(reached):
            yield
    finally:
        if was_on:
            gc.enable()
