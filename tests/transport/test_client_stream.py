# SPDX-License-Identifier: Apache-2.0
"""Streaming calls from our client to our server, on a clock that jumps: both ways, held back, cancelled, too late."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.client.scripted_server import ScriptedServer, tell
from tricord.base.environment import Environment
from tricord.transport import Limits, Server
from tricord.transport.client_connection import CallBroken, ClientConnection, dial
from tricord.wire.grpc.service import Method, StreamCall
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.http.routes import Routes

PATH = "/test.Streams/Talk"
Handler = Callable[[StreamCall], Awaitable[None]]


async def connected(world: Environment, handler: Handler) -> tuple[ClientConnection, Server]:
    async def run(call: StreamCall) -> None:
        await handler(call)

    method = Method(PATH, run, client_streaming=True, server_streaming=True)
    server = Server(world, [method], Routes(), Limits())
    await server.listen("127.0.0.1", 2379)
    return await dial(world, "127.0.0.1", 2379), server


async def echo(call: StreamCall) -> None:
    async for message in call.messages():
        await call.send(message.upper())


def test_messages_go_both_ways_until_both_sides_end() -> None:
    async def story(world: Environment) -> None:
        connection, server = await connected(world, echo)
        call = await connection.stream(PATH)
        await call.send(b"one")
        assert await anext(call) == b"ONE"
        await call.send(b"two")
        await call.send(b"")
        call.end()
        call.end()
        assert [message async for message in call] == [b"TWO", b""]
        assert [message async for message in call] == []
        connection.close()
        server.abort()

    tell(story)


def test_many_streams_and_large_messages_share_the_connection() -> None:
    async def story(world: Environment) -> None:
        connection, server = await connected(world, echo)
        large = b"x" * 1_500_000

        async def talk(number: int) -> None:
            call = await connection.stream(PATH, timeout=60.0)
            for _ in range(3):
                await call.send(large + b"%d" % number)
                assert await anext(call) == large.upper() + b"%d" % number
            call.end()
            assert [message async for message in call] == []

        await asyncio.gather(*(talk(number) for number in range(8)))
        connection.close()
        server.abort()

    tell(story)


def test_a_reader_that_takes_nothing_holds_the_server_back() -> None:
    async def story(world: Environment) -> None:
        sent = 0

        async def pour(call: StreamCall) -> None:
            nonlocal sent
            for _ in range(200):
                await call.send(bytes(65_536))
                sent += 1

        connection, server = await connected(world, pour)
        call = await connection.stream(PATH)
        await asyncio.sleep(5)
        held = sent
        assert 0 < held < 100, "the window of one stream is full"
        assert len([message async for message in call]) == 200
        connection.close()
        server.abort()

    tell(story)


def test_what_is_sent_when_the_window_is_used_up_to_the_last_byte_goes_on_when_there_is_more() -> None:
    async def story(world: Environment) -> None:
        begins = asyncio.Event()

        async def slow(call: StreamCall) -> None:
            await begins.wait()
            await echo(call)

        connection, server = await connected(world, slow)
        await connection.greeted()
        call = await connection.stream(PATH, timeout=60.0)
        window = Limits().http2.initial_window_size
        await call.send(bytes(window - 5))
        sending = asyncio.ensure_future(call.send(b"more"))
        await asyncio.sleep(0.1)
        assert not sending.done()
        begins.set()
        assert await anext(call) == bytes(window - 5)
        assert await anext(call) == b"MORE"
        await sending
        connection.close()
        server.abort()

    tell(story)


def test_a_failure_comes_after_what_was_sent_before_it() -> None:
    async def story(world: Environment) -> None:
        async def fail(call: StreamCall) -> None:
            await call.send(b"last words")
            raise GrpcError(Status.ABORTED, "enough")

        connection, server = await connected(world, fail)
        call = await connection.stream(PATH)
        assert await anext(call) == b"last words"
        with pytest.raises(GrpcError, match="enough") as caught:
            await anext(call)
        assert caught.value.status == Status.ABORTED
        with pytest.raises(GrpcError, match="enough"):
            await call.send(b"too late")
        connection.close()
        server.abort()

    tell(story)


def test_a_cancelled_call_ends_on_both_sides() -> None:
    async def story(world: Environment) -> None:
        ended = asyncio.Event()

        async def wait(call: StreamCall) -> None:
            try:
                async for _ in call.messages():
                    pass
            finally:
                ended.set()

        connection, server = await connected(world, wait)
        call = await connection.stream(PATH)
        await call.send(b"x")
        reader = asyncio.create_task(anext(call))
        await asyncio.sleep(0.1)
        call.cancel()
        call.cancel()
        with pytest.raises(CallBroken, match="cancelled"):
            await reader
        await ended.wait()
        assert connection.usable
        connection.close()
        server.abort()

    tell(story)


def test_a_stream_has_a_deadline_if_it_was_given_one() -> None:
    async def story(world: Environment) -> None:
        async def silence(call: StreamCall) -> None:
            await asyncio.sleep(100)

        connection, server = await connected(world, silence)
        start = world.clock.monotonic()
        call = await connection.stream(PATH, timeout=3.0)
        with pytest.raises(GrpcError) as caught:
            await anext(call)
        assert caught.value.status == Status.DEADLINE_EXCEEDED
        assert world.clock.monotonic() - start == pytest.approx(3.0, abs=0.1)
        connection.close()
        server.abort()

    tell(story)


def test_a_lost_connection_ends_streams_and_refuses_new_ones() -> None:
    async def story(world: Environment) -> None:
        connection, server = await connected(world, echo)
        call = await connection.stream(PATH)
        await call.send(b"x")
        assert await anext(call) == b"X"
        server.abort()
        with pytest.raises(CallBroken):
            await anext(call)
        later = await connection.stream(PATH)
        with pytest.raises(CallBroken) as caught:
            await later.send(b"x")
        assert not caught.value.sent

    tell(story)


def test_metadata_of_one_call_travels_with_that_call() -> None:
    async def story(world: Environment) -> None:
        seen: list[object] = []

        async def note(call: StreamCall) -> None:
            seen.append(call.metadata.get("hasleader"))
            await echo(call)

        connection, server = await connected(world, note)
        for metadata in ((("hasleader", "true"),), ()):
            call = await connection.stream(PATH, metadata=metadata)
            call.end()
            assert [message async for message in call] == []
        assert seen == ["true", None]
        connection.close()
        server.abort()

    tell(story)


def test_a_server_that_stands_still_under_a_stream_is_given_up() -> None:
    async def story(world: Environment) -> None:
        server = ScriptedServer()
        await server.listen(world)
        connection = await dial(world, "127.0.0.1", 2379)
        call = await connection.stream(PATH)
        await asyncio.sleep(60)
        assert not call.over, "it answers our PINGs"
        server.paused = True
        begun = world.clock.monotonic()
        with pytest.raises(CallBroken, match="does not answer"):
            await anext(call)
        assert 2 <= world.clock.monotonic() - begun <= 12.1
        connection.close()
        await asyncio.sleep(30)

    tell(story)
