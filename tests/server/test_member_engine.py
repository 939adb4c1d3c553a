# SPDX-License-Identifier: Apache-2.0
"""The engine of a member: what it refuses before the log, when it answers, and that it answers exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tricord.base.context import Context
from tricord.base.errors import (
    DeadlineExceeded,
    KeyNotProvided,
    KeyspaceNotFound,
    NoSpace,
    OutcomeUnknown,
    PermissionDenied,
    RequestTooLarge,
    Stopping,
    TooManyOperations,
    TooManyRequests,
    TricordError,
)
from tricord.base.levels import Level, Stamp
from tricord.base.operations import (
    Compact,
    CompactResult,
    DeleteRange,
    Put,
    PutResult,
    Range,
    RangeResult,
    Request,
    Txn,
    TxnResult,
)
from tricord.server import member_engine
from tricord.server.configuration import Configuration
from tricord.server.engine import Outcome
from tricord.server.member import Member
from tricord.sim.environment import simulated_environment
from tricord.sim.virtual_loop import VirtualLoop
from tricord.storage.memory_disk import MemoryDisk

Story = Callable[[Member], Coroutine[None, None, None]]


def play(story: Story, **settings: Any) -> None:
    loop = VirtualLoop()

    async def whole() -> None:
        member = Member(simulated_environment(loop, MemoryDisk(), seed=1), Configuration(data_dir="/data", **settings))
        await member.start()
        await story(member)
        await member.stop()

    try:
        loop.run_until_complete(whole())
    finally:
        loop.close()


async def refusal(member: Member, request: Request, context: Context | None = None) -> TricordError:
    with pytest.raises(TricordError) as caught:
        await member.engine.ask(request, context or Context())
    return caught.value


def test_a_write_is_answered_after_it_was_logged_and_applied_with_its_revision() -> None:
    async def story(member: Member) -> None:
        result, stamp = await member.engine.ask(Put(b"a", b"1"), Context())
        assert result == PutResult()
        assert (stamp.revision, stamp.member, stamp.cluster) == (2, member.identity.member, member.identity.cluster)
        assert stamp.term == member.replica.term > 0
        read, stamp = await member.engine.ask(Range(b"a"), Context())
        assert isinstance(read, RangeResult)
        assert [kv.value for kv in read.kvs] == [b"1"]
        assert stamp.level is Level.LINEARIZABLE
        assert (member.metrics.puts, member.metrics.ranges) == (1, 1)

    play(story)


def test_reads_of_any_level_are_answered_before_the_call_returns() -> None:
    async def story(member: Member) -> None:
        answers: list[tuple[Outcome, Stamp]] = []
        member.engine.call(Range(b"a"), Context(level=Level.ANY), lambda *answer: answers.append(answer))
        assert [(outcome, stamp.level) for outcome, stamp in answers] == [(RangeResult([], False, 0), Level.ANY)]
        member.engine.call(Range(b"a"), Context(), lambda *answer: answers.append(answer))
        assert len(answers) == 1
        await asyncio.sleep(0.01)
        assert len(answers) == 2

    play(story)


def test_what_needs_no_state_is_refused_before_the_log() -> None:
    async def story(member: Member) -> None:
        before = member.status().raft_index
        assert isinstance(await refusal(member, Put(b"", b"1")), KeyNotProvided)
        assert isinstance(await refusal(member, Put(b"a", bytes(70_000))), RequestTooLarge)
        assert isinstance(
            await refusal(member, Txn([], [Put(b"%d" % n, b"") for n in range(9)], [])), TooManyOperations
        )
        unknown = await refusal(member, Range(b"a"), Context(keyspace="carts"))
        assert isinstance(unknown, KeyspaceNotFound)
        assert "carts" in str(unknown)
        assert member.status().raft_index == before

    play(story, max_request_bytes=65_536, max_txn_operations=8)


def test_everything_passes_the_authoriser(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Request]] = []

    def nobody(context: Context, operation: Request) -> None:
        asked.append((context.identity, operation))
        raise PermissionDenied

    requests: list[Request] = [Range(b"a"), Put(b"a", b"1"), DeleteRange(b"a"), Txn([], [], []), Compact(1)]

    async def story(member: Member) -> None:
        monkeypatch.setattr(member_engine, "authorise", nobody)
        for request in requests:
            for level in Level:
                assert isinstance(
                    await refusal(member, request, Context(level=level, identity="eve")), PermissionDenied
                )
        assert member.machine.revision() == 1

    play(story)
    assert asked == [("eve", request) for request in requests for _ in Level]


def test_too_many_that_wait_are_refused_at_once() -> None:
    async def story(member: Member) -> None:
        outcomes: list[Outcome] = []
        for number in range(5):
            member.engine.call(Put(b"%d" % number, b""), Context(), lambda outcome, _: outcomes.append(outcome))
        assert [type(outcome) for outcome in outcomes] == [TooManyRequests, TooManyRequests]
        await asyncio.sleep(0.1)
        assert [type(outcome) for outcome in outcomes[2:]] == [PutResult] * 3

    play(story, max_waiting_requests=3)


def test_a_quota_refuses_growth_and_lets_space_be_made() -> None:
    async def story(member: Member) -> None:
        written = 0
        with pytest.raises(NoSpace):
            while True:
                await member.engine.ask(Put(b"%d" % written, bytes(10_000)), Context())
                written += 1
        assert 50 < written <= 105, "a burst is stopped at the quota, drained or not"
        assert isinstance(await refusal(member, Put(b"a", b"1")), NoSpace)
        assert isinstance(await refusal(member, Txn([], [], [Put(b"a", b"1")])), NoSpace)
        assert member.status().alarms == [(member.identity.member, "NOSPACE")]
        assert [check.ok for check in member.health() if check.name == "alarm_nospace"] == [False]
        _, stamp = await member.engine.ask(DeleteRange(b"\0", b"\0"), Context())
        await member.engine.ask(Compact(stamp.revision, physical=True), Context())
        await asyncio.sleep(1)
        await member.engine.ask(Put(b"a", b"1"), Context())

    play(story, quota_bytes=1 << 20)


def test_a_deadline_of_a_write_under_way_leaves_its_outcome_unknown() -> None:
    async def story(member: Member) -> None:
        member.turns.stop()  # nothing is decided any more
        now = asyncio.get_running_loop().time()
        write = asyncio.ensure_future(refusal(member, Put(b"a", b"1"), Context(deadline=now + 0.3)))
        read = asyncio.ensure_future(refusal(member, Range(b"a"), Context(deadline=now + 0.3)))
        await asyncio.sleep(0.2)
        assert not write.done()
        await asyncio.sleep(0.3)
        assert isinstance(write.result(), OutcomeUnknown)
        assert isinstance(read.result(), DeadlineExceeded)
        assert member.engine.waiting == 0

    play(story)


def test_a_stop_answers_everyone_once() -> None:
    async def story(member: Member) -> None:
        write = asyncio.ensure_future(refusal(member, Put(b"a", b"1")))
        read = asyncio.ensure_future(refusal(member, Range(b"a")))
        await asyncio.sleep(0)
        await member.stop()
        # No turn took the write: it did nothing, and its client may ask another member.
        assert isinstance(await write, Stopping)
        assert isinstance(await read, Stopping)
        assert isinstance(await refusal(member, Range(b"a"), Context(level=Level.ANY)), Stopping)

    play(story)


def test_a_physical_compaction_is_answered_when_its_space_is_free() -> None:
    async def story(member: Member) -> None:
        for _ in range(300):
            _, stamp = await member.engine.ask(Put(b"a", b"1"), Context())
        result, _ = await member.engine.ask(Compact(stamp.revision, physical=True), Context())
        assert result == CompactResult()
        assert member.machine.swept(stamp.revision)

    play(story)


def test_a_door_that_fails_on_an_answer_stops_nobody() -> None:
    loop = VirtualLoop()
    faults: list[str] = []

    def broken(outcome: Outcome, stamp: Stamp) -> None:
        raise ValueError("a bug in a door")

    async def story() -> None:
        member = Member(
            simulated_environment(loop, MemoryDisk(), seed=1),
            Configuration(data_dir="/data"),
            on_fault=lambda error, where: faults.append(f"{where}: {error}"),
        )
        await member.start()
        member.engine.call(Put(b"a", b"1"), Context(), broken)
        await asyncio.sleep(0.1)
        result, _ = await member.engine.ask(Txn([], [Range(b"a", count_only=True)], []), Context())
        assert isinstance(result, TxnResult)
        assert result.results == [RangeResult([], False, 1)]
        await member.stop()

    try:
        loop.run_until_complete(story())
    finally:
        loop.close()
    assert faults == ["reply: a bug in a door"]


def test_who_gives_up_waiting_for_a_turn_leaves_nothing_behind() -> None:
    async def story(member: Member) -> None:
        before = len(member.turns._awaited)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await member.turns.until(lambda: False)
        assert len(member.turns._awaited) == before

    play(story)
