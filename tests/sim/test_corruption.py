# SPDX-License-Identifier: Apache-2.0
"""Planted divergences in whole clusters: each is found, named and alarmed, and the cluster writes nothing more."""

from __future__ import annotations

import asyncio

import pytest

from tricord.base.alarms import AlarmKind
from tricord.base.context import Context
from tricord.base.errors import CorruptCluster, CorruptData
from tricord.base.levels import Level
from tricord.base.operations import Put, Range
from tricord.base.ordered import Table
from tricord.mvcc.keys import keyspace_prefix
from tricord.mvcc.records import encode_record
from tricord.sim.wide.world import World

ALARM = AlarmKind.CORRUPT


async def write(world: World, count: int = 20) -> None:
    async with world.client() as store:
        for number in range(count):
            await store.put(f"key/{number}", str(number))


async def alarmed(world: World, within: float) -> dict[int, bool]:
    """The members whose CORRUPT alarm is raised, when the same is raised on all that run."""
    async with asyncio.timeout(within):
        while True:
            seen = [host.member.machine.alarms for host in world.running()]
            if seen[0] and all(one == seen[0] for one in seen):
                return {member: automatic for (member, kind), automatic in seen[0].items() if kind is ALARM}
            await asyncio.sleep(0.05)


async def write_until_refused(world: World) -> None:
    async with world.client() as store:
        with pytest.raises(CorruptCluster):
            for number in range(100_000):
                await store.put(f"load/{number % 10}", str(number))
                await asyncio.sleep(0.01)


def lose_a_value(world: World, name: str) -> None:
    """As a disk does that gives an old page: nothing notices."""
    key = keyspace_prefix(0) + b"key/3"
    world[name].member.machine._store.write([(Table.HEAD, key, encode_record(5, 5, 1, 0, b"another", 0))])


async def refusals(world: World) -> None:
    async with world.client() as store:
        with pytest.raises(CorruptCluster):
            await store.put("a", "b")
        with pytest.raises(CorruptCluster):
            await store.delete("a")


@pytest.mark.parametrize("seed", [31, 32, 33])
def test_a_member_that_decided_otherwise_is_found_within_seconds(seed: int) -> None:
    async def story(world: World) -> None:
        await world.start()
        leader = await world.led()
        await write(world)
        wrong = next(name for name in world.names if name != leader)
        await asyncio.sleep(1)
        machine = world[wrong].member.machine
        at = machine.applied_index
        machine.chain ^= 1
        await write(world, 9)
        assert await alarmed(world, 6) == {world[wrong].member.identity.member: True}
        await asyncio.sleep(1)
        (told,) = (line for line in world[leader].lines if line[0] == "members diverged")
        assert told[1] == {
            "member": f"{world[wrong].member.identity.member:x}",
            "alike_at": at,
            "unlike_at": at + 1,
        }
        await refusals(world)
        # The one that is wrong says so, the others answer.
        with pytest.raises(CorruptCluster):
            await world[wrong].member.engine.ask(Range(b"key/3"), Context(level=Level.ANY))
        await world[leader].member.engine.ask(Range(b"key/3"), Context())
        assert world[wrong].member.failure is None

    World(seed).play(story)


def test_a_leader_that_differs_is_found_and_hands_the_lead_over() -> None:
    async def story(world: World) -> None:
        await world.start()
        leader = await world.led()
        await write(world)
        world[leader].member.machine.chain ^= 1
        await write(world, 1)
        assert await alarmed(world, 6) == {world[leader].member.identity.member: True}
        await asyncio.sleep(6)
        assert await world.led() != leader

    World(seed=34).play(story)


def test_what_was_lost_after_it_was_applied_is_found_by_hashes_of_the_keys() -> None:
    async def story(world: World) -> None:
        world.settings["corrupt_check_seconds"] = 2.0
        await world.start()
        leader = await world.led()
        await write(world)
        await asyncio.sleep(3)
        assert all(not host.member.machine.alarms for host in world.running())
        wrong = next(name for name in world.names if name != leader)
        lose_a_value(world, wrong)
        # Under load, with followers that are always a little behind.
        load = asyncio.ensure_future(write_until_refused(world))
        assert await alarmed(world, 5) == {world[wrong].member.identity.member: True}
        await load
        # Replaced, it leaves with its alarm; the others write on.
        await world[leader].member.engine.remove_member(world[wrong].member.identity.member)
        await asyncio.sleep(3)
        await world[leader].member.engine.ask(Put(b"a", b"b"), Context())

    World(seed=35).play(story)


def test_where_no_majority_agrees_the_alarm_is_nobodys_and_stays_until_it_is_cleared() -> None:
    async def story(world: World) -> None:
        await world.start()
        leader = await world.led()
        await write(world)
        one, other = (name for name in world.names if name != leader)
        world[one].kill()
        world[other].member.machine.chain ^= 1
        await write(world, 1)
        assert await alarmed(world, 12) == {0: True}
        await refusals(world)
        # The third one decides the question.
        await world[one].start()
        await asyncio.sleep(8)
        assert await alarmed(world, 6) == {0: True, world[other].member.identity.member: True}

    World(seed=36).play(story)


def test_a_member_with_other_data_does_not_start_where_that_is_asked_for() -> None:
    async def story(world: World) -> None:
        world.settings["initial_corrupt_check"] = True
        await world.start()
        leader = await world.led()
        await write(world)
        wrong = next(name for name in world.names if name != leader)
        await world[wrong].stop()
        await world[wrong].start()
        await asyncio.sleep(2)
        assert world[wrong].member.turns.started, "nothing differs"
        lose_a_value(world, wrong)
        await asyncio.sleep(1)
        await world[wrong].stop()
        await world[wrong].start()
        async with asyncio.timeout(8):
            failure = await world[wrong].member.until_failed()
        assert isinstance(failure, CorruptData)
        assert "the data at revision 21 is not that of member" in str(failure)

    World(seed=37).play(story)


def test_a_cluster_that_starts_together_waits_for_nobody_for_long() -> None:
    async def story(world: World) -> None:
        world.settings["initial_corrupt_check"] = True
        await world.start()
        await write(world)
        for host in world.running():
            await host.stop()
        await world["n1"].start()
        await world["n2"].start()
        await world.led(within=8)
        await write(world)

    World(seed=38).play(story)
