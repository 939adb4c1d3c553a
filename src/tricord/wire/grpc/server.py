# SPDX-License-Identifier: Apache-2.0
"""The server's side of gRPC on one HTTP/2 connection: events become calls of handlers.

The hot path is the unary call whose request is HEADERS and one DATA frame: what its header block means was worked out
when the block was first seen (``CallHead``, kept with the block).
"""

from __future__ import annotations

from tricord.wire.grpc.admission import Admission
from tricord.wire.grpc.answering_call import ServerAnsweringCall
from tricord.wire.grpc.call_head import CallHead
from tricord.wire.grpc.server_call import (
    CONTENT_TYPE,
    STATUS_200,
    Scheduler,
    ServerCall,
    ServerUnaryCall,
    status_fields,
)
from tricord.wire.grpc.service import Registry
from tricord.wire.grpc.status import Status
from tricord.wire.grpc.stream_call import ServerStreamCall
from tricord.wire.grpc.timeouts import decode_timeout
from tricord.wire.http2.connection import Connection
from tricord.wire.http2.events import HeadersReceived
from tricord.wire.http2.header_compression import literal_block
from tricord.wire.http2.header_validation import Field, HeaderBlock
from tricord.wire.http2.streams import Stream


class GrpcServer:
    """All gRPC calls of one connection.

    ``begin`` puts a call into ``Stream.context``; the owner gives it ``received(data, end_stream)`` for what comes on
    the stream and ``cancel()`` when the stream is reset.
    """

    def __init__(
        self,
        connection: Connection,
        registry: Registry,
        *,
        peer: str,
        max_message_size: int,
        request_timeout: float,
        scheduler: Scheduler,
    ) -> None:
        self.connection = connection
        self.registry = registry
        self.peer = peer
        self.max_message_size = max_message_size
        self.scheduler = scheduler
        self._request_timeout = request_timeout
        self.admission = Admission(connection)
        self._incomplete: dict[int, float] = {}
        """Unary requests that the last tick saw without their end, and since when."""
        self._told: tuple[list[Field], bytes] = ([], b"")

    def head_of(self, block: HeaderBlock) -> CallHead | None:
        """The head if the request is gRPC's, else None. Cheap when the block was seen before."""
        head = block.derived.value
        if head is None:
            content_type = block.value(b"content-type") or b""
            if content_type[:16].lower() != b"application/grpc":
                return None
            head = block.derived.value = CallHead(block, self.registry)
        return head if isinstance(head, CallHead) else None

    def answer_head(self, fields: list[Field]) -> bytes:
        """The block that begins an answer with this metadata. Many after each other have the same."""
        if fields != self._told[0] or not fields:
            self._told = fields, literal_block((STATUS_200, CONTENT_TYPE, *fields))
        return self._told[1]

    def begin(self, head: CallHead, event: HeadersReceived, now: float) -> None:
        """A request began."""
        stream = event.stream
        if head.handler is None:
            self._refuse(stream, head)
            return
        deadline = None
        if event.block.timeout is not None:
            timeout = decode_timeout(event.block.timeout)
            if timeout is None:
                shown = event.block.timeout[:32].decode("latin-1")
                self._fail(stream, status_fields(Status.INTERNAL, f'malformed grpc-timeout: "{shown}"'))
                return
            deadline = now + timeout
        head.counts.started += 1
        call: ServerCall
        if head.unary:
            call = stream.context = ServerUnaryCall(self, stream, head, deadline)
        elif head.answering:
            call = stream.context = ServerAnsweringCall(self, stream, head, deadline)
            call.start(now)
        else:
            call = stream.context = ServerStreamCall(self, stream, head, deadline)
            call.start(now)
        if event.end_stream:
            call.received(b"", True)

    def tick(self, now: float) -> None:
        """Once a second: end unary calls that are a second over their deadline, or whose request does not come."""
        incomplete: dict[int, float] = {}
        for stream in list(self.connection.streams.values()):
            call = stream.context
            if not isinstance(call, ServerUnaryCall):
                continue
            if call.deadline is not None and call.deadline + 1.0 < now:
                call.expire()
            elif stream.remote_open:
                since = incomplete[stream.id] = self._incomplete.get(stream.id, now)
                if now - since > self._request_timeout:
                    call.fail(Status.DEADLINE_EXCEEDED, "the request did not arrive in time")
        self._incomplete = incomplete
        self.admission.tick()

    def _refuse(self, stream: Stream, head: CallHead) -> None:
        self._fail(stream, status_fields(head.status, head.text), head.http_status)

    def _fail(self, stream: Stream, fields: list[Field], http_status: bytes = b"200") -> None:
        block = literal_block([(b":status", http_status), CONTENT_TYPE, *fields])
        self.connection.send_headers(stream, block, end_stream=True)
