# SPDX-License-Identifier: Apache-2.0
"""Plays a test's own story on a simulated cluster, with faults drawn or given beside it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from tricord.sim.fault_kinds import WIDE
from tricord.sim.outcome import Outcome
from tricord.sim.plan import Fault, Plan
from tricord.sim.swarm import draw
from tricord.sim.wide.cluster import Cluster
from tricord.sim.wide.cluster_run import ClusterRun
from tricord.sim.wide.running import finish, repeatable
from tricord.sim.wide.settling import settle
from tricord.sim.wide.strikes import strike

T = TypeVar("T")

Story = Callable[[Cluster], Awaitable[T]]
SWARM_SECONDS = 20.0
MOST_MEMBERS = 9
ALONE = {"heartbeat_interval": 1000, "election_timeout": 10000}
"""Of a member without others, in milliseconds. It leads at once and calls nobody, so all that a shorter beat does is to
take turns: an hour of them is most of what a simulated hour costs."""


class BrokenPromise(AssertionError):
    """The cluster itself did what it never should: the test's assertions may all hold."""


def play(
    story: Story[T],
    told: list[str],
    *,
    seed: int,
    members: int = 3,
    faults: str | Iterable[Fault] = (),
    seconds: float = SWARM_SECONDS,
    settings: dict[str, Any] | None = None,
) -> T:
    """Run ``story(cluster)`` in virtual time; what it returns. The story's lines go to ``told``.

    ``faults`` is ``"swarm"`` (drawn from the seed, over ``seconds`` of simulated time), or faults as a plan has them.
    With faults, the cluster must elect, serve and agree in the end. Raises what the story raises, and BrokenPromise.
    """
    if not 1 <= members <= MOST_MEMBERS:
        raise ValueError(f"a cluster has 1 to {MOST_MEMBERS} members, not {members}")
    plan = _plan(seed, members, faults, seconds)
    outcome = Outcome(plan)
    result: list[T] = []
    with repeatable(outcome):
        run = ClusterRun(plan, outcome)
        run.world.settings |= _settings(plan, settings or {})
        try:
            run.loop.run_until_complete(_whole(run, story, result))
        finally:
            finish(run)
            told += outcome.lines
    if outcome.violations:
        raise BrokenPromise("\n".join(f"{one.at:.3f} {one.checker}: {one.words}" for one in outcome.violations))
    return result[0]


def _settings(plan: Plan, given: dict[str, Any]) -> dict[str, Any]:
    alone = plan.members == 1 and not plan.faults and not given.keys() & ALONE.keys()
    return ALONE | given if alone else given


def _plan(seed: int, members: int, faults: str | Iterable[Fault], seconds: float) -> Plan:
    if faults == "swarm":
        return replace(draw(seed, WIDE, members, seconds), options={})
    if isinstance(faults, str):
        raise ValueError(f'faults is "swarm" or faults, not {faults!r}')
    return Plan(WIDE, seed, members, seconds, faults=tuple(faults))


async def _whole(run: ClusterRun, story: Story[T], result: list[T]) -> None:
    await run.world.start()
    run.zero = run.loop.time()
    striking = [run.spawn(strike(run, fault), f"{fault.kind} at {fault.at}") for fault in run.plan.faults]
    try:
        told = story(Cluster(run))
        if not inspect.isawaitable(told):
            raise TypeError("a story is a coroutine function: `async def story(cluster): ...`")
        result.append(await told)
    finally:
        for task in striking:
            task.cancel()
        if striking:
            await asyncio.wait(striking)
    if run.plan.faults:
        await settle(run)
    for host in run.world.running():
        if host.pausing.is_on:
            host.pausing.end()
        await host.stop()
