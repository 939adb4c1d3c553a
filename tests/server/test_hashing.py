# SPDX-License-Identifier: Apache-2.0
"""Hashes of a member: the same whatever was drained and swept, at any revision that can be read."""

from __future__ import annotations

import asyncio

import pytest

from tests.server.test_member_engine import play
from tricord.base.context import Context
from tricord.base.errors import RevisionCompacted, RevisionInFuture, Stopping, TooManyRequests
from tricord.base.leases import LeaseGrant
from tricord.base.operations import Compact, DeleteRange, Put
from tricord.mvcc.hashes import content_hash
from tricord.server import hashing
from tricord.server.member import Member


async def write(member: Member, count: int = 10) -> None:
    for number in range(count):
        await member.engine.ask(Put(b"%d" % (number % 5), b"value %d" % number), Context())
    await member.engine.ask(DeleteRange(b"3"), Context())


def test_a_hash_is_of_a_revision_whatever_came_after_and_was_swept() -> None:
    async def story(member: Member) -> None:
        fresh, _ = await member.engine.hash_keys(0)
        assert (fresh.revision, fresh.compacted) == (1, -1)
        await write(member)
        now, stamp = await member.engine.hash_keys(0)
        assert (now.revision, now.compacted, stamp.revision) == (12, -1, 12)
        assert now.hash == content_hash(member.machine.keyspace())
        past, _ = await member.engine.hash_keys(7)
        assert past.revision == 7
        await write(member)
        await member.engine.ask(Compact(7, physical=True), Context())
        await asyncio.sleep(1)
        again, _ = await member.engine.hash_keys(7)
        assert (again.hash, again.compacted) == (past.hash, 7)
        assert (await member.engine.hash_keys(12))[0].hash == now.hash
        assert (await member.engine.hash_keys(-5))[0].revision == 23
        with pytest.raises(RevisionCompacted):
            await member.engine.hash_keys(6)
        with pytest.raises(RevisionInFuture):
            await member.engine.hash_keys(24)

    play(story)


def test_the_hash_of_all_sees_leases_and_how_it_came_about() -> None:
    async def story(member: Member) -> None:
        seen = [(await member.engine.hash_all())[0]]
        for request in (Put(b"a", b"1"), LeaseGrant(10, 7), Put(b"a", b"1"), DeleteRange(b"a")):
            await member.engine.ask(request, Context())
            seen.append((await member.engine.hash_all())[0])
        assert len(set(seen)) == 5
        assert (await member.engine.hash_all())[0] == seen[-1]

    play(story)


def test_hashes_are_made_in_turn_and_few_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "SLICE_KEYS", 2)

    async def story(member: Member) -> None:
        await write(member)
        asked = [asyncio.ensure_future(member.engine.hash_keys(0)) for _ in range(hashing.WAITING_MAX)]
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequests):
            await member.engine.hash_keys(0)
        # Whoever goes away makes room, in the middle of a hash as well.
        asked[0].cancel()
        asked[5].cancel()
        await asyncio.sleep(0)
        await member.engine.hash_all()
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert len({answer[0].hash for answer in answers if isinstance(answer, tuple)}) == 1
        assert sum(isinstance(answer, asyncio.CancelledError) for answer in answers) == 2

    play(story)


def test_a_stop_ends_those_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "SLICE_KEYS", 1)

    async def story(member: Member) -> None:
        await write(member)
        asked = [asyncio.ensure_future(member.engine.hash_keys(0)) for _ in range(3)]
        await asyncio.sleep(0)
        await member.stop()
        for one in asked:
            with pytest.raises(Stopping):
                await one

    play(story)
