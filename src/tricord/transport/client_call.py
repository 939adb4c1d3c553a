# SPDX-License-Identifier: Apache-2.0
"""One gRPC call of a client: what came of its answer so far, and what the end of an answer means.

(gRPC over HTTP2, "Responses"; gRPC, "HTTP to gRPC status code mapping".)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tricord.base.environment import Timer
from tricord.wire.grpc.messages import PREFIX_SIZE, MessageReader, frame_message
from tricord.wire.grpc.metadata import decode_message
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.http2.connection import Connection
from tricord.wire.http2.header_validation import Field, HeaderBlock
from tricord.wire.http2.streams import Stream
from tricord.wire.native.levels import ERROR

_HTTP_STATUS = {
    400: Status.INTERNAL,
    401: Status.UNAUTHENTICATED,
    403: Status.PERMISSION_DENIED,
    404: Status.UNIMPLEMENTED,
    429: Status.UNAVAILABLE,
    502: Status.UNAVAILABLE,
    503: Status.UNAVAILABLE,
    504: Status.UNAVAILABLE,
}
"""What an answer without grpc-status means (gRPC, "HTTP to gRPC status code mapping")."""


_ERROR = ERROR.encode()


class CallBroken(GrpcError):
    """No status came from the server: the connection, the stream or the time ended first.

    ``sent`` is False where the server surely did not begin the call.
    """


class ClientCall:
    """One unary call under way."""

    __slots__ = (
        "answer",
        "deadline",
        "head",
        "heard",
        "message",
        "metadata",
        "path",
        "reader",
        "request",
        "stream",
        "timer",
    )

    def __init__(self, path: str, request: bytes, deadline: float, answer: asyncio.Future[bytes]) -> None:
        self.path = path
        self.request = request
        self.deadline = deadline
        self.metadata: tuple[Field, ...] = ()
        self.answer = answer
        self.heard: Callable[[list[Field]], None] | None = None
        """Told the fields of the answer's head, when it ends well."""
        self.stream: Stream | None = None
        self.timer: Timer | None = None
        self.head: HeaderBlock | None = None
        self.reader: MessageReader | None = None
        self.message: bytes | None = None

    @property
    def over(self) -> bool:
        """Whether the caller waits no more."""
        return self.answer.done()

    def opened(self, http2: Connection, stream: Stream) -> None:
        """The headers are on their way: send the message."""
        self.stream = stream
        http2.send_data(stream, frame_message(self.request), end_stream=True)
        self.request = b""

    def feed(self, data: bytes, max_size: int) -> int:
        """A piece of the answer; how much of it needs no window any more. Raises GrpcError."""
        reader = self.reader
        if reader is None:
            if (
                self.message is None
                and data[:1] == b"\0"
                and len(data) == PREFIX_SIZE + int.from_bytes(data[1:5], "big")
            ):
                self.message = data[PREFIX_SIZE:]  # whole in one frame, as most are
                return len(data)
            encoding = (self.head.value(b"grpc-encoding") if self.head is not None else None) or b""
            reader = self.reader = MessageReader(max_size, encoding)
        for whole, _ in reader.feed(data):
            if self.message is not None:
                raise GrpcError(Status.INTERNAL, "two messages in answer to a unary call")
            self.message = whole
        return len(data)

    def complete(self) -> None:
        """The status was OK."""
        if self.message is None:
            self.fail(CallBroken(Status.INTERNAL, "the answer holds no message"))
            return
        self.drop_timer()
        self.stream = None  # else the two would wait for the garbage collector
        if not self.answer.done():
            if self.heard is not None and self.head is not None:
                self.heard(self.head.fields)
            self.answer.set_result(self.message)

    def fail(self, error: GrpcError) -> None:
        """It ended otherwise."""
        self.drop_timer()
        self.stream = None
        if not self.answer.done():
            self.answer.set_exception(error)

    def drop_timer(self) -> None:
        """No deadline any more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


def status_error(block: HeaderBlock) -> GrpcError:
    """The status that a header list carries, OK too, as an error."""
    number = block.value(b"grpc-status")
    if number is None:
        status: Status | int = _HTTP_STATUS.get(block.status, Status.UNKNOWN)
        return GrpcError(status, f"an HTTP answer that is not gRPC: {block.status or 'no status'}")
    if not number.isdigit() or len(number) > 9:
        return GrpcError(Status.UNKNOWN, f"grpc-status {number[:40]!r}")
    code = int(number)
    status = Status(code) if code <= Status.UNAUTHENTICATED else code
    said = block.value(_ERROR)
    own = "" if said is None else said.decode("latin-1")
    return GrpcError(status, decode_message(block.value(b"grpc-message") or b""), code=own)
