# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 on one accepted connection: gRPC calls by ``wire.grpc``, everything else by the routes."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from tricord.wire.grpc.call_head import CallHead
from tricord.wire.grpc.server import GrpcServer
from tricord.wire.http.routes import BodyIterator, HttpRequest, HttpResponse, plain
from tricord.wire.http2.connection import Connection, Role
from tricord.wire.http2.errors import ErrorCode
from tricord.wire.http2.events import DataReceived, HeadersReceived, StreamReset, TrailersReceived
from tricord.wire.http2.header_compression import literal_block
from tricord.wire.http2.header_validation import HeaderBlock
from tricord.wire.http2.streams import Stream

if TYPE_CHECKING:
    from tricord.transport.server_protocol import ServerProtocol

_QUEUED_MAX = 64 << 10


class Http2Session:
    """One connection."""

    def __init__(self, owner: ServerProtocol, now: float) -> None:
        self.owner = owner
        self._limits = owner.server.limits
        self.connection = Connection(
            Role.SERVER, self._limits.http2, wake=owner.schedule_flush, now=now, wake_later=owner.flush_later
        )
        self._grpc = GrpcServer(
            self.connection,
            owner.server.registry,
            peer=owner.peer,
            max_message_size=self._limits.max_message_size,
            request_timeout=self._limits.request_timeout,
            scheduler=CallScheduler(owner),
        )
        self._heard_at = now
        self._pinged_at = 0.0
        self.connection.start()

    @property
    def established(self) -> bool:
        return self.connection.established

    def receive(self, data: bytes, now: float) -> None:
        """Bytes of the socket."""
        self._heard_at = now
        for event in self.connection.receive(data, now):
            if type(event) is DataReceived:
                context = event.stream.context
                if context is not None:
                    context.received(event.data, event.end_stream)
            elif type(event) is HeadersReceived:
                if event.stream.local_open:  # else reset further on in the same bytes
                    head = event.block.derived.value
                    if head is None:
                        head = self._grpc.head_of(event.block)
                    if type(head) is CallHead and (head.unary or not self.congested()):
                        self._grpc.begin(head, event, now)
                    elif head is None:
                        self._begin_http(event, now)
                    else:
                        self.connection.refuse(event.stream)
            elif type(event) is StreamReset:
                if event.stream.context is not None:
                    event.stream.context.cancel()
            elif type(event) is TrailersReceived and event.stream.context is not None:
                event.stream.context.received(b"", True)

        if self._grpc.admission.waiting:
            self._grpc.admission.release()

    def congested(self) -> bool:
        """More waits for the peer's window than should. Unary calls wait then (``wire.grpc.admission``), others not."""
        return self.connection.queued_bytes > self._limits.http2.max_queued_bytes

    def _begin_http(self, event: HeadersReceived, now: float) -> None:
        exchange = event.stream.context = HttpExchange(self, event.stream, event.block, now)
        if event.end_stream:
            exchange.received(b"", True)
        elif event.block.value(b"expect") == b"100-continue":
            self.connection.send_headers(event.stream, literal_block([(b":status", b"100")]))

    def take_output(self) -> bytearray:
        output = self.connection.take_output()
        if self._grpc.admission.waiting:
            self._grpc.admission.release()
        return output

    def resume(self) -> None:
        """The socket takes data again: the flush that follows does what is to be done."""

    def finished(self) -> bool:
        return self.connection.finished() and not self.connection.has_output()

    def drain(self) -> None:
        self.connection.drain()

    def end_of_input(self) -> bool:
        return False

    def tick(self, now: float) -> bool:
        """Once a second. False: the peer is gone."""
        for event in self.connection.tick(now):
            if isinstance(event, StreamReset) and event.stream.context is not None:
                event.stream.context.cancel()
        self._grpc.tick(now)
        for stream in list(self.connection.streams.values()):
            if isinstance(stream.context, HttpExchange):
                stream.context.tick(now)
        silent = now - self._heard_at
        if silent < self._limits.keepalive_interval:
            self._pinged_at = 0.0
        elif not self._pinged_at:
            self._pinged_at = now
            self.connection.ping(b"tc-alive")
        return not self._pinged_at or now - self._pinged_at <= self._limits.keepalive_timeout

    def held_bytes(self) -> int:
        return self.connection.held_bytes()

    def lost(self) -> None:
        """The socket is gone."""
        streams = list(self.connection.streams.values())
        self.connection.abandon()
        for stream in streams:
            if stream.context is not None:
                stream.context.cancel()


class CallScheduler:
    """What gRPC's calls need of the loop: ``wire.grpc.server_call.Scheduler``."""

    def __init__(self, owner: ServerProtocol) -> None:
        self._owner = owner

    def new_waiter(self) -> Any:
        return self._owner.new_waiter()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> Any:
        return self._owner.spawn(work, name)

    def call_later(self, delay: float, function: Callable[..., object], *args: Any) -> Any:
        return self._owner.server.environment.tasks.call_later(delay, function, *args)

    def report(self, error: BaseException, what: str) -> None:
        self._owner.server.report(error, what)


class HttpExchange:
    """One request to the routes and its answer."""

    def __init__(self, session: Http2Session, stream: Stream, block: HeaderBlock, now: float) -> None:
        self._session = session
        self._stream = stream
        self._block = block
        self._body = bytearray()
        self._complete = False
        self._since = now
        self._task: Any = None
        self._sender: Any = None
        self._limit = session._limits.http.max_body_size

    def received(self, data: bytes, end_stream: bool) -> None:
        """A piece of the body. It is let in as a whole: asked for by piece, half-read bodies could block each other."""
        if self._complete:
            return
        self._body += data
        if len(self._body) > self._limit or self._block.content_length > self._limit:
            self._refuse(plain(413, f"request body is larger than {self._limit} bytes"))
        elif end_stream:
            self._complete = True
            self._stream.drained = self._drained
            self._task = self._session.owner.spawn(self._answer(), "http")
        else:
            expected = self._block.content_length
            missing = (expected if expected >= 0 else self._limit + 1) - len(self._body)
            self._session.connection.expect(self._stream, missing)

    def _refuse(self, response: HttpResponse) -> None:
        self._complete = True
        self._stream.context = None
        assert isinstance(response.body, bytes)
        self._session.connection.send_headers(self._stream, response_block(response))
        self._session.connection.send_data(self._stream, response.body, end_stream=True)

    def tick(self, now: float) -> None:
        """A body that does not arrive is given up."""
        if not self._complete and now - self._since > self._session._limits.request_timeout:
            self._refuse(plain(408, "the request did not arrive in time"))

    def cancel(self) -> None:
        """The stream is gone."""
        self._complete = True
        self._stream.context = None
        task, self._task = self._task, None  # a cancelled task would hold this exchange by its traceback
        if task is not None:
            task.cancel()

    async def _answer(self) -> None:
        if self._session.congested():
            self._session.connection.refuse(self._stream)
            return
        block = self._block
        path, _, query = block.path.decode("latin-1").partition("?")
        headers = [(b"host", block.authority), *block.fields] if block.authority else list(block.fields)
        body = bytes(self._body)
        request = HttpRequest(block.method.decode("latin-1"), path, query, headers, body, "2")
        server = self._session.owner.server
        try:
            response = await server.routes.answer(request)
        except Exception as error:
            server.report(error, path)
            response = plain(500, "internal error")
        await self._send(response, head_only=request.method == "HEAD")
        self._stream.context = None  # else the two would wait for the garbage collector

    async def _send(self, response: HttpResponse, *, head_only: bool) -> None:
        connection = self._session.connection
        body = response.body
        no_body = head_only or body == b"" or response.status in (204, 304)
        connection.send_headers(self._stream, response_block(response), end_stream=no_body)
        if isinstance(body, bytes):
            if not no_body:
                connection.send_data(self._stream, body, end_stream=True)
            return
        try:
            if not no_body:
                await self._send_iterated(body)
        finally:
            await body.aclose()

    async def _send_iterated(self, body: BodyIterator) -> None:
        connection = self._session.connection
        try:
            async for piece in body:
                if piece:
                    connection.send_data(self._stream, piece)
                while self._stream.queued_bytes > _QUEUED_MAX:
                    self._sender = self._session.owner.new_waiter()
                    await self._sender
        except Exception as error:
            self._session.owner.server.report(error, "http")
            connection.reset(self._stream, ErrorCode.INTERNAL_ERROR)
            return
        connection.send_data(self._stream, b"", end_stream=True)

    def _drained(self) -> None:
        if self._sender is not None and not self._sender.done():
            self._sender.set_result(None)


_NOT_IN_HTTP2 = frozenset((b"connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"content-length"))


def response_block(response: HttpResponse) -> bytes:
    """The response's head as a header block."""
    fields = [(b":status", b"%d" % response.status)]
    fields.extend((name.lower(), value) for name, value in response.headers if name.lower() not in _NOT_IN_HTTP2)
    if isinstance(response.body, bytes) and response.status >= 200 and response.status not in (204, 304):
        fields.append((b"content-length", b"%d" % len(response.body)))
    return literal_block(fields)
