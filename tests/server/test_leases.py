# SPDX-License-Identifier: Apache-2.0
"""Leases of one member: granted, renewed, told, ended by its clock, and what happens over restarts and pauses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tricord.base.alarms import AlarmChange, AlarmKind
from tricord.base.context import Context
from tricord.base.errors import (
    InvalidRequest,
    LeaseExists,
    LeaseNotFound,
    LeaseTimeToLiveTooLarge,
    NoSpace,
    Stopping,
    TooManyRequests,
    TricordError,
)
from tricord.base.leases import (
    LeaseCheckpoint,
    LeaseExpire,
    LeaseGrant,
    LeaseGrantResult,
    LeaseKeepAlive,
    LeaseKeepAliveResult,
    LeaseList,
    LeaseListResult,
    LeaseRevoke,
    LeaseRevokeResult,
    LeaseTimeToLive,
    LeaseTimeToLiveResult,
)
from tricord.base.operations import DeleteRange, Put, Range, RangeResult, Request, Result
from tricord.lease.records import LeaseRecord
from tricord.server import lease_keeping
from tricord.server.configuration import Configuration
from tricord.server.member import Member
from tricord.sim.environment import simulated_environment
from tricord.sim.virtual_loop import VirtualLoop
from tricord.storage.memory_disk import MemoryDisk

Story = Callable[[Member], Coroutine[None, None, None]]


def play(*stories: Story, **settings: Any) -> None:
    """Each story is a process of its own on the same disk."""
    loop, disk = VirtualLoop(), MemoryDisk()

    async def whole() -> None:
        for seed, story in enumerate(stories):
            member = Member(simulated_environment(loop, disk, seed), Configuration(data_dir="/data", **settings))
            await member.start()
            await story(member)
            await member.stop()

    try:
        loop.run_until_complete(whole())
    finally:
        loop.close()


async def ask(member: Member, request: Request) -> Result:
    return (await member.engine.ask(request, Context()))[0]


async def refusal(member: Member, request: Request) -> type[TricordError]:
    with pytest.raises(TricordError) as caught:
        await ask(member, request)
    return type(caught.value)


async def listed(member: Member) -> list[int]:
    found = await ask(member, LeaseList())
    assert isinstance(found, LeaseListResult)
    return found.ids


def test_a_grant_has_an_id_and_is_long_enough() -> None:
    async def story(member: Member) -> None:
        for asked, given in ((0, 2), (-1, 2), (1, 2), (2, 2), (3, 3), (9_000_000_000, 9_000_000_000)):
            granted = await ask(member, LeaseGrant(asked))
            assert isinstance(granted, LeaseGrantResult)
            assert (granted.ttl, 0 < granted.id < 1 << 63) == (given, True)
        assert await ask(member, LeaseGrant(5, 7)) == LeaseGrantResult(7, 5)
        assert await refusal(member, LeaseGrant(5, 7)) is LeaseExists
        assert await refusal(member, LeaseGrant(9_000_000_001)) is LeaseTimeToLiveTooLarge
        assert len(await listed(member)) == 7

    play(story)


@pytest.mark.parametrize(
    ("election", "heartbeat", "shortest"),
    [(1000, 100, 2), (500, 100, 1), (700, 100, 1), (3000, 100, 5), (5000, 1000, 7)],
)
def test_the_shortest_time_to_live_follows_the_election_timeout_as_in_etcd(
    election: int, heartbeat: int, shortest: int
) -> None:
    configuration = Configuration(election_timeout=election, heartbeat_interval=heartbeat)
    assert configuration.lease_ttl_min == shortest


def test_what_is_for_members_alone_or_no_number_is_refused() -> None:
    async def story(member: Member) -> None:
        assert await refusal(member, LeaseExpire([7])) is InvalidRequest
        assert await refusal(member, LeaseCheckpoint([(7, 1)])) is InvalidRequest
        for request in (LeaseGrant(5, 1 << 63), LeaseRevoke(1 << 63), LeaseKeepAlive(-(1 << 63) - 1)):
            assert await refusal(member, request) is InvalidRequest

    play(story)


def test_a_renewed_lease_lives_and_one_that_is_not_takes_its_keys_along() -> None:
    async def story(member: Member) -> None:
        await ask(member, LeaseGrant(3, 7))
        await ask(member, Put(b"a", b"1", lease=7))
        for _ in range(4):
            await asyncio.sleep(2)
            assert await ask(member, LeaseKeepAlive(7)) == LeaseKeepAliveResult(7, 3)
        await asyncio.sleep(0.5)
        assert await ask(member, LeaseTimeToLive(7, True)) == LeaseTimeToLiveResult(7, 2, 3, [b"a"])
        await asyncio.sleep(2.4)
        assert await listed(member) == [7]
        await asyncio.sleep(0.3)
        assert await listed(member) == []
        assert await ask(member, Range(b"a")) == RangeResult([], False, 0)
        assert await ask(member, LeaseKeepAlive(7)) == LeaseKeepAliveResult(7, 0)
        assert await ask(member, LeaseTimeToLive(7, True)) == LeaseTimeToLiveResult(7, -1, 0, [])
        metrics = member.metrics
        assert (metrics.lease_granted, metrics.lease_renewed) == (1, 4)
        assert (metrics.lease_revoked, metrics.lease_expired) == (1, 1)

    play(story)


def test_each_lease_that_ends_is_a_revision_of_its_own_as_in_etcd() -> None:
    async def story(member: Member) -> None:
        for lease in (7, 8, 9):
            await ask(member, LeaseGrant(2, lease))
        for key, lease in ((b"a", 7), (b"b", 7), (b"c", 8)):
            await ask(member, Put(key, b"1", lease=lease))
        await asyncio.sleep(3)
        assert await listed(member) == []
        assert member.engine.stamp().revision == 4 + 2

    play(story)


def test_a_revoked_lease_is_gone_at_once() -> None:
    async def story(member: Member) -> None:
        await ask(member, LeaseGrant(3, 7))
        await ask(member, Put(b"a", b"1", lease=7))
        assert await ask(member, LeaseRevoke(7)) == LeaseRevokeResult()
        assert await refusal(member, LeaseRevoke(7)) is LeaseNotFound
        assert await ask(member, Range(b"a")) == RangeResult([], False, 0)
        await asyncio.sleep(5)
        assert (member.metrics.lease_revoked, member.metrics.lease_expired) == (1, 0)

    play(story)


def test_after_a_restart_leases_have_their_full_time_again() -> None:
    async def before(member: Member) -> None:
        await ask(member, LeaseGrant(10, 7))
        await ask(member, Put(b"a", b"1", lease=7))
        await asyncio.sleep(8)

    async def after(member: Member) -> None:
        await asyncio.sleep(0.5)
        assert await ask(member, LeaseTimeToLive(7, True)) == LeaseTimeToLiveResult(7, 9, 10, [b"a"])
        await asyncio.sleep(9)
        assert await ask(member, LeaseTimeToLive(7)) == LeaseTimeToLiveResult(7, 0, 10, [])
        assert await ask(member, LeaseKeepAlive(7)) == LeaseKeepAliveResult(7, 10)
        await asyncio.sleep(10.3)
        assert await listed(member) == []

    play(before, after)


def test_a_checkpoint_says_what_is_left_and_a_renewal_takes_it_back() -> None:
    async def first(member: Member) -> None:
        await ask(member, LeaseGrant(10, 7))
        await ask(member, LeaseGrant(10, 8))
        await asyncio.sleep(3.2)
        assert member.machine.leases(None, 0) == [(7, LeaseRecord(10, 7)), (8, LeaseRecord(10, 7))]
        assert await ask(member, LeaseKeepAlive(8)) == LeaseKeepAliveResult(8, 10)
        assert member.machine.leases(None, 0) == [(7, LeaseRecord(10, 7)), (8, LeaseRecord(10))]
        await asyncio.sleep(1)

    async def second(member: Member) -> None:
        await asyncio.sleep(0.5)
        assert await ask(member, LeaseTimeToLive(7)) == LeaseTimeToLiveResult(7, 6, 10, [])
        assert await ask(member, LeaseTimeToLive(8)) == LeaseTimeToLiveResult(8, 9, 10, [])
        await asyncio.sleep(6.7)
        assert await listed(member) == [8]

    play(first, second, lease_checkpoint_interval=3)


def test_checkpoints_are_not_for_leases_that_are_renewed_in_time() -> None:
    async def story(member: Member) -> None:
        await ask(member, LeaseGrant(10, 7))
        for _ in range(10):
            await asyncio.sleep(2)
            assert await ask(member, LeaseKeepAlive(7)) == LeaseKeepAliveResult(7, 10)
        assert member.machine.applied_index < 6

    play(story, lease_checkpoint_interval=3)


def test_a_new_leader_with_many_leases_serves_none_of_them_before_it_knows_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_keeping, "LOAD_LEASES", 3)

    async def before(member: Member) -> None:
        for lease in range(1, 11):
            await ask(member, LeaseGrant(10, lease))

    async def after(member: Member) -> None:
        results = await asyncio.gather(*(ask(member, LeaseKeepAlive(lease)) for lease in range(1, 12)))
        assert results == [LeaseKeepAliveResult(lease, 10 if lease < 11 else 0) for lease in range(1, 12)]

    play(before, after)


def test_many_leases_end_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_keeping, "ENDS_MAX", 7)

    async def story(member: Member) -> None:
        await asyncio.gather(*(ask(member, LeaseGrant(2)) for _ in range(50)))
        await asyncio.sleep(2.8)
        assert await listed(member) == []
        assert member.metrics.lease_expired == 50

    play(story)


def test_a_grant_grows_the_store_and_what_ends_a_lease_does_not() -> None:
    async def story(member: Member) -> None:
        await ask(member, LeaseGrant(3, 7))
        for number in range(4):
            await ask(member, Put(b"%d" % number, b"x" * 1_000_000, lease=7))
        assert await refusal(member, LeaseGrant(5)) is NoSpace
        assert await ask(member, LeaseKeepAlive(7)) == LeaseKeepAliveResult(7, 3)
        await ask(member, DeleteRange(b"0"))
        await asyncio.sleep(4)
        assert await listed(member) == []

    play(story, quota_bytes=3 << 20)


def test_what_waits_when_the_member_stops_is_answered() -> None:
    async def story(member: Member) -> None:
        await ask(member, LeaseGrant(3, 7))
        asking = [asyncio.ensure_future(refusal(member, LeaseKeepAlive(7))) for _ in range(3)]
        await asyncio.sleep(0)
        member.engine.stop()
        assert await asyncio.gather(*asking) == [Stopping] * 3

    play(story)


def test_one_who_went_away_costs_nothing() -> None:
    async def story(member: Member) -> None:
        await ask(member, LeaseGrant(3, 7))
        context = Context()
        asking = asyncio.ensure_future(member.engine.ask(LeaseKeepAlive(7), context))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.sleep(1)
        assert context.cancelled
        assert member.engine.waiting == 0

    play(story)


def test_while_an_alarm_keeps_leases_from_ending_they_stay_and_can_be_renewed() -> None:
    async def story(member: Member) -> None:
        await ask(member, LeaseGrant(3, 7))
        await ask(member, LeaseGrant(3, 8))
        await ask(member, AlarmChange(99, AlarmKind.CORRUPT, True))
        before = member.machine.applied_index
        await asyncio.sleep(20)
        assert await listed(member) == [7, 8]
        assert member.machine.applied_index == before, "what would be refused is not logged again and again"
        assert await ask(member, LeaseKeepAlive(7)) == LeaseKeepAliveResult(7, 3)
        await ask(member, AlarmChange(99, AlarmKind.CORRUPT, False))
        await asyncio.sleep(1.2)
        assert await listed(member) == [7]
        await asyncio.sleep(3)
        assert await listed(member) == []

    play(story)


def test_what_the_log_refuses_is_proposed_again_in_time() -> None:
    async def story(member: Member) -> None:
        await ask(member, LeaseGrant(10, 7))
        await asyncio.sleep(3.2)
        assert member.machine.leases(None, 0) == [(7, LeaseRecord(10, 7))]
        proposed: list[int] = []
        propose = member.turns.propose

        def refuse(ticket: int, command: bytes) -> None:
            proposed.append(ticket)
            if len(proposed) < 4:
                member.engine.dropped(ticket, TooManyRequests())
            else:
                propose(ticket, command)

        member.turns.propose = refuse  # type: ignore[method-assign]
        began = asyncio.get_running_loop().time()
        assert await ask(member, LeaseKeepAlive(7)) == LeaseKeepAliveResult(7, 10)
        assert 0.2 < asyncio.get_running_loop().time() - began < 0.5
        assert len(proposed) == 4
        assert member.machine.leases(None, 0) == [(7, LeaseRecord(10))]
        await asyncio.sleep(3.2)
        proposed.clear()
        await asyncio.sleep(7.1)
        assert 3 <= len(proposed) <= 6
        await asyncio.sleep(4)
        assert await listed(member) == []

    play(story, lease_checkpoint_interval=3)
