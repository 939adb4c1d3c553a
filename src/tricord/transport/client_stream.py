# SPDX-License-Identifier: Apache-2.0
"""One streaming gRPC call of a client: messages out as the window lets them, messages in as the reader takes them.

What was not taken holds the server back: its window is given back message by message.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from tricord.base.environment import Timer
from tricord.transport.client_call import CallBroken
from tricord.wire.grpc.messages import MessageReader, frame_message
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.http2.connection import Connection
from tricord.wire.http2.header_validation import Field, HeaderBlock
from tricord.wire.http2.streams import Stream


class ClientStream:
    """``send`` and ``end`` what goes out; iterate over what comes in; ``cancel`` when no more is wanted.

    The iteration ends when the server ends with OK, and raises GrpcError when it ends otherwise.
    """

    def __init__(
        self, http2: Connection, path: str, deadline: float | None, abandon: Callable[[ClientStream], None]
    ) -> None:
        self.path = path
        self.deadline = deadline
        self.stream: Stream | None = None
        self.timer: Timer | None = None
        self.metadata: tuple[Field, ...] = ()
        self.head: HeaderBlock | None = None
        self._http2 = http2
        self._abandon = abandon
        self._reader: MessageReader | None = None
        self._arrived: deque[tuple[bytes, int]] = deque()
        self._unsent: list[bytes] = []
        self._ended_by_us = False
        self._over = False
        self._error: GrpcError | None = None
        self._changed = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()

    # --- for the caller ------------------------------------------------------------------------------------

    async def send(self, message: bytes) -> None:
        """Send a message; waits while the server gives no window. Raises GrpcError when the call is over."""
        assert not self._ended_by_us, "a message after the end"
        if self._over:
            raise self._error or CallBroken(Status.CANCELLED, "the call is over")
        framed = frame_message(message)
        stream = self.stream
        if stream is None:
            self._unsent.append(framed)
            return
        self._http2.send_data(stream, framed)
        if stream.queue:
            self._drained.clear()
            stream.drained = self._drained.set
            await self._drained.wait()

    def end(self) -> None:
        """No more messages from here."""
        if not self._ended_by_us:
            self._ended_by_us = True
            if self.stream is not None:
                self._http2.send_data(self.stream, b"", end_stream=True)

    def cancel(self) -> None:
        """Take the call back. Iterating then ends with CallBroken. Cancelling twice, or late, is fine."""
        if not self._over:
            self._abandon(self)
            self.fail(CallBroken(Status.CANCELLED, "the call was cancelled", sent=self.stream is not None))

    def __aiter__(self) -> ClientStream:
        return self

    async def __anext__(self) -> bytes:
        while not self._arrived:
            if self._error is not None:
                raise self._error
            if self._over:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        message, size = self._arrived.popleft()
        if self.stream is not None:
            self._http2.consume(self.stream, size)
            self._let_in()
        return message

    # --- for the connection --------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether it ended."""
        return self._over

    def opened(self, http2: Connection, stream: Stream) -> None:
        """The headers are on their way: send what waited for that."""
        self.stream = stream
        for framed in self._unsent:
            http2.send_data(stream, framed)
        self._unsent.clear()
        if self._ended_by_us:
            http2.send_data(stream, b"", end_stream=True)

    def feed(self, data: bytes, max_size: int) -> int:
        """A piece of the answer; none of it gives window back before it is taken. Raises GrpcError."""
        reader = self._reader
        if reader is None:
            encoding = (self.head.value(b"grpc-encoding") if self.head is not None else None) or b""
            reader = self._reader = MessageReader(max_size, encoding)
        self._arrived.extend(reader.feed(data))
        self._let_in()
        self._changed.set()
        return 0

    def _let_in(self) -> None:
        """A message larger than the window comes in whole, but only when the reader has nothing else to take."""
        if self._reader is not None and self.stream is not None and not self._arrived:
            missing = self._reader.missing()
            if missing:
                self._http2.expect(self.stream, missing)

    def complete(self) -> None:
        """The status was OK."""
        if self._reader is not None and self._reader.partial():
            self.fail(CallBroken(Status.INTERNAL, "the answer ended within a message"))
            return
        self._end()

    def fail(self, error: GrpcError) -> None:
        """It ended otherwise. What arrived before can still be taken."""
        if not self._over:
            self._error = error
            self._end()

    def drop_timer(self) -> None:
        """No deadline any more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _end(self) -> None:
        self._over = True
        self.drop_timer()
        self._unsent.clear()
        self._changed.set()
        self._drained.set()
