# SPDX-License-Identifier: Apache-2.0
"""Whatever a client sends to a whole server, no handler and no part of it fails, and the next client is served."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transport import interop_service
from tests.transport.conftest import sample_routes
from tests.transport.interop_messages import Empty, SimpleRequest
from tests.wire.http2.scripted import GET, Scripted, data
from tests.wire.http2.test_random_input import any_frame
from tricord.base.environment import Environment
from tricord.sim.environment import simulated_environment
from tricord.sim.network import MemoryNetwork
from tricord.sim.virtual_loop import VirtualLoop
from tricord.transport import Server
from tricord.transport.client_connection import dial
from tricord.wire.grpc.messages import frame_message
from tricord.wire.http2 import frames

SERVICE = "/grpc.testing.TestService/"
METHODS = ["EmptyCall", "UnaryCall", "StreamingInputCall", "StreamingOutputCall", "FullDuplexCall", "Nothing"]
HELLO = frames.PREFACE + frames.frame(frames.SETTINGS, 0, 0)


def _request(script: Scripted, stream_id: int, method: str, timeout: str, body: bytes, whole: bool) -> bytes:
    fields = (
        (":method", "POST"),
        (":scheme", "http"),
        (":path", SERVICE + method),
        (":authority", "a"),
        ("content-type", "application/grpc"),
        *((("grpc-timeout", timeout),) if timeout else ()),
    )
    return script.headers(stream_id, fields, end_stream=False) + data(stream_id, body, end_stream=whole)


bodies = st.one_of(
    st.binary(max_size=60),
    st.binary(max_size=30).map(frame_message),
    st.builds(
        lambda size: frame_message(SimpleRequest(response_size=size).SerializeToString()), st.integers(0, 70_000)
    ),
    st.just(b"\x01" + frame_message(b"not gzip")[1:]),
)
requests = st.tuples(st.sampled_from(METHODS), st.sampled_from(["", "", "1S", "5m", "x"]), bodies, st.booleans())
steps = st.one_of(requests, requests, any_frame, st.just(GET))


class Raw(asyncio.Protocol):
    """Sends what it is told and takes what comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport


async def _story(environment: Environment, pieces: list[bytes]) -> None:
    faults: list[object] = []
    server = Server(
        environment,
        interop_service.methods(),
        sample_routes(),
        on_fault=lambda error, where: None if type(error).__name__ == "DecodeError" else faults.append((where, error)),
    )
    await server.listen("10.0.0.1", 2379)
    transport, _ = await environment.network.connect("10.0.0.1", 2379, Raw)
    for piece in pieces:
        transport.write(piece)
        await asyncio.sleep(0.003)
    polite = await dial(environment, "10.0.0.1", 2379)
    await polite.unary(SERVICE + "EmptyCall", Empty().SerializeToString(), 5.0)
    polite.close()
    transport.abort()
    await asyncio.sleep(1.0)
    assert server.connection_count() == 0
    server.abort()
    assert faults == []


def _run(pieces: list[bytes]) -> None:
    loop = VirtualLoop()
    disk: Any = None
    try:
        loop.run_until_complete(_story(simulated_environment(loop, disk, 1, MemoryNetwork(loop)), pieces))
    finally:
        loop.close()


@settings(max_examples=120, deadline=None)
@given(st.lists(steps, max_size=12), st.integers(1, 3))
def test_requests_and_frames_of_any_kind(taken: list[Any], every: int) -> None:
    script = Scripted(greet=False)
    pieces = [HELLO]
    stream_id = 1
    for step in taken:
        if isinstance(step, bytes):
            pieces.append(step)
            continue
        pieces.append(script.headers(stream_id, GET) if step is GET else _request(script, stream_id, *step))
        stream_id += 2
    _run([b"".join(pieces[start : start + every]) for start in range(0, len(pieces), every)])


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(st.binary(max_size=100), st.binary(max_size=60).map(lambda noise: b"GET /health HTTP/1.1\r\n" + noise))
)
def test_bytes_of_any_kind(noise: bytes) -> None:
    _run([noise[:20], noise[20:]])
