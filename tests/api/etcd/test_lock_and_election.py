# SPDX-License-Identifier: Apache-2.0
"""Locks and elections on a member in virtual time: who is first, who waits, who leaves, and what is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from google.protobuf.message import Message

from tests.api.etcd.scripted_engine import RecordedCall
from tricord.api import etcd
from tricord.base.context import Context
from tricord.base.leases import LeaseGrant, LeaseGrantResult, LeaseRevoke
from tricord.base.operations import DeleteRange, Put, Range, RangeResult
from tricord.server.configuration import Configuration
from tricord.server.member import Member
from tricord.sim.environment import simulated_environment
from tricord.sim.virtual_loop import VirtualLoop
from tricord.storage.memory_disk import MemoryDisk
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.schemas import election, lock

LOCK = "/v3lockpb.Lock/"
ELECTION = "/v3electionpb.Election/"


class Stage:
    """One member, and calls of its methods."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.methods = {method.path: method for method in etcd.methods(member.engine)}

    def begin(self, path: str, request: Message, deadline: float | None = None) -> RecordedCall:
        call = RecordedCall(deadline=deadline)
        handler: Any = self.methods[path].handler
        handler(request.SerializeToString(), call)
        return call

    async def lock(self, name: bytes, lease: int) -> lock.LockResponse:
        return lock.LockResponse.FromString(await answered(self.begin_lock(name, lease)))

    def begin_lock(self, name: bytes, lease: int) -> RecordedCall:
        return self.begin(LOCK + "Lock", lock.LockRequest(name=name, lease=lease))

    async def unlock(self, key: bytes) -> None:
        await answered(self.begin(LOCK + "Unlock", lock.UnlockRequest(key=key)))

    async def lease(self, ttl: int = 60) -> int:
        result, _ = await self.member.engine.ask(LeaseGrant(ttl), Context())
        assert isinstance(result, LeaseGrantResult)
        return result.id

    async def keys(self, prefix: bytes) -> list[bytes]:
        result, _ = await self.member.engine.ask(Range(prefix, prefix + b"\xff"), Context())
        assert isinstance(result, RangeResult)
        return [kv.key for kv in result.kvs]

    async def settled(self) -> None:
        """All that needs no time to pass has happened."""
        await asyncio.sleep(0.5)


async def answered(call: RecordedCall) -> bytes:
    await call.ended.wait()
    if call.failures:
        raise GrpcError(*call.failures[0])
    return call.replies[0]


def play(story: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    loop = VirtualLoop()

    async def run() -> None:
        member = Member(simulated_environment(loop, MemoryDisk(), seed=1), Configuration(data_dir="/data"))
        await member.start()
        tasks = len(asyncio.all_tasks())
        await story(Stage(member))
        await asyncio.sleep(0.5)
        assert len(asyncio.all_tasks()) == tasks
        assert member.metrics.watches is not None
        assert member.metrics.watches().streams == 0
        await member.stop()

    try:
        loop.run_until_complete(run())
    finally:
        loop.close()


def test_contenders_hold_the_lock_in_the_order_they_came() -> None:
    async def story(stage: Stage) -> None:
        leases = [await stage.lease() for _ in range(4)]
        held = await stage.lock(b"l", leases[0])
        assert held.key == b"l/%x" % leases[0]
        waiting = [stage.begin_lock(b"l", lease) for lease in leases[1:]]
        for position in range(3):
            await stage.settled()
            assert [bool(call.replies) for call in waiting] == [number < position for number in range(3)]
            await stage.unlock(held.key)
            held = lock.LockResponse.FromString(await answered(waiting[position]))
        await stage.unlock(held.key)
        assert await stage.keys(b"l/") == []

    play(story)


def test_the_same_lease_holds_its_lock_twice() -> None:
    async def story(stage: Stage) -> None:
        lease = await stage.lease()
        first, second = await stage.lock(b"l", lease), await stage.lock(b"l", lease)
        assert first.key == second.key
        await stage.unlock(first.key)

    play(story)


def test_who_stops_waiting_leaves_the_queue_and_nobody_waits_for_them() -> None:
    async def story(stage: Stage) -> None:
        leases = [await stage.lease() for _ in range(3)]
        held = await stage.lock(b"l", leases[0])
        gives_up, stays = stage.begin_lock(b"l", leases[1]), stage.begin_lock(b"l", leases[2])
        await stage.settled()
        gives_up.cancel()
        await stage.settled()
        assert await stage.keys(b"l/") == sorted([held.key, b"l/%x" % leases[2]])
        await stage.unlock(held.key)
        await answered(stays)
        await stage.unlock(b"l/%x" % leases[2])

    play(story)


@pytest.mark.parametrize("turns", range(12))
def test_a_wait_that_is_given_up_at_any_point_leaves_no_ghost_behind(turns: int) -> None:
    async def story(stage: Stage) -> None:
        leases = [await stage.lease() for _ in range(2)]
        held = await stage.lock(b"l", leases[0])
        gives_up = stage.begin_lock(b"l", leases[1])
        for _ in range(turns):
            await asyncio.sleep(0)
        gives_up.cancel()
        await stage.settled()
        # Before it is in the queue nobody can tell whether it will be; its lease, which ends, is what takes it out.
        if await stage.keys(b"l/") != [held.key]:
            await stage.member.engine.ask(LeaseRevoke(leases[1]), Context())
        assert await stage.keys(b"l/") == [held.key]
        await stage.unlock(held.key)

    play(story)


def test_a_lease_that_ends_passes_the_lock_on_and_ends_a_wait() -> None:
    async def story(stage: Stage) -> None:
        short, long, ending = await stage.lease(5), await stage.lease(600), await stage.lease(600)
        held = await stage.lock(b"l", short)
        waits, expires = stage.begin_lock(b"l", long), stage.begin_lock(b"l", ending)
        await stage.settled()
        await stage.member.engine.ask(LeaseRevoke(ending), Context())
        await asyncio.sleep(10)
        assert lock.LockResponse.FromString(await answered(waits)).key == b"l/%x" % long
        assert held.key not in await stage.keys(b"l/")
        assert not expires.ended.is_set()
        await stage.unlock(b"l/%x" % long)
        with pytest.raises(GrpcError, match="mutex: session is expired") as caught:
            await answered(expires)
        assert caught.value.status == Status.UNKNOWN

    play(story)


def test_a_caller_without_a_lease_gets_one_that_ends() -> None:
    async def story(stage: Stage) -> None:
        held = await stage.lock(b"l", 0)
        assert await stage.keys(b"l/") == [held.key]
        await asyncio.sleep(70)
        assert await stage.keys(b"l/") == []

    play(story)


def test_a_compaction_while_waiting_does_no_harm() -> None:
    async def story(stage: Stage) -> None:
        leases = [await stage.lease() for _ in range(2)]
        held = await stage.lock(b"l", leases[0])
        waits = stage.begin_lock(b"l", leases[1])
        await stage.settled()
        await stage.unlock(held.key)
        await answered(waits)
        await stage.unlock(b"l/%x" % leases[1])

    play(story)


@pytest.mark.parametrize(
    ("path", "request_", "text"),
    [
        (LOCK + "Lock", lock.LockRequest(name=b"l", lease=77), "etcdserver: requested lease not found"),
        (LOCK + "Unlock", lock.UnlockRequest(), "etcdserver: key is not provided"),
        (ELECTION + "Leader", election.LeaderRequest(name=b"e"), "election: no leader"),
        (ELECTION + "Proclaim", election.ProclaimRequest(value=b"v"), '"leader" field must be provided'),
        (ELECTION + "Resign", election.ResignRequest(), '"leader" field must be provided'),
        (
            ELECTION + "Proclaim",
            election.ProclaimRequest(leader=election.LeaderKey(name=b"e", key=b"e/1", rev=7), value=b"v"),
            "election: not leader",
        ),
    ],
)
def test_what_is_refused_is_refused_in_etcds_words(path: str, request_: Message, text: str) -> None:
    async def story(stage: Stage) -> None:
        with pytest.raises(GrpcError) as caught:
            await answered(stage.begin(path, request_))
        assert (caught.value.status, caught.value.text) == (Status.UNKNOWN, text)

    play(story)


def campaign(stage: Stage, lease: int, value: bytes) -> RecordedCall:
    return stage.begin(ELECTION + "Campaign", election.CampaignRequest(name=b"e", lease=lease, value=value))


def test_an_election_is_won_proclaimed_resigned_and_observed() -> None:
    async def story(stage: Stage) -> None:
        observing = RecordedCall(incoming=[election.LeaderRequest(name=b"e").SerializeToString()])
        observe: Any = stage.methods[ELECTION + "Observe"].handler
        watching = asyncio.get_running_loop().create_task(observe(observing))
        await stage.settled()
        assert observing.replies == []
        leases = [await stage.lease() for _ in range(2)]
        won = election.CampaignResponse.FromString(await answered(campaign(stage, leases[0], b"one")))
        assert (won.leader.key, won.leader.lease) == (b"e/%x" % leases[0], leases[0])
        waits = campaign(stage, leases[1], b"two")
        await stage.settled()
        assert not waits.ended.is_set()
        await answered(
            stage.begin(ELECTION + "Proclaim", election.ProclaimRequest(leader=won.leader, value=b"one again"))
        )
        leader = election.LeaderResponse.FromString(
            await answered(stage.begin(ELECTION + "Leader", election.LeaderRequest(name=b"e")))
        )
        assert leader.kv.value == b"one again"
        await answered(stage.begin(ELECTION + "Resign", election.ResignRequest(leader=won.leader)))
        second = election.CampaignResponse.FromString(await answered(waits))
        await stage.settled()
        seen = [election.LeaderResponse.FromString(reply) for reply in observing.replies]
        assert [one.kv.value for one in seen] == [b"one", b"one again", b"two"]
        assert [one.header.revision for one in seen][:2] == [one.kv.mod_revision for one in seen][:2]
        await answered(stage.begin(ELECTION + "Resign", election.ResignRequest(leader=second.leader)))
        watching.cancel()

    play(story)


def test_a_candidate_who_campaigns_again_proclaims_the_new_value() -> None:
    async def story(stage: Stage) -> None:
        lease = await stage.lease()
        first = election.CampaignResponse.FromString(await answered(campaign(stage, lease, b"one")))
        again = election.CampaignResponse.FromString(await answered(campaign(stage, lease, b"other")))
        assert first.leader == again.leader
        leader = election.LeaderResponse.FromString(
            await answered(stage.begin(ELECTION + "Leader", election.LeaderRequest(name=b"e")))
        )
        assert leader.kv.value == b"other"

    play(story)


def test_a_compaction_does_not_stop_those_who_observe() -> None:
    async def story(stage: Stage) -> None:
        await stage.member.engine.ask(Put(b"e/1", b"first"), Context())
        observing = RecordedCall(incoming=[election.LeaderRequest(name=b"e").SerializeToString()])
        observe: Any = stage.methods[ELECTION + "Observe"].handler
        watching = asyncio.get_running_loop().create_task(observe(observing))
        await stage.settled()
        await stage.member.engine.ask(DeleteRange(b"e/1"), Context())
        await stage.member.engine.ask(Put(b"e/2", b"second"), Context())
        await stage.settled()
        seen = [election.LeaderResponse.FromString(reply).kv.value for reply in observing.replies]
        assert seen == [b"first", b"second"]
        watching.cancel()

    play(story)
