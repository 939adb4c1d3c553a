# SPDX-License-Identifier: Apache-2.0
"""Faults of processes and clocks (``fault_kinds`` says what each is)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tricord.sim.plan import Fault
from tricord.sim.wide.cluster_run import ClusterRun
from tricord.sim.wide.keeper import Keeper


@asynccontextmanager
async def held_down(run: ClusterRun, *keepers: Keeper) -> AsyncIterator[None]:
    """These do not start within, and do afterwards."""
    for keeper in keepers:
        keeper.held_down += 1
        run.atlas.away(keeper.host.name)
    try:
        yield
    finally:
        for keeper in keepers:
            keeper.held_down -= 1
            run.atlas.back(keeper.host.name)
            run.spawn(keeper.start(), f"start {keeper.host.name}")


async def crash(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    keeper = run.keepers[targets[0]]
    if not keeper.is_up:
        return
    async with held_down(run, keeper):
        if run.chance.random() < 0.5:
            keeper.kill()
        else:
            keeper.lose_power()
        run.fired(fault.kind)
        await asyncio.sleep(fault.seconds)


async def power_cut(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    keepers = run.up()
    async with held_down(run, *keepers):
        for keeper in keepers:
            keeper.lose_power()
        run.fired(fault.kind, bool(keepers))
        await asyncio.sleep(fault.seconds)


async def pause(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    keeper = run.keepers[targets[0]]
    host = keeper.host
    if not keeper.is_up or host.pausing.is_on:
        return
    run.tell(f"{host.name} is paused")
    before = host.pausing.held_back
    run.atlas.away(host.name)
    host.pausing.begin()
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        run.atlas.back(host.name)
        if host.pausing.is_on:
            run.fired(fault.kind, host.pausing.held_back > before)
            run.tell(f"{host.name} goes on")
            host.pausing.end()


async def wipe(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    keeper = run.keepers[targets[0]]
    if keeper.has_left or not keeper.is_wanted or keeper.is_spoiled:
        return
    name = keeper.host.name
    run.atlas.lose(name)
    keeper.is_wanted = False
    if keeper.host.serving is not None and not keeper.is_busy:
        keeper.lose_power()
    run.fired(fault.kind)
    run.beside(keeper.replace(), f"replace {name}")
    await asyncio.sleep(fault.seconds)


async def restart_loop(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    keeper = run.keepers[targets[0]]
    end = run.loop.time() + fault.seconds
    while run.loop.time() < end:
        if keeper.is_up:
            async with held_down(run, keeper):
                keeper.kill()
                run.fired(fault.kind)
        await asyncio.sleep(fault.amount)


async def stop(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    keeper = run.keepers[targets[0]]
    if not keeper.is_up:
        return
    async with held_down(run, keeper):
        await run.finish(keeper.stop(), f"stop {keeper.host.name}")
        run.fired(fault.kind)
        await asyncio.sleep(fault.seconds)


async def upgrade(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    for name in list(run.keepers):
        keeper = run.keepers.get(name)
        if keeper is None or not keeper.is_up or not run.atlas.permits("stop", [name]):
            continue
        async with held_down(run, keeper):
            await run.finish(keeper.stop(), f"stop {name}")
            await asyncio.sleep(fault.amount)
            run.fired(fault.kind)
        await asyncio.sleep(fault.amount)


async def drift(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    clock = run.keepers[targets[0]].host.clock
    clock.run_at(fault.amount)
    run.fired(fault.kind)
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        clock.run_at(1.0)


async def jump(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    clock = run.keepers[targets[0]].host.clock
    clock.wall_offset += fault.amount if fault.kind == "jump-forward" else -fault.amount
    run.fired(fault.kind)


async def freeze(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    clock = run.keepers[targets[0]].host.clock
    if clock.stands_still:
        return
    clock.stop()
    run.fired(fault.kind)
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        clock.go_on()


async def noise(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    clock = run.keepers[targets[0]].host.clock
    clock.wall_noise = fault.amount
    run.fired(fault.kind)
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        clock.wall_noise = 0.0
