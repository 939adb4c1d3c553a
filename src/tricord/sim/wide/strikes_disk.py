# SPDX-License-Identifier: Apache-2.0
"""Faults of disks (``fault_kinds`` says what each is).

Who forgets what it had acknowledged comes back as it is only where that breaks no promise: all that it may have helped
to decide stands on enough of the others, and they are in terms that it cannot vote in again. Else it is held back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tricord.sim.environment import LANE_SECONDS
from tricord.sim.plan import Fault
from tricord.sim.wide.cluster_run import ClusterRun
from tricord.sim.wide.copies import Forgotten
from tricord.sim.wide.keeper import Keeper
from tricord.sim.wide.strikes_host import held_down

PATIENCE_SECONDS = 3.0
WRITE_SECONDS = 1.0
LOOK_SECONDS = 0.1
CATCH_UP_SECONDS = 5.0


async def crash_mid_write(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    await _die_within(run, fault, run.keepers[targets[0]], int(fault.amount))


async def torn_write(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    await _die_within(run, fault, run.keepers[targets[0]], 0)


async def _die_within(run: ClusterRun, fault: Fault, keeper: Keeper, writes: int) -> None:
    """The power goes during one of the next writes, which may be torn."""
    if not keeper.is_up:
        return
    async with held_down(run, keeper):
        disk = keeper.host.disk
        disk.cut_at_write = writes
        keeper.died.clear()
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await keeper.died.wait()
            run.fired(fault.kind)
        except TimeoutError:
            return
        finally:
            disk.cut_at_write = None
        await asyncio.sleep(fault.seconds)


async def fsync_error(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    keeper = run.keepers[targets[0]]
    if not keeper.is_up:
        return
    disk = keeper.host.disk
    keeper.may_fail += 1
    before = disk.failed_syncs
    async with held_down(run, keeper):
        disk.sync_fails = True
        keeper.died.clear()
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await keeper.died.wait()
        except TimeoutError:
            if disk.failed_syncs > before and keeper.is_up:
                run.violate("invariant", f"{keeper.host.name} goes on after a sync failed")
        finally:
            disk.sync_fails = False
            run.fired(fault.kind, disk.failed_syncs > before)
        await asyncio.sleep(fault.seconds)
    keeper.may_fail -= 1


async def disk_full(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    keeper = run.keepers[targets[0]]
    disk = keeper.host.disk
    before = disk.refused
    keeper.may_fail += 1
    disk.is_full = True
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        disk.is_full = False
        run.fired(fault.kind, disk.refused > before)
    await asyncio.sleep(WRITE_SECONDS)
    keeper.may_fail -= 1


async def slow_disk(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    hosts = [run.keepers[name].host for name in targets or run.keepers]
    slowed = 0

    def seconds() -> float:
        nonlocal slowed
        slowed += 1
        return run.chance.uniform(LANE_SECONDS, fault.amount)

    for host in hosts:
        host.lane_seconds = seconds
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        for host in hosts:
            host.lane_seconds = _fast
        run.fired(fault.kind, slowed > 0)


def _fast() -> float:
    return LANE_SECONDS


async def lost_fsync(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    keeper = run.keepers[targets[0]]
    disk = keeper.host.disk
    before = disk.lost_syncs
    disk.lies = True
    await _spoiled_for_a_while(run, fault, keeper)
    run.fired(fault.kind, disk.lost_syncs > before)


async def write_rot(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    keeper = run.keepers[targets[0]]
    disk = keeper.host.disk
    before = disk.spoiled_writes
    disk.rots = fault.kind == "write-rot"
    disk.misdirects = not disk.rots
    await _spoiled_for_a_while(run, fault, keeper)
    run.fired(fault.kind, disk.spoiled_writes > before)


async def _spoiled_for_a_while(run: ClusterRun, fault: Fault, keeper: Keeper) -> None:
    """The disk is not what it seems; when the time is over the member loses power."""
    run.atlas.lose(keeper.host.name)
    keeper.is_spoiled = True
    keeper.is_frail += 1
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        keeper.is_frail -= 1
        run.beside(_come_back_with_less(run, keeper, 0.0), f"{keeper.host.name} after {fault.kind}")


async def read_rot(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    keeper = run.keepers[targets[0]]

    def spoil() -> None:
        run.fired(fault.kind, keeper.host.disk.rot(int(fault.amount)) > 0)

    run.atlas.lose(keeper.host.name)
    await run.finish(_come_back_with_less(run, keeper, fault.seconds, spoil), f"{keeper.host.name} after {fault.kind}")


async def stale_disk(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    """Begins when the copy is made."""
    keeper = run.keepers[targets[0]]
    member, image = keeper.member, keeper.host.disk.image()
    await asyncio.sleep(max(0.0, fault.at - run.now()))
    name = keeper.host.name
    if keeper.member != member or not keeper.is_up or run.keepers.get(name) is not keeper or keeper.is_frail:
        return
    if not run.atlas.permits(fault.kind, [name]):
        run.outcome.withheld[fault.kind] += 1
        return

    def spoil() -> None:
        keeper.host.disk.become(image)
        run.fired(fault.kind)

    run.atlas.lose(name)
    await run.finish(_come_back_with_less(run, keeper, fault.seconds, spoil), f"{name} after {fault.kind}")


async def _come_back_with_less(
    run: ClusterRun, keeper: Keeper, seconds: float, spoil: Callable[[], None] = lambda: None
) -> None:
    """The member dies and has forgotten something. It comes back with that where it may, and is replaced else."""
    keeper.is_spoiled = True
    run.atlas.lose(keeper.host.name)
    member = keeper.host.serving.member if keeper.host.serving is not None else None
    forgotten = Forgotten(run, keeper, member)
    async with held_down(run, keeper):
        if keeper.host.serving is not None:
            keeper.lose_power()
        spoil()
        end = run.loop.time() + max(seconds, PATIENCE_SECONDS)
        while not (is_covered := forgotten.is_covered()) and run.loop.time() < end:
            await asyncio.sleep(LOOK_SECONDS)
        if not is_covered:
            run.tell(f"{keeper.host.name} may not come back with its disk")
            keeper.is_wanted = False
    if is_covered:
        try:
            async with asyncio.timeout(CATCH_UP_SECONDS):
                await run.until_caught_up(keeper)
            keeper.is_spoiled = False
            return
        except TimeoutError:
            if keeper.has_left or keeper.member != forgotten.member:
                return  # it stopped by itself, and is replaced already
            run.tell(f"{keeper.host.name} does not catch up with its disk")
    await keeper.replace()
