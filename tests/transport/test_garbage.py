# SPDX-License-Identifier: Apache-2.0
"""Calls and connections die by reference count: a member runs with the garbage collector turned low."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from tests.transport import interop_service
from tests.transport.conftest import sample_routes
from tests.transport.interop_messages import Empty, StreamingOutputCallRequest
from tests.wire.http2.scripted import GET, Scripted, data
from tricord.base.environment import Environment
from tricord.sim.environment import simulated_environment
from tricord.sim.network import MemoryNetwork
from tricord.sim.virtual_loop import VirtualLoop
from tricord.transport import Server
from tricord.transport.client_connection import dial
from tricord.transport.server_protocol import ServerProtocol
from tricord.wire.grpc.messages import frame_message
from tricord.wire.http2 import frames

SERVICE = "/grpc.testing.TestService/"
SCRIPTS: list[Scripted] = []
"""Kept, for they are no part of what is looked at."""


class Nowhere(asyncio.Transport):
    """Takes everything."""

    def write(self, data: Any) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def abort(self) -> None:
        pass

    close = abort


def _call(script: Scripted, stream_id: int, method: str, message: bytes) -> bytes:
    fields = (
        (":method", "POST"),
        (":scheme", "http"),
        (":path", SERVICE + method),
        (":authority", "a"),
        ("content-type", "application/grpc"),
    )
    body = data(stream_id, frame_message(message), end_stream=True)
    return script.headers(stream_id, fields, end_stream=False) + body


async def _connection(server: Server, protocol: ServerProtocol, rounds: int) -> None:
    """A connection that does some of everything, and leaves with calls under way."""
    script = Scripted(greet=False)
    SCRIPTS.append(script)
    protocol.connection_made(Nowhere())
    protocol.data_received(frames.PREFACE + frames.frame(frames.SETTINGS, 0, 0))
    await asyncio.sleep(0.1)
    output = StreamingOutputCallRequest()
    output.response_parameters.add(size=10)
    for number in range(rounds):
        first = 10 * number + 1
        protocol.data_received(
            _call(script, first, "EmptyCall", Empty().SerializeToString())
            + _call(script, first + 2, "NoSuchCall", b"")
            + _call(script, first + 4, "StreamingOutputCall", output.SerializeToString())
            + script.headers(first + 6, GET)
            + script.headers(first + 8, GET)
            + frames.reset(first + 8, 8)
        )
        await asyncio.sleep(0.1)
    output.response_parameters.add(size=10, interval_us=50_000_000)
    protocol.data_received(_call(script, 99_001, "StreamingOutputCall", output.SerializeToString()))
    protocol.data_received(_call(script, 99_003, "StreamingOutputCall", output.SerializeToString()))
    await asyncio.sleep(0.1)
    protocol.data_received(frames.reset(99_003, 8))
    protocol.data_received(_call(script, 99_999, "UnaryCall", b"")[:-14])  # no body
    await asyncio.sleep(0.1)
    protocol.data_received(_call(script, 100_001, "StreamingOutputCall", output.SerializeToString()))
    protocol.data_received(script.headers(100_003, GET))
    protocol.connection_lost(None)
    await asyncio.sleep(0.1)


async def _http1(server: Server, protocol: ServerProtocol, rounds: int) -> None:
    protocol.connection_made(Nowhere())
    for _ in range(rounds):
        protocol.data_received(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(0.1)
    protocol.data_received(b"POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\nhal")
    protocol.connection_lost(None)
    await asyncio.sleep(0.1)


async def _client_garbage(environment: Environment) -> int:
    server = Server(environment, interop_service.methods(), sample_routes())
    await server.listen("10.0.0.1", 2379)
    client = await dial(environment, "10.0.0.1", 2379)
    for rounds in (2, 20):
        gc.collect()
        for _ in range(rounds):
            await client.unary(SERVICE + "EmptyCall", b"", 5.0)
    count = gc.collect()
    server.abort()
    await asyncio.sleep(0.1)
    return count


def _in_virtual_time(story: Callable[[Environment], Any]) -> Any:
    loop = VirtualLoop()
    disk: Any = None
    gc.disable()
    try:
        return loop.run_until_complete(story(simulated_environment(loop, disk, 1, MemoryNetwork(loop))))
    finally:
        gc.enable()
        loop.close()


async def _garbage(environment: Environment) -> list[int]:
    server = Server(environment, interop_service.methods(), sample_routes())
    counts = []
    for life in (_connection, _http1):
        await life(server, ServerProtocol(server), 1)  # what is made once and kept
        gc.collect()
        await life(server, ServerProtocol(server), 20)
        counts.append(gc.collect())
    return counts


def _alone(story: str) -> str:
    """What the story counts in a process of its own: here, threads that other tests left make garbage as well."""
    program = f"from tests.transport import test_garbage as t; print(t._in_virtual_time(t.{story}))"
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


def test_calls_and_connections_of_a_server_leave_nothing_for_the_collector() -> None:
    assert _alone("_garbage") == "[0, 0]"


def test_calls_of_a_client_leave_nothing_for_the_collector() -> None:
    assert _alone("_client_garbage") == "0"
