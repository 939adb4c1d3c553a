# SPDX-License-Identifier: Apache-2.0
"""A streaming call on the server in which each message has one answer: no coroutine, no task, nothing per message.

Messages go to the handler as they come, and answers leave as they are given, in any order. The stream ends well when
the caller has sent its last and has all answers. While many answers are missing, or the caller does not take them, its
messages are held, and with them its window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from tricord.wire.grpc.call_head import CallHead
from tricord.wire.grpc.messages import PREFIX_SIZE, MessageReader, frame_message
from tricord.wire.grpc.server_call import CONTENT_TYPE, STATUS_200, ServerCall, status_fields
from tricord.wire.grpc.service import AnsweringHandler, Method
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.http2.header_compression import literal_block
from tricord.wire.http2.streams import Stream

if TYPE_CHECKING:
    from tricord.wire.grpc.server import GrpcServer

UNANSWERED_MAX = 1_000
"""Messages of one stream that may be without an answer; the others wait."""
_QUEUED_MAX = 64 << 10
_HEAD = literal_block((STATUS_200, CONTENT_TYPE))
_WELL = literal_block(status_fields(Status.OK, ""))


class ServerAnsweringCall(ServerCall):
    """``service.AnsweringCall`` to its handler."""

    __slots__ = ("_ended", "_head_sent", "_held", "_reader", "_take", "_taking", "_timer", "_unanswered")

    def __init__(self, server: GrpcServer, stream: Stream, head: CallHead, deadline: float | None) -> None:
        super().__init__(server, stream, head, deadline)
        self._reader: MessageReader | None = None
        self._held: deque[tuple[bytes, int]] | None = None
        self._ended = False
        self._head_sent = False
        self._taking = False
        self._unanswered = 0
        self._timer: Any = None
        self._take: Callable[[bytes], None] | None = None

    def start(self, now: float) -> None:
        """Let the handler begin."""
        if self.deadline is not None:
            self._timer = self.server.scheduler.call_later(self.deadline - now, self._expire)
        try:
            self._take = cast(AnsweringHandler, cast(Method, self.head.method).answering)(self)
        except GrpcError as error:
            self.fail(error.status, error.text)

    @property
    def over(self) -> bool:
        """See ``service.AnsweringCall``."""
        return self._done

    # --- the handler's side --------------------------------------------------------------------------------

    def answer(self, message: bytes) -> None:
        """See ``service.AnsweringCall``."""
        if self._done:
            return
        stream, connection = self.stream, self.server.connection
        if not self._head_sent:
            self._head_sent = True
            block = literal_block((STATUS_200, CONTENT_TYPE, *self._leading)) if self._leading else _HEAD
            connection.send_headers(stream, block)
        connection.send_data(stream, frame_message(message))
        self._unanswered -= 1
        if stream.queued_bytes > _QUEUED_MAX:
            self._held = self._held or deque()
            stream.drained = self._release
        if self._held:
            self._release()
        elif self._ended and not self._unanswered:
            self._end_well()

    def fail(self, status: Status | int, text: str) -> None:
        """See ``service.AnsweringCall``."""
        if self._done:
            return
        self._done = True
        self.head.counts.end(status)
        self._let_go()
        fields = (*status_fields(status, text), *(self._trailing or ()))
        if not self._head_sent:
            fields = (STATUS_200, CONTENT_TYPE, *(self._leading or ()), *fields)
        self.server.connection.send_headers(self.stream, literal_block(fields), end_stream=True)

    def _end_well(self) -> None:
        if self._trailing or not self._head_sent or self._done:
            self.fail(Status.OK, "")
            return
        self._done = True
        self.head.counts.ended[0] += 1
        self._let_go()
        self.server.connection.send_headers(self.stream, _WELL, end_stream=True)

    # --- the connection's side -----------------------------------------------------------------------------

    def received(self, data: bytes, end_stream: bool) -> None:
        if self._done:
            return
        if end_stream:
            self._ended = True
        if self._reader is None and self._held is None:
            size = len(data) - PREFIX_SIZE
            if size >= 0 and data[0] == 0 and int.from_bytes(data[1:5]) == size <= self.server.max_message_size:
                self._begin(data[PREFIX_SIZE:], len(data))
                return
            if not data:
                if end_stream and not self._unanswered:
                    self._end_well()
                return
        found = self._read(data, end_stream)
        if self._done:
            return
        self._held = self._held or deque()
        self._held.extend(found)
        self._release()

    def _read(self, data: bytes, end_stream: bool) -> list[tuple[bytes, int]]:
        """Messages that come in pieces, several at once, or not in order."""
        reader = self._reader
        if reader is None:
            reader = self._reader = MessageReader(self.server.max_message_size, self.head.encoding)
        try:
            found = reader.feed(data)
            if end_stream and reader.partial():
                raise GrpcError(Status.INTERNAL, "unexpected EOF")
        except GrpcError as error:
            self.fail(error.status, error.text)
            return []
        if not end_stream:
            self.server.connection.expect(self.stream, reader.missing())
        return found

    def _begin(self, message: bytes, size: int) -> None:
        self._unanswered += 1
        self.server.connection.consume(self.stream, size)
        take = self._take
        assert take is not None
        try:
            take(message)
        except GrpcError as error:
            self.fail(error.status, error.text)
        except Exception as error:
            self.server.scheduler.report(error, cast(Method, self.head.method).path)
            self.fail(Status.INTERNAL, "the handler failed")
        if self._unanswered >= UNANSWERED_MAX and self._held is None:
            self._held = deque()

    def _release(self) -> None:
        """Give the handler what was held, as far as there is room. Answers given at once come back here."""
        if self._taking or self._held is None:
            return
        self._taking = True
        held, stream = self._held, self.stream
        while held and not self._done and self._unanswered < UNANSWERED_MAX and stream.queued_bytes <= _QUEUED_MAX:
            self._begin(*held.popleft())
        self._taking = False
        if not held and not self._done:
            if self._unanswered < UNANSWERED_MAX and stream.queued_bytes <= _QUEUED_MAX:
                self._held = None
            if self._ended and not self._unanswered:
                self._end_well()

    def cancel(self) -> None:
        if not self._done:
            super().cancel()
            self._let_go()

    def _expire(self) -> None:
        self._timer = None
        function = self._on_cancel
        self.fail(Status.DEADLINE_EXCEEDED, "context deadline exceeded")
        self.cancelled = True
        if function is not None:
            function()

    def _let_go(self) -> None:
        """The call and its stream, and the call and its handler, would wait for the garbage collector."""
        self._on_cancel = self._take = None
        self._held = None
        self.stream.context = self.stream.drained = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
