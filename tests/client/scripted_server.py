# SPDX-License-Identifier: Apache-2.0
"""A gRPC server that does what a test says, in memory, on a clock that jumps: it answers, hangs, resets, leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tricord.base.environment import Environment, Listener
from tricord.sim.environment import simulated_environment
from tricord.sim.network import MemoryNetwork
from tricord.sim.virtual_loop import VirtualLoop
from tricord.storage.memory_disk import MemoryDisk
from tricord.wire.grpc.messages import frame_message
from tricord.wire.grpc.metadata import encode_message
from tricord.wire.grpc.status import Status
from tricord.wire.http2.connection import Connection, Role
from tricord.wire.http2.errors import ErrorCode
from tricord.wire.http2.events import DataReceived, HeadersReceived
from tricord.wire.http2.frames import goaway
from tricord.wire.http2.header_compression import literal_block
from tricord.wire.http2.header_validation import Field, HeaderBlock
from tricord.wire.http2.limits import Http2Limits
from tricord.wire.http2.streams import Stream

T = TypeVar("T")

HEAD = literal_block(((b":status", b"200"), (b"content-type", b"application/grpc")))


class Call:
    """One call that arrived."""

    def __init__(self, session: Session, stream: Stream, block: HeaderBlock) -> None:
        self.session = session
        self.stream = stream
        self.path = block.path.decode()
        self.headers = dict(block.fields)
        self.timeout = block.timeout
        self.request = b""
        self.begun = False

    def reply(self, message: bytes) -> None:
        """Answer with a message and OK."""
        tail = literal_block(((b"grpc-status", b"0"),))
        self.session.http2.send_reply(self.stream, HEAD, frame_message(message), tail)

    def send(self, message: bytes) -> None:
        """A message of a stream; the first goes behind the head."""
        if not self.begun:
            self.begun = True
            self.session.http2.send_headers(self.stream, HEAD)
        self.session.http2.send_data(self.stream, frame_message(message))

    def send_part(self, message: bytes) -> None:
        """A message of a stream that is cut short."""
        self.session.http2.send_data(self.stream, frame_message(message)[:-1])

    def end(self) -> None:
        """End a stream with OK."""
        self.session.http2.send_headers(self.stream, literal_block(((b"grpc-status", b"0"),)), end_stream=True)

    def fail(self, status: Status | int, text: str) -> None:
        """Answer with a status alone, or end a stream with it."""
        fields: tuple[Field, ...] = ((b"grpc-status", b"%d" % status), (b"grpc-message", encode_message(text)))
        if self.begun:
            self.session.http2.send_headers(self.stream, literal_block(fields), end_stream=True)
        else:
            self.headers_only(((b":status", b"200"), (b"content-type", b"application/grpc"), *fields))

    def headers_only(self, fields: tuple[Field, ...]) -> None:
        """Answer with a header list and nothing else."""
        self.session.http2.send_headers(self.stream, literal_block(fields), end_stream=True)

    def refuse(self) -> None:
        """Say that it was not begun."""
        self.session.http2.reset(self.stream, ErrorCode.REFUSED_STREAM)

    def reset(self) -> None:
        """Give it up half-way."""
        self.session.http2.reset(self.stream, ErrorCode.INTERNAL_ERROR)

    def cut(self) -> None:
        """Reset the whole connection."""
        self.session.transport.abort()

    def goodbye(self, last_stream_id: int) -> None:
        """GOAWAY: streams above ``last_stream_id`` were not begun."""
        self.session.write(goaway(last_stream_id, ErrorCode.NO_ERROR))


class Session(asyncio.Protocol):
    """One accepted connection."""

    transport: asyncio.Transport

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.calls: dict[int, Call] = {}
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.sessions.append(self)
        now = asyncio.get_running_loop().time()
        self.http2 = Connection(Role.SERVER, self.server.limits, wake=self.wake, now=now)
        if self.server.speaks_http2 and not self.server.paused:
            self.http2.start()

    def wake(self) -> None:
        asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        while self.http2.has_output():
            self.transport.write(self.http2.take_output())

    def write(self, data: bytes) -> None:
        """Frames of the test's own, behind what waits."""
        self.flush()
        self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        self.server.bytes_received += len(data)
        if not self.server.speaks_http2 or self.server.paused:
            return
        for event in self.http2.receive(data, asyncio.get_running_loop().time()):
            if isinstance(event, HeadersReceived):
                self.calls[event.stream.id] = Call(self, event.stream, event.block)
            elif isinstance(event, DataReceived):
                call = self.calls[event.stream.id]
                call.request += event.data
                self.http2.consume(event.stream, len(event.data))
                if self.server.stream is not None and not event.end_stream:
                    self.server.stream(call, call.request[5:])
                    call.request = b""
                elif event.end_stream:
                    call.request = call.request[5:]
                    self.server.calls.append(call)
                    self.server.answer(call)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True


class ScriptedServer:
    """``answer`` is called with each whole call. Give ``script`` one function per call, or set ``answer``. ``stream``
    is called with each message of calls that go on. While it is ``paused``, it accepts and reads, and neither hears
    nor says anything."""

    def __init__(self, *script: Callable[[Call], None], limits: Http2Limits | None = None) -> None:
        self.limits = limits or Http2Limits()
        self.speaks_http2 = True
        self.paused = False
        self.sessions: list[Session] = []
        self.calls: list[Call] = []
        self.bytes_received = 0
        self.stream: Callable[[Call, bytes], None] | None = None
        self._script = list(script)
        self.listener: Listener | None = None

    def answer(self, call: Call) -> None:
        assert self._script, f"a call that the test did not expect: {call.path}"
        self._script.pop(0)(call)

    async def listen(self, world: Environment, port: int = 2379) -> None:
        """Accept on 127.0.0.1."""
        self.listener = await world.network.listen("127.0.0.1", port, lambda: Session(self))

    def stop(self) -> None:
        """Close the listener and cut every connection."""
        assert self.listener is not None
        self.listener.close()
        for session in self.sessions:
            if not session.lost:
                session.transport.abort()


def tell(story: Callable[[Environment], Coroutine[Any, Any, T]], seed: int = 1) -> T:
    """Run a story in a simulated world. Whatever it waits for takes no time."""
    loop = VirtualLoop()
    surprises: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, about: surprises.append(about))
    try:
        world = simulated_environment(loop, MemoryDisk(), seed, MemoryNetwork(loop))
        result = loop.run_until_complete(story(world))
        assert not surprises, surprises
        return result
    finally:
        loop.close()
