# SPDX-License-Identifier: Apache-2.0
"""The server and the client's connection on the twins: no socket, no clock; the same story twice, byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.transport import interop_service
from tests.transport.interop_messages import Empty, SimpleRequest, SimpleResponse
from tests.wire.http2.scripted import Scripted, data
from tricord.base.environment import Environment
from tricord.sim.environment import simulated_environment
from tricord.sim.network import MemoryNetwork
from tricord.sim.virtual_loop import VirtualLoop
from tricord.transport import Limits, Server
from tricord.transport.client_connection import CallBroken, dial
from tricord.wire.grpc.messages import frame_message
from tricord.wire.grpc.service import Method, StreamCall, UnaryCall
from tricord.wire.grpc.status import GrpcError
from tricord.wire.http.routes import Routes
from tricord.wire.http2 import frames

SERVICE = "/grpc.testing.TestService/"


def _in_virtual_time(story: Callable[[VirtualLoop, Environment], Any]) -> Any:
    loop = VirtualLoop()
    disk: Any = None
    environment = simulated_environment(loop, disk, 1, MemoryNetwork(loop))
    try:
        return loop.run_until_complete(story(loop, environment))
    finally:
        loop.close()


async def _mixed_story(loop: VirtualLoop, environment: Environment) -> list[object]:

    trace: list[object] = []
    server = Server(environment, interop_service.methods(), Routes(), Limits())
    await server.listen("10.0.0.1", 2379)
    client = await dial(environment, "10.0.0.1", 2379)

    async def one(number: int) -> None:
        if number % 5 == 4:
            with pytest.raises(GrpcError) as refused:
                await client.unary("/no.Such/Method", b"", 5.0)
            trace.append((round(loop.time(), 6), number, refused.value.text))
            return
        request = SimpleRequest(response_size=number * 1_000).SerializeToString()
        answer = await client.unary(SERVICE + "UnaryCall", request, 5.0)
        trace.append((round(loop.time(), 6), number, len(SimpleResponse.FromString(answer).payload.body)))

    await asyncio.gather(*(one(number) for number in range(60)))
    await server.drain(5.0)
    trace.append((round(loop.time(), 6), server.connection_count()))
    return trace


def test_the_same_story_twice_leaves_the_same_trace() -> None:
    first = _in_virtual_time(_mixed_story)
    assert first == _in_virtual_time(_mixed_story)
    assert len(first) == 61
    assert first[-1][1] == 0


async def _late_story(loop: VirtualLoop, environment: Environment) -> tuple[bool, float | None]:
    calls: list[UnaryCall] = []
    method = Method(SERVICE + "EmptyCall", lambda message, call: calls.append(call))
    server = Server(environment, [method], Routes())
    await server.listen("10.0.0.1", 2379)
    client = await dial(environment, "10.0.0.1", 2379)
    with pytest.raises(CallBroken):
        await client.unary(SERVICE + "EmptyCall", Empty().SerializeToString(), 2.0)
    deadline = calls[0].deadline

    await asyncio.sleep(5.0)
    assert deadline is not None
    calls[0].reply(b"too late")
    server.abort()
    await asyncio.sleep(0.1)
    return calls[0].cancelled, deadline


def test_a_deadline_reaches_the_handler_and_a_late_reply_harms_nobody() -> None:
    cancelled, deadline = _in_virtual_time(_late_story)
    assert cancelled
    assert deadline == pytest.approx(2.0, abs=0.01)


async def _keepalive_story(loop: VirtualLoop, environment: Environment) -> int:

    server = Server(environment, interop_service.methods(), Routes())
    await server.listen("10.0.0.1", 2379)
    client = await dial(environment, "10.0.0.1", 2379)
    await asyncio.sleep(100_000.0)  # more than a day in silence, but for the PINGs
    await client.unary(SERVICE + "EmptyCall", Empty().SerializeToString(), 5.0)
    count = server.connection_count()
    client.close()
    await server.drain(1.0)
    return count


def test_an_idle_but_living_client_keeps_its_connection() -> None:
    assert _in_virtual_time(_keepalive_story) == 1


class _Client(asyncio.Protocol):
    """A client by hand: sends frames, keeps what comes."""

    def __init__(self) -> None:
        self.script = Scripted(greet=False)
        self.received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        transport.write(frames.PREFACE + frames.frame(frames.SETTINGS, 0, 0))  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.received += data


CALL = (
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/test.Flow/Down"),
    (":authority", "a"),
    ("content-type", "application/grpc"),
)


async def _backpressure_story(loop: VirtualLoop, environment: Environment) -> list[int]:
    sent: list[int] = []

    async def down(call: StreamCall) -> None:
        for number in range(100):
            await call.send(bytes(50_000))
            sent.append(number)

    server = Server(environment, [Method("/test.Flow/Down", down, server_streaming=True)], Routes())
    await server.listen("10.0.0.1", 2379)
    transport, client = await environment.network.connect("10.0.0.1", 2379, _Client)
    assert isinstance(client, _Client)
    transport.write(client.script.headers(1, CALL, end_stream=False) + data(1, frame_message(b""), end_stream=True))
    counts = []
    for _ in range(4):
        await asyncio.sleep(1.0)
        counts.append(len(sent))
        transport.write(frames.window_update(0, 200_000) + frames.window_update(1, 200_000))
    transport.write(frames.window_update(0, 10_000_000) + frames.window_update(1, 10_000_000))
    await asyncio.sleep(1.0)
    counts.append(len(sent))
    transport.abort()
    server.abort()
    await asyncio.sleep(0.1)
    return counts


def test_a_sender_waits_for_a_reader_that_is_slow() -> None:
    counts = _in_virtual_time(_backpressure_story)
    assert counts[0] <= 3  # 65,535 bytes of window and as much in the queue
    assert [later - earlier for earlier, later in pairwise(counts[:4])] == [4, 4, 4]
    assert counts[4] == 100


async def _upload_story(loop: VirtualLoop, environment: Environment) -> tuple[int, int]:
    taken: list[bytes] = []
    go_on = asyncio.Event()

    async def up(call: StreamCall) -> None:
        await go_on.wait()
        async for message in call.messages():
            taken.append(message)
        await call.send(b"")

    server = Server(environment, [Method("/test.Flow/Down", up, client_streaming=True)], Routes())
    await server.listen("10.0.0.1", 2379)
    transport, client = await environment.network.connect("10.0.0.1", 2379, _Client)
    assert isinstance(client, _Client)
    transport.write(frames.frame(frames.SETTINGS, frames.ACK, 0) + client.script.headers(1, CALL, end_stream=False))
    wire = frame_message(bytes(7_000)) * 30
    position = 0
    windows = [16_384]

    def windows_given() -> int:
        given = bytes(client.received)
        client.received.clear()
        total = 0
        while len(given) >= 9:
            high, low, kind, _, stream_id = frames.HEADER.unpack_from(given)
            if kind == frames.WINDOW_UPDATE and stream_id == 1:
                total += int.from_bytes(given[9:13])
            given = given[9 + (high << 8 | low) :]
        return total

    while position < len(wire):
        piece = wire[position : position + min(windows[0], 16_384)]
        if piece:
            position += len(piece)
            windows[0] -= len(piece)
            transport.write(data(1, piece, end_stream=position == len(wire)))
        await asyncio.sleep(0.1)
        if not piece and not go_on.is_set():
            held = position  # no window is left while the handler takes nothing
            go_on.set()
        windows[0] += windows_given()
    await asyncio.sleep(0.1)
    transport.abort()
    server.abort()
    await asyncio.sleep(0.1)
    return held, len(taken)


def test_a_handler_that_takes_nothing_stops_its_caller_at_the_window() -> None:
    held, taken = _in_virtual_time(_upload_story)
    assert held <= 16_384 + 7_005  # the message under way is let in whole
    assert taken == 30
