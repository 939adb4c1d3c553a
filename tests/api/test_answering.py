# SPDX-License-Identifier: Apache-2.0
"""Unary calls answered by coroutines: the answer, the error, and a caller who goes away."""

from __future__ import annotations

import asyncio

from tests.api.etcd.scripted_engine import RecordedCall
from tricord.api.answering import answer_later
from tricord.base.errors import NoLeader, TricordError
from tricord.wire.grpc.service import UnaryCall
from tricord.wire.grpc.status import Status


def fail(call: UnaryCall, error: TricordError) -> None:
    call.fail(Status.UNKNOWN, error.code)


async def say(text: bytes) -> bytes:
    return text


async def refuse() -> bytes:
    raise NoLeader


def test_what_the_coroutine_returns_is_the_answer_and_what_it_raises_the_failure() -> None:
    async def story() -> None:
        good, bad = RecordedCall(), RecordedCall()
        answer_later(good, say(b"yes"), fail)
        answer_later(bad, refuse(), fail)
        assert not good.replies
        await asyncio.sleep(0)
        assert (good.replies, bad.failures) == ([b"yes"], [(Status.UNKNOWN, "no_leader")])

    asyncio.run(story())


def test_a_caller_who_goes_away_ends_the_work() -> None:
    async def story() -> None:
        call, ended = RecordedCall(), asyncio.Event()

        async def wait_for_ever() -> bytes:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                ended.set()
            return b""

        answer_later(call, wait_for_ever(), fail)
        await asyncio.sleep(0)
        call.cancel()
        await ended.wait()
        assert not call.replies
        await asyncio.sleep(0)

    asyncio.run(story())
