# SPDX-License-Identifier: Apache-2.0
"""Keep-alive streams of whole members: many renewals at a time, given up at every point, over changes of leaders."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from tricord.base.context import Context
from tricord.base.leases import LeaseGrant, LeaseKeepAlive, LeaseKeepAliveResult, LeaseList, LeaseListResult
from tricord.base.operations import Put
from tricord.lease.records import LeaseRecord
from tricord.sim.environment import simulated_environment
from tricord.sim.wide.host import PORT, Host
from tricord.sim.wide.world import World
from tricord.storage.memory_disk import MemoryDisk
from tricord.transport.client_call import CallBroken
from tricord.transport.client_connection import ClientConnection, dial
from tricord.wire.etcd.leases import decode_keep_alive_response
from tricord.wire.etcd.requests import encode_request
from tricord.wire.grpc.answering_call import ServerAnsweringCall

PATH = "/etcdserverpb.Lease/LeaseKeepAlive"


async def connect(world: World, name: str) -> ClientConnection:
    network = world.network.at("client")
    environment = simulated_environment(world.loop, MemoryDisk(seed=0), world.seed + 9, network)
    return await dial(environment, name, PORT)


def renewal(identity: int) -> bytes:
    return encode_request(LeaseKeepAlive(identity))


async def granted(host: Host, *leases: int) -> None:
    for lease in leases:
        await host.member.engine.ask(LeaseGrant(10, lease), Context())


def kept(host: Host) -> list[Any]:
    """What a member holds of questions about leases."""
    leases = host.member.engine.leases
    keeping = leases.keeping
    held = (leases._idle, leases._outbox, leases._sent, leases._told, leases._uncharged, leases._batches)
    return [*filter(None, held), *filter(None, (keeping._waiting, keeping._proposed, keeping._takes_back))]


def test_a_stream_carries_many_renewals_at_a_time() -> None:
    async def story(world: World) -> None:
        await world.start()
        leader = await world.led()
        await granted(world[leader], *range(1, 51))
        for name in world.names:
            connection = await connect(world, name)
            call = await connection.stream(PATH)
            began = world.loop.time()
            for lease in range(1, 52):
                await call.send(renewal(lease))
            call.end()
            answers = [decode_keep_alive_response(answer)[0] async for answer in call]
            assert world.loop.time() - began < 0.1, "one round for all of them, not one for each"
            assert sorted((answer.id, answer.ttl) for answer in answers) == [
                (lease, 10 if lease < 51 else 0) for lease in range(1, 52)
            ]
            connection.close()
            await connection.wait_closed()

    World(seed=71).play(story)


@pytest.mark.parametrize("where", ["leader", "follower"])
def test_a_stream_that_is_given_up_at_any_point_leaves_nothing(where: str) -> None:
    async def story(world: World) -> None:
        for host in world.hosts.values():
            await host.start(lease_checkpoint_interval=1)
        leader = await world.led()
        name = leader if where == "leader" else next(one for one in world.names if one != leader)
        await granted(world[leader], 1, 2, 3)
        connection = await connect(world, name)
        await asyncio.sleep(0.5)
        tasks = len(asyncio.all_tasks())
        for step in range(24):
            await asyncio.sleep(1.2 if step % 6 == 0 else 0.05)
            call = await connection.stream(PATH)
            for lease in (1, 2, 3, 99):
                await call.send(renewal(lease))
            await asyncio.sleep(step * 0.00025)
            call.cancel()
            with pytest.raises(CallBroken):
                async for _ in call:
                    pass
        await asyncio.sleep(0.5)
        assert len(asyncio.all_tasks()) <= tasks
        for host in world.running():
            assert host.member.engine.waiting == 0
            assert not kept(host)
        gc.collect()
        assert not [one for one in gc.get_objects() if type(one) is ServerAnsweringCall], "no call outlives its stream"
        connection.close()
        await connection.wait_closed()

    World(seed=72).play(story)


def test_a_stream_lives_through_a_change_of_leaders() -> None:
    async def story(world: World) -> None:
        await world.start()
        leader = await world.led()
        await granted(world[leader], 7)
        follower = next(name for name in world.names if name != leader)
        connection = await connect(world, follower)
        call = await connection.stream(PATH)
        for act in ("nothing", "move", "kill"):
            if act == "move":
                await world[leader].member.engine.move_leader(0)
            elif act == "kill":
                now = await world.led()
                if now == follower:
                    break
                world[now].kill()
            await call.send(renewal(7))
            answer, stamp = decode_keep_alive_response(await anext(call))
            assert answer == LeaseKeepAliveResult(7, 10)
            assert stamp.member == world[follower].member.identity.member
        call.end()
        assert [answer async for answer in call] == []
        connection.close()

    World(seed=73).play(story)


def test_one_that_missed_the_log_gets_the_leases_with_the_snapshot() -> None:
    async def story(world: World) -> None:
        for host in world.hosts.values():
            await host.start(lease_checkpoint_interval=3)
        leader = await world.led()
        behind = next(name for name in world.names if name != leader)
        world[behind].kill()
        engine = world[leader].member.engine
        await granted(world[leader], 1, 2)
        await engine.ask(Put(b"a", b"1", lease=1), Context())
        await asyncio.sleep(3.5)
        for _ in range(24):
            await engine.ask(Put(b"k", bytes(1_000_000)), Context())
        await world[behind].start(lease_checkpoint_interval=3)
        await world.led()
        machine = world[behind].member.machine
        await world[behind].member.turns.until(lambda: machine.revision() == world[leader].member.machine.revision())
        assert world[leader].member.snapshots.outgoing.made == 1
        assert machine.leases(None, 0) == [(1, LeaseRecord(10, 7)), (2, LeaseRecord(10, 7))]
        assert machine.lease_keys(1) == [b"a"]
        assert machine.chain == world[leader].member.machine.chain
        world[leader].kill()
        await world.led()
        assert machine.leases(None, 0)
        await asyncio.sleep(8)
        assert (await world[behind].member.engine.ask(LeaseList(), Context()))[0] == LeaseListResult([])

    World(seed=74).play(story)
