# SPDX-License-Identifier: Apache-2.0
"""A call on the server: what all kinds share, and the unary call, answered by prepared blocks around a message."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol, cast

from tricord.wire.grpc.admission import ROOM_MOST, SMALL
from tricord.wire.grpc.call_head import CallHead
from tricord.wire.grpc.messages import PREFIX_SIZE, MessageReader
from tricord.wire.grpc.metadata import Metadata, encode_message, encode_metadata
from tricord.wire.grpc.service import Method, UnaryHandler
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.http2.header_compression import literal_block
from tricord.wire.http2.header_validation import Field
from tricord.wire.http2.streams import Stream

if TYPE_CHECKING:
    from tricord.wire.grpc.server import GrpcServer

STATUS_200: Field = (b":status", b"200")
CONTENT_TYPE: Field = (b"content-type", b"application/grpc")
_HEAD = literal_block((STATUS_200, CONTENT_TYPE))
_TAIL = literal_block(((b"grpc-status", b"0"),))

_METADATA_MAX = 64
"""Fields that a handler may set in each direction."""


class Scheduler(Protocol):
    """What calls need of the loop."""

    def new_waiter(self) -> Any:
        """An awaitable with ``set_result(value)`` and ``done()``."""

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> Any:
        """Run a coroutine; the answer has ``cancel()``."""

    def call_later(self, delay: float, function: Callable[..., object], *args: Any) -> Any:
        """Run later; the answer has ``cancel()``."""

    def report(self, error: BaseException, what: str) -> None:
        """A handler failed in a way that it should not."""


class ServerCall:
    """What both kinds of call share: the head, the deadline, metadata out, cancellation, the ending."""

    __slots__ = ("_done", "_leading", "_on_cancel", "_trailing", "cancelled", "deadline", "head", "server", "stream")

    def __init__(self, server: GrpcServer, stream: Stream, head: CallHead, deadline: float | None) -> None:
        self.server = server
        self.stream = stream
        self.head = head
        self.deadline = deadline
        self.cancelled = False
        self._done = False
        self._on_cancel: Callable[[], None] | None = None
        self._leading: list[Field] | None = None
        self._trailing: list[Field] | None = None

    @property
    def metadata(self) -> Metadata:
        return self.head.metadata

    @property
    def peer(self) -> str:
        return self.server.peer

    def set_leading(self, name: str, value: str | bytes) -> None:
        self._leading = self._with_field(self._leading, name, value)

    def set_trailing(self, name: str, value: str | bytes) -> None:
        self._trailing = self._with_field(self._trailing, name, value)

    @staticmethod
    def _with_field(fields: list[Field] | None, name: str, value: str | bytes) -> list[Field]:
        fields = fields or []
        assert len(fields) < _METADATA_MAX
        return fields + encode_metadata([(name, value)])

    def on_cancel(self, function: Callable[[], None]) -> None:
        if self.cancelled:
            function()
        elif not self._done:
            self._on_cancel = function

    def cancel(self) -> None:
        """The caller is gone."""
        if self._done:
            return
        self._done = True
        self.cancelled = True
        self.head.counts.end(Status.CANCELLED)
        function, self._on_cancel = self._on_cancel, None
        if function is not None:
            function()

    def received(self, data: bytes, end_stream: bool) -> None:
        """A piece of the request's body."""
        raise NotImplementedError


class ServerUnaryCall(ServerCall):
    """A call of a unary method; ``service.UnaryCall`` to its handler."""

    __slots__ = ("_message", "_reader", "_running")

    def __init__(self, server: GrpcServer, stream: Stream, head: CallHead, deadline: float | None) -> None:
        super().__init__(server, stream, head, deadline)
        self._reader: MessageReader | None = None
        self._message: bytes | None = None
        self._running = False

    def received(self, data: bytes, end_stream: bool) -> None:
        if end_stream and self._reader is None and len(data) >= PREFIX_SIZE and data[0] == 0:
            size = len(data) - PREFIX_SIZE
            if int.from_bytes(data[1:5]) == size and size <= self.server.max_message_size:
                self._run(data[PREFIX_SIZE:])
                return
        if not self._done:
            self._received_slowly(data, end_stream)

    def _received_slowly(self, data: bytes, end_stream: bool) -> None:
        reader = self._reader
        if reader is None:
            reader = self._reader = MessageReader(self.server.max_message_size, self.head.encoding)
        try:
            for message, _ in reader.feed(data):
                if self._message is not None:
                    raise GrpcError(Status.INTERNAL, "cardinality violation: more than one request message")
                self._message = message
            if not end_stream:
                self.server.connection.expect(self.stream, reader.missing())
            elif reader.partial():
                raise GrpcError(Status.INTERNAL, "unexpected EOF")
            elif self._message is None:
                raise GrpcError(Status.INTERNAL, "cardinality violation: received no request message")
            else:
                self._run(self._message)
        except GrpcError as error:
            self.fail(error.status, error.text)

    def _run(self, message: bytes) -> None:
        admission = self.server.admission
        if admission.waiting or not admission.may_begin():
            admission.waiting.append((self, message))
        else:
            self.start(message)

    def start(self, message: bytes) -> None:
        """Run the handler, unless the call has ended while it waited."""
        if self._done:
            return
        self._running = True
        self.server.admission.under_way += 1
        try:
            cast(UnaryHandler, self.head.handler)(message, self)
        except GrpcError as error:
            self.fail(error.status, error.text)
        except Exception as error:
            self.server.scheduler.report(error, cast(Method, self.head.method).path)
            self.fail(Status.INTERNAL, "the handler failed")

    def reply(self, message: bytes) -> None:
        if self._done:
            return
        self._done = True
        self._on_cancel = None
        self.head.counts.ended[0] += 1
        self._leave(len(message))
        head = _HEAD if self._leading is None else self.server.answer_head(self._leading)
        tail = _TAIL if self._trailing is None else literal_block(((b"grpc-status", b"0"), *self._trailing))
        prefix = b"\0" + len(message).to_bytes(4)
        connection = self.server.connection
        if len(message) <= SMALL:
            connection.send_reply(self.stream, head, prefix + message, tail)
            return
        connection.send_headers(self.stream, head)
        connection.send_data(self.stream, prefix)
        connection.send_data(self.stream, message)  # by itself: its bytes are not put together once more
        connection.send_headers(self.stream, tail, end_stream=True)

    def fail(self, status: Status | int, text: str) -> None:
        if self._done:
            return
        self._done = True
        self._on_cancel = None
        self.head.counts.end(status)
        self._leave(0)
        fields = (*(self._leading or ()), *status_fields(status, text), *(self._trailing or ()))
        block = literal_block((STATUS_200, CONTENT_TYPE, *fields))
        self.server.connection.send_headers(self.stream, block, end_stream=True)

    def cancel(self) -> None:
        if not self._done:
            self._leave(0)
            super().cancel()

    def _leave(self, size: int) -> None:
        self.stream.context = None  # else the two would wait for the garbage collector
        if self._running:
            self._running = False
            admission = self.server.admission
            admission.under_way -= 1
            if size > SMALL:
                admission.answered_large(size)
            elif admission.room < ROOM_MOST:
                admission.room += 1

    def expire(self) -> None:
        """The deadline has passed: tell the caller, and whoever works on the call."""
        function = self._on_cancel
        self.fail(Status.DEADLINE_EXCEEDED, "context deadline exceeded")
        self.cancelled = True
        if function is not None:
            function()


def status_fields(status: Status | int, text: str) -> list[Field]:
    """What trailers say of the outcome."""
    fields = [(b"grpc-status", b"%d" % status)]
    if text:
        fields.append((b"grpc-message", encode_message(text)))
    return fields
