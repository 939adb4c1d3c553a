# SPDX-License-Identifier: Apache-2.0
"""A member's own alarms: raised and cleared by its measure, kept apart from those that people raise."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.server.test_member_engine import play, refusal
from tricord.base.alarms import AlarmChange, AlarmChangeResult, AlarmKind
from tricord.base.context import Context
from tricord.base.errors import CorruptCluster, InvalidRequest, NoSpace
from tricord.base.leases import LeaseGrant
from tricord.base.levels import Level
from tricord.base.operations import Compact, DeleteRange, Put, Range, Txn
from tricord.server.member import Member
from tricord.server.quota import wanted
from tricord.statemachine.alarms import grows

NOSPACE, CORRUPT = AlarmKind.NOSPACE, AlarmKind.CORRUPT


@pytest.mark.parametrize(
    ("raised", "why_full", "used", "change"),
    [
        (None, "", 100, None),
        (None, "full", 101, True),
        (True, "full", 101, None),
        (True, "", 90, None),
        (True, "", 80, False),
        (True, "the disk is full", 10, None),
        (False, "full", 101, None),
        (False, "", 10, None),
    ],
)
def test_the_alarm_is_wanted_above_the_quota_and_unwanted_well_below(
    raised: bool | None, why_full: str, used: int, change: bool | None
) -> None:
    alarms = {} if raised is None else {(7, NOSPACE): raised}
    assert wanted(7, alarms | {(8, NOSPACE): True}, why_full=why_full, used=used, quota=100) is change


async def fill(member: Member) -> None:
    with pytest.raises(NoSpace):
        for number in range(1000):
            await member.engine.ask(Put(b"%d" % number, bytes(10_000)), Context())


async def change(member: Member, kind: AlarmKind, raised: bool, who: int | None = None) -> AlarmChangeResult:
    who = member.identity.member if who is None else who
    result, _ = await member.engine.ask(AlarmChange(who, kind, raised), Context())
    assert isinstance(result, AlarmChangeResult)
    return result


def test_a_full_store_raises_the_alarm_in_the_log_and_clears_it_when_there_is_room() -> None:
    async def story(member: Member) -> None:
        own = member.identity.member
        await fill(member)
        await asyncio.sleep(0.2)
        assert member.machine.alarms == {(own, NOSPACE): True}
        await asyncio.sleep(2)
        assert member.machine.alarms == {(own, NOSPACE): True}, "still full"
        assert isinstance(await refusal(member, LeaseGrant(10, 5)), NoSpace)
        # An operator may clear it. That makes no room.
        assert (await change(member, NOSPACE, False)).changed
        await fill(member)
        await asyncio.sleep(1)
        assert member.machine.alarms == {(own, NOSPACE): True}
        _, stamp = await member.engine.ask(DeleteRange(b"\0", b"\0"), Context())
        await member.engine.ask(Compact(stamp.revision, physical=True), Context())
        await asyncio.sleep(1)
        assert member.machine.alarms == {}
        assert member.status().alarms == []
        await member.engine.ask(Put(b"a", b"1"), Context())

    play(story, quota_bytes=1 << 20)


def test_an_alarm_that_a_person_raised_refuses_until_a_person_clears_it() -> None:
    async def story(member: Member) -> None:
        own = member.identity.member
        assert (await change(member, NOSPACE, True)).changed
        assert (await change(member, NOSPACE, True, who=0)).changed
        await asyncio.sleep(2)
        assert member.status().alarms == [(0, "NOSPACE"), (own, "NOSPACE")]
        assert [check.ok for check in member.health() if check.name == "alarm_nospace"] == [False]
        assert isinstance(await refusal(member, Put(b"a", b"1")), NoSpace)
        assert isinstance(await refusal(member, Txn([], [], [Put(b"a", b"1")])), NoSpace)
        await member.engine.ask(DeleteRange(b"a"), Context())
        await change(member, NOSPACE, False)
        assert isinstance(await refusal(member, Put(b"a", b"1")), NoSpace)
        await change(member, NOSPACE, False, who=0)
        await member.engine.ask(Put(b"a", b"1"), Context())

    play(story)


def test_while_members_differ_nothing_is_written_and_the_one_that_was_found_out_answers_no_read() -> None:
    async def story(member: Member) -> None:
        own = member.identity.member
        _, stamp = await member.engine.ask(Put(b"a", b"1"), Context())
        await change(member, CORRUPT, True)
        for request in (Put(b"a", b"1"), DeleteRange(b"a"), Compact(stamp.revision)):
            assert isinstance(await refusal(member, request), CorruptCluster)
        await member.engine.ask(Range(b"a"), Context())
        await change(member, CORRUPT, False)
        await member.engine.ask(AlarmChange(own, CORRUPT, True, automatic=True), Context())
        assert member.status().alarms == [(own, "CORRUPT")]
        for level in (Level.LINEARIZABLE, Level.SEQUENTIAL, Level.ANY):
            assert isinstance(await refusal(member, Range(b"a"), Context(level=level)), CorruptCluster)
        with pytest.raises(CorruptCluster):
            member.engine.open_watch(Context(), lambda: None)
        await change(member, CORRUPT, False)
        await member.engine.ask(Range(b"a"), Context())

    play(story)


def test_what_is_no_alarm_is_refused_before_the_log() -> None:
    async def story(member: Member) -> None:
        before = member.status().raft_index
        unknown: Any = 9
        assert isinstance(await refusal(member, AlarmChange(1, unknown, True)), InvalidRequest)
        assert isinstance(await refusal(member, AlarmChange(-1, NOSPACE, True)), InvalidRequest)
        assert member.status().raft_index == before

    play(story)


def test_alarms_themselves_need_no_room() -> None:
    assert not grows(AlarmChange(1, NOSPACE, True))
