# SPDX-License-Identifier: Apache-2.0
"""Faults of the network between members (``fault_kinds`` says what each is)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from tricord.sim.host_network import Condition, Route
from tricord.sim.plan import Fault
from tricord.sim.wide.cluster_run import ClusterRun

HALF_OPEN_SECONDS = 0.2


async def partition(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    routes = _between(targets, _others(run, targets))
    await _impose(run, fault, [*routes, *_back(routes)], Condition(cut=True))


async def one_way(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    await _impose(run, fault, _between(targets, _others(run, targets)), Condition(cut=True))


async def bridge(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    others = _others(run, targets)
    middle = len(others) // 2
    routes = _between(others[:middle], others[middle:])
    await _impose(run, fault, [*routes, *_back(routes)], Condition(cut=True))


async def flapping(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    routes = _between(targets, _others(run, targets))
    end = run.loop.time() + fault.seconds
    while run.loop.time() < end:
        phase = Fault(fault.at, fault.kind, fault.targets, min(fault.amount, end - run.loop.time()))
        await _impose(run, phase, [*routes, *_back(routes)], Condition(cut=True))
        await asyncio.sleep(fault.amount)


async def majority_ring(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    names = list(run.keepers)
    reach = len(names) // 4 + (len(names) < 4)
    near = {(one, names[(at + step) % len(names)]) for at, one in enumerate(names) for step in range(1, reach + 1)}
    if len(names) <= 3:
        near = {(names[0], names[1]), (names[1], names[2])} if len(names) == 3 else set()
    joined = near | {(other, one) for one, other in near}
    routes = [(one, other) for one in names for other in names if one != other and (one, other) not in joined]
    await _impose(run, fault, routes, Condition(cut=True))


async def isolate_leader(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    leader = run.leader()
    if leader is not None:
        await partition(run, fault, [leader.host.name])


async def loss(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    await _impose(run, fault, _around(run, targets), Condition(loss=fault.amount))


async def delay(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    await _impose(run, fault, _around(run, targets), Condition(delay=fault.amount))


async def slow_link(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    await _impose(run, fault, [_pair(targets)], Condition(bytes_per_second=fault.amount))


async def clog(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    await _impose(run, fault, [_pair(targets)], Condition(cut=True))


async def reset(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    network = run.world.network
    before = network.broken_in_frame
    network.reset(targets or list(run.keepers), run.chance.random())
    await asyncio.sleep(HALF_OPEN_SECONDS)
    run.fired(fault.kind, network.broken_in_frame > before)


async def _impose(run: ClusterRun, fault: Fault, routes: Iterable[Route], condition: Condition) -> None:
    run.world.network.impose(routes, condition)
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        run.world.network.lift(condition)
        run.fired(fault.kind, condition.took_hold > 0)


def _others(run: ClusterRun, targets: list[str]) -> list[str]:
    return [name for name in run.keepers if name not in targets]


def _around(run: ClusterRun, targets: list[str]) -> list[Route]:
    """All ways to and from the targets; without any, between all, and to the clients."""
    names = list(run.keepers)
    chosen = targets or names
    return [(one, other) for one in names for other in names if one != other and (one in chosen or other in chosen)]


def _pair(targets: list[str]) -> Route:
    return targets[0], targets[1]


def _between(ones: Iterable[str], others: list[str]) -> list[Route]:
    return [(one, other) for one in ones for other in others]


def _back(routes: Iterable[Route]) -> list[Route]:
    return [(other, one) for one, other in routes]
