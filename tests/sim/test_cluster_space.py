# SPDX-License-Identifier: Apache-2.0
"""One member of a cluster without room: all refuse what grows the store, until it has room again or has left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tricord.base.alarms import AlarmKind
from tricord.base.context import Context
from tricord.base.errors import NoSpace, TricordError
from tricord.base.operations import Put
from tricord.sim.wide.world import World

NOSPACE = AlarmKind.NOSPACE


def alarms(world: World) -> list[Any]:
    return [host.member.machine.alarms for host in world.running()]


async def until_alarms_are(world: World, wanted: dict[tuple[int, AlarmKind], bool], within: float = 5) -> None:
    async with asyncio.timeout(within):
        while True:
            if all(one == wanted for one in alarms(world)):
                return
            await asyncio.sleep(0.05)


async def fill(world: World) -> None:
    """Until somebody refuses."""
    async with world.client() as store:
        with pytest.raises(NoSpace):
            for number in range(1000):
                await store.put(f"key/{number}", bytes(20_000))
                await asyncio.sleep(0.01)


async def is_refused_everywhere(world: World) -> None:
    for host in world.running():
        with pytest.raises(NoSpace):
            await host.member.engine.ask(Put(b"a", b"b"), Context())


async def start(world: World, full: str, **settings: Any) -> int:
    """All members; ``full`` has a small quota. Its id."""
    for name in world.names:
        await world[name].start(**(settings if name == full else {}))
    await world.led()
    identity: int = world[full].member.identity.member
    return identity


@pytest.mark.parametrize("seed", [41, 42])
def test_a_quota_that_one_member_passes_counts_for_all_until_space_is_made(seed: int) -> None:
    async def story(world: World) -> None:
        full = await start(world, "n2", quota_bytes=1 << 20)
        await fill(world)
        await until_alarms_are(world, {(full, NOSPACE): True})
        await is_refused_everywhere(world)
        # It is in the log: it outlives the death of the leader, and of the member itself.
        world[await world.led()].kill()
        await world.led()
        for host in world.hosts.values():
            if host.serving is None:
                await host.start(**({"quota_bytes": 1 << 20} if host.name == "n2" else {}))
        await world.led(within=10)
        await until_alarms_are(world, {(full, NOSPACE): True})
        await is_refused_everywhere(world)
        async with world.client() as store:
            await store.delete_prefix("key/")
            leader = world[await world.led()].member
            await store.compact(leader.machine.revision())
        await until_alarms_are(world, {}, within=10)
        async with world.client() as store:
            await store.put("a", "b")

    World(seed).play(story)


def test_a_follower_whose_disk_is_full_tells_the_others() -> None:
    async def story(world: World) -> None:
        await world.start()
        leader = await world.led()
        name = next(name for name in world.names if name != leader)
        disk, full = world[name].disk, world[name].member.identity.member
        taken = disk.free_bytes("/data")
        disk.reserve(taken)

        async def write() -> None:
            async with world.client(leader) as store:
                for number in range(1000):
                    await store.put(f"key/{number}", bytes(100_000))

        with pytest.raises(NoSpace):
            async with asyncio.timeout(60):
                await write()
        # The full one may be behind: it cannot log the alarm that it raised.
        assert world[leader].member.machine.alarms == {(full, NOSPACE): True}
        assert world[name].member.status().alarms == [(full, "NOSPACE")]
        disk.reserve(-taken)
        await until_alarms_are(world, {}, within=10)
        async with world.client() as store:
            await store.put("a", "b")

    World(seed=44).play(story)


def test_what_a_member_that_left_had_raised_is_cleared() -> None:
    async def story(world: World) -> None:
        full = await start(world, "n3", quota_bytes=1 << 20)
        await fill(world)
        await until_alarms_are(world, {(full, NOSPACE): True})
        world["n3"].kill()
        leader = world[await world.led(within=10)].member
        async with asyncio.timeout(20):
            while True:
                try:
                    await leader.engine.remove_member(full)
                    break
                except TricordError:
                    await asyncio.sleep(0.5)
        await until_alarms_are(world, {})
        async with world.client("n1", "n2") as store:
            await store.put("a", "b")

    World(seed=45).play(story)


def test_an_alarm_asked_for_before_anybody_was_elected_is_cleared_by_its_measure_as_well() -> None:
    async def story(world: World) -> None:
        disk = world["n2"].disk
        for name in world.names:
            await world[name].start()
        taken = disk.free_bytes("/data") - (9 << 20)  # a little less than is kept back
        disk.reserve(taken)
        await world.led(within=10)
        full = world["n2"].member.identity.member
        await until_alarms_are(world, {(full, NOSPACE): True})
        disk.reserve(-taken)
        await until_alarms_are(world, {}, within=10)

    World(seed=46).play(story)
