# SPDX-License-Identifier: Apache-2.0
"""A streaming call on the server: a coroutine that takes messages from an inbox and sends against flow control.

The inbox is bounded by the stream's window: it is given back as the handler takes messages, not as they come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, cast

from tricord.wire.grpc.call_head import CallHead
from tricord.wire.grpc.messages import MessageReader, frame_message, frame_messages
from tricord.wire.grpc.server_call import CONTENT_TYPE, STATUS_200, ServerCall, status_fields
from tricord.wire.grpc.service import Method, StreamHandler
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.http2.header_compression import literal_block
from tricord.wire.http2.streams import Stream

if TYPE_CHECKING:
    from tricord.wire.grpc.server import GrpcServer

_QUEUED_MAX = 64 << 10
"""A sender waits while more than this waits for the peer's window."""


class ServerStreamCall(ServerCall):
    """``service.StreamCall`` to its handler."""

    __slots__ = (
        "_ended",
        "_failure",
        "_head_sent",
        "_inbox",
        "_on_room",
        "_reader",
        "_receiver",
        "_sender",
        "_task",
        "_timer",
    )

    def __init__(self, server: GrpcServer, stream: Stream, head: CallHead, deadline: float | None) -> None:
        super().__init__(server, stream, head, deadline)
        self._reader = MessageReader(server.max_message_size, head.encoding)
        self._inbox: deque[tuple[bytes, int]] = deque()
        self._ended = False
        self._failure: GrpcError | None = None
        self._head_sent = False
        self._on_room: Callable[[], None] | None = None
        self._receiver: Any = None
        self._sender: Any = None
        self._task: Any = None
        self._timer: Any = None

    def start(self, now: float) -> None:
        """Run the handler."""
        scheduler = self.server.scheduler
        if self.deadline is not None:
            self._timer = scheduler.call_later(self.deadline - now, self._expire)
        self.stream.drained = self._drained
        self._task = scheduler.spawn(self._run(), cast(Method, self.head.method).path)

    async def _run(self) -> None:
        try:
            await cast(StreamHandler, self.head.handler)(self)
        except GrpcError as error:
            self.finish(error.status, error.text)
        except Exception as error:
            self.server.scheduler.report(error, cast(Method, self.head.method).path)
            self.finish(Status.INTERNAL, "the handler failed")
        else:
            self.finish(Status.OK, "")

    # --- the handler's side --------------------------------------------------------------------------------

    def messages(self) -> AsyncIterator[bytes]:
        """See ``service.StreamCall``."""
        return self

    # Not a generator: one that is left early ends when the garbage collector finds it, no matter on which turn.
    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._inbox:
            if self._failure is not None:
                raise self._failure
            if self._ended:
                raise StopAsyncIteration
            self._receiver = self.server.scheduler.new_waiter()
            await self._receiver
        message, size = self._inbox.popleft()
        self.server.connection.consume(self.stream, size)
        return message

    async def send(self, message: bytes) -> None:
        """See ``service.StreamCall``."""
        if self._done:
            raise GrpcError(Status.CANCELLED, "the call has ended")
        self.send_head()
        stream = self.stream
        self.server.connection.send_data(stream, frame_message(message))
        while stream.queued_bytes > _QUEUED_MAX and not self._done:
            self._sender = self.server.scheduler.new_waiter()
            await self._sender

    def post(self, messages: list[bytes]) -> bool:
        """See ``service.StreamCall``."""
        if self._done:
            return False
        self.send_head()
        self.server.connection.send_data(self.stream, frame_messages(messages))
        return self.stream.queued_bytes <= _QUEUED_MAX

    def on_room(self, function: Callable[[], None]) -> None:
        """See ``service.StreamCall``."""
        self._on_room = function
        if not self.stream.queued_bytes:
            self._drained()

    def fail(self, status: Status, text: str) -> None:
        """See ``service.StreamCall``."""
        if not self._done:
            self.finish(status, text)
            self._cancel_task()

    def send_head(self) -> None:
        """Send the leading metadata now; else they go with the first message."""
        if not self._head_sent and not self._done:
            self._head_sent = True
            block = literal_block((STATUS_200, CONTENT_TYPE, *(self._leading or ())))
            self.server.connection.send_headers(self.stream, block)

    # --- the connection's side -----------------------------------------------------------------------------

    def received(self, data: bytes, end_stream: bool) -> None:
        if self._done or self._failure is not None:
            return
        connection = self.server.connection
        try:
            found = self._reader.feed(data)
            if end_stream:
                self._ended = True
                if self._reader.partial():
                    raise GrpcError(Status.INTERNAL, "unexpected EOF")
            else:
                connection.expect(self.stream, self._reader.missing())
        except GrpcError as error:
            self._failure = error
        else:
            self._inbox.extend(found)
        _wake(self._receiver)

    def cancel(self) -> None:
        if not self._done:
            self._stop_timer()
            self.stream.context = None
            self._on_room = None
            super().cancel()
            _wake(self._sender)
            self._cancel_task()

    def finish(self, status: Status | int, text: str) -> None:
        """Send the trailers; only the first call counts."""
        if self._done:
            return
        self._done = True
        self._on_cancel = self._on_room = None
        self.head.counts.end(status)
        self._stop_timer()
        self.stream.context = None  # else the two would wait for the garbage collector
        fields = (*status_fields(status, text), *(self._trailing or ()))
        if not self._head_sent:
            fields = (STATUS_200, CONTENT_TYPE, *(self._leading or ()), *fields)
        self.server.connection.send_headers(self.stream, literal_block(fields), end_stream=True)

    def _expire(self) -> None:
        self._timer = None
        function = self._on_cancel
        self.finish(Status.DEADLINE_EXCEEDED, "context deadline exceeded")
        self.cancelled = True
        if function is not None:
            function()
        self._cancel_task()

    def _cancel_task(self) -> None:
        # Let go of: a cancelled task keeps the error, whose traceback holds the handler's frame, which holds this call.
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    def _drained(self) -> None:
        _wake(self._sender)
        function, self._on_room = self._on_room, None
        if function is not None and not self._done:
            # Later: the connection is in the middle of writing.
            self.server.scheduler.call_later(0.0, self._has_room, function)

    def _has_room(self, function: Callable[[], None]) -> None:
        if not self._done:
            function()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _wake(waiter: Any) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
