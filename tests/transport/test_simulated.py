# SPDX-License-Identifier: Apache-2.0
"""The server and the client's connection on the twins: no socket, no clock; the same story twice, byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.transport import interop_service
from tests.transport.interop_messages import Empty, SimpleRequest, SimpleResponse
from tricord.base.environment import Environment
from tricord.sim.environment import simulated_environment
from tricord.sim.network import MemoryNetwork
from tricord.sim.virtual_loop import VirtualLoop
from tricord.transport import Limits, Server
from tricord.transport.client_connection import CallBroken, dial
from tricord.wire.grpc.service import Method, UnaryCall
from tricord.wire.grpc.status import GrpcError
from tricord.wire.http.routes import Routes

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
