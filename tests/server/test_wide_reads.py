# SPDX-License-Identifier: Apache-2.0
"""Ranges over many keys: read beside the loop, from one moment, while writes go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from tricord.base.context import Context
from tricord.base.errors import RevisionCompacted, Stopping
from tricord.base.levels import Level, Stamp
from tricord.base.operations import Compact, DeleteRange, Put, Range, RangeResult, Txn
from tricord.server.configuration import Configuration
from tricord.server.engine import Encoded, Outcome
from tricord.server.member import Member
from tricord.server.wide_reads import WIDE_KEYS
from tricord.sim.environment import simulated_environment
from tricord.sim.virtual_loop import VirtualLoop
from tricord.storage.memory_disk import MemoryDisk

KEYS = 3 * WIDE_KEYS
ALL = Range(b"\0", b"\0")


async def filled(loop: VirtualLoop) -> Member:
    """A member with KEYS keys: some in the backend, some in the overlay, some deleted, some written twice."""
    member = Member(simulated_environment(loop, MemoryDisk(), seed=1), Configuration(data_dir="/data"))
    await member.start()
    for start in range(0, KEYS, 128):
        puts = [Put(b"key/%05d" % number, b"first") for number in range(start, start + 128)]
        await member.engine.ask(Txn([], list(puts), []), Context())
        if start == 2 * 128:
            await asyncio.sleep(1)  # drained
    for number in range(0, KEYS, 7):
        await member.engine.ask(Put(b"key/%05d" % number, b"second"), Context())
    await member.engine.ask(DeleteRange(b"key/00010", b"key/00020"), Context())
    return member


def expected() -> dict[bytes, bytes]:
    values = {b"key/%05d" % number: b"second" if number % 7 == 0 else b"first" for number in range(KEYS)}
    return {key: value for key, value in values.items() if not b"key/00010" <= key < b"key/00020"}


def play(story: Callable[[Member], Coroutine[None, None, None]]) -> None:
    loop = VirtualLoop()

    async def whole() -> None:
        member = await filled(loop)
        await story(member)
        await member.stop()

    try:
        loop.run_until_complete(whole())
    finally:
        loop.close()


async def read(member: Member, request: Range, level: Level = Level.LINEARIZABLE) -> tuple[RangeResult, Stamp]:
    result, stamp = await member.engine.ask(request, Context(level=level))
    assert isinstance(result, RangeResult)
    return result, stamp


@pytest.mark.parametrize("level", [Level.LINEARIZABLE, Level.ANY])
def test_a_wide_range_sees_all_layers(level: Level) -> None:
    async def story(member: Member) -> None:
        result, stamp = await read(member, ALL, level)
        assert {kv.key: kv.value for kv in result.kvs} == expected()
        assert (result.count, result.more, stamp.level) == (KEYS - 10, False, level)
        assert stamp.revision == member.machine.revision()
        counted, _ = await read(member, Range(b"\0", b"\0", count_only=True), level)
        assert (counted.kvs, counted.count) == ([], KEYS - 10)
        page, _ = await read(member, Range(b"\0", b"\0", limit=5), level)
        assert ([kv.key for kv in page.kvs], page.more) == ([b"key/%05d" % number for number in range(5)], True)
        assert page.count == KEYS - 10

    play(story)


def test_what_is_written_meanwhile_is_not_seen() -> None:
    async def story(member: Member) -> None:
        revision = member.machine.revision()
        wide = asyncio.ensure_future(read(member, ALL))
        for _ in range(3):  # the task, the turn, the read
            await asyncio.sleep(0)
        assert member.engine.wide_reads.reading
        await asyncio.gather(
            member.engine.ask(Put(b"key/00000", b"later"), Context()),
            member.engine.ask(DeleteRange(b"key/01000", b"key/01100"), Context()),
        )
        result, stamp = await wide
        assert stamp.revision == revision
        assert {kv.key: kv.value for kv in result.kvs} == expected()
        past, _ = await read(member, Range(b"\0", b"\0", revision=revision))
        assert past == result

    play(story)


def test_a_compacted_revision_is_refused_wide_or_not() -> None:
    async def story(member: Member) -> None:
        await member.engine.ask(Compact(member.machine.revision()), Context())
        with pytest.raises(RevisionCompacted):
            await read(member, Range(b"\0", b"\0", revision=3))

    play(story)


def test_an_encoder_makes_the_answer_of_wide_ranges_only() -> None:
    async def story(member: Member) -> None:
        answers: list[Outcome] = []

        def encode(result: object, stamp: Stamp) -> bytes:
            assert isinstance(result, RangeResult)
            return b"%d keys at %d" % (len(result.kvs), stamp.revision)

        context = Context(level=Level.ANY, encode=encode)
        member.engine.call(Range(b"key/00001"), context, lambda outcome, _: answers.append(outcome))
        member.engine.call(ALL, context, lambda outcome, _: answers.append(outcome))
        await asyncio.sleep(1)
        assert isinstance(answers[0], RangeResult)
        assert answers[1] == Encoded(b"%d keys at %d" % (KEYS - 10, member.machine.revision()))

    play(story)


def test_a_stop_answers_those_that_wait() -> None:
    async def story(member: Member) -> None:
        reads = [asyncio.ensure_future(read(member, ALL, Level.ANY)) for _ in range(3)]
        await asyncio.sleep(0)
        await member.stop()
        outcomes = await asyncio.gather(*reads, return_exceptions=True)
        assert isinstance(outcomes[0], tuple)
        assert [type(outcome) for outcome in outcomes[1:]] == [Stopping, Stopping]

    play(story)
