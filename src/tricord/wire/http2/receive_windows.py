# SPDX-License-Identifier: Apache-2.0
"""What the peer may send us: windows given, and given back as data are used up (RFC 9113, sections 5.2 and 6.9).

A stream begins with a small window, so that idle ones hold little memory. A message larger than that is let in whole,
once its length is known, out of a budget that all streams share; those for which there is nothing left wait in order.
Whoever got its window can finish, so nobody waits for ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from tricord.wire.http2 import frames
from tricord.wire.http2.errors import ErrorCode, PeerError
from tricord.wire.http2.frames import DEFAULT_WINDOW
from tricord.wire.http2.limits import Http2Limits
from tricord.wire.http2.sending import SendingSide
from tricord.wire.http2.streams import Stream


class ReceiveWindows(SendingSide):
    """The windows of the connection and of each stream in our direction."""

    def __init__(self, limits: Http2Limits, *, server: bool, wake: Callable[[], None], now: float) -> None:
        super().__init__(limits, server=server, wake=wake, now=now)
        self._first_window = max(limits.initial_window_size, DEFAULT_WINDOW)
        """Of a new stream: until the peer has acknowledged our SETTINGS it may go by the default."""
        self._receive_window = max(limits.connection_window_size, DEFAULT_WINDOW)
        self._receive_credit = 0
        self._large_bytes = 0
        self._waiting_for_window: deque[Stream] = deque()

    def consume(self, stream: Stream, size: int) -> None:
        """``size`` bytes of a stream's data are not held any more. Window updates are sent in batches."""
        granted = stream.granted
        if granted:
            back = min(granted, size)
            stream.granted = granted - back
            self._large_bytes -= back
            size -= back
            self._grant_waiting()
        if not stream.remote_open:
            return
        stream.credit += size
        if stream.credit >= self.limits.initial_window_size >> 1:
            self._output += frames.window_update(stream.id, stream.credit)
            stream.receive_window += stream.credit
            stream.credit = 0
            self._changed()

    def expect(self, stream: Stream, size: int) -> None:
        """``size`` more bytes of one message are to come, 0: none is under way. Let them in, now or when others have
        finished theirs. To be said after each piece."""
        stream.expected = size
        missing = size - stream.receive_window
        if missing <= 0 or not stream.remote_open or stream.wanted:
            return
        stream.wanted = missing
        self._waiting_for_window.append(stream)
        self._grant_waiting()

    def _shrink(self, difference: int) -> None:
        """The peer has less window on each stream than it had when messages on their way were looked at. What it had
        sent by then may be more than it has now, so that nothing more would come by which to look again."""
        for stream in list(self.streams.values()):
            stream.receive_window -= difference
            if stream.wanted:
                stream.wanted += difference
            else:
                self.expect(stream, stream.expected)

    def _grant_waiting(self) -> None:
        waiting = self._waiting_for_window
        while waiting:
            stream = waiting[0]
            wanted = stream.wanted
            if wanted and self._large_bytes and self._large_bytes + wanted > self.limits.max_large_bytes:
                return
            waiting.popleft()
            if wanted:
                stream.wanted = 0
                stream.granted += wanted
                self._large_bytes += wanted
                stream.receive_window += wanted
                self._output += frames.window_update(stream.id, wanted)
                self._changed()

    def held_bytes(self) -> int:
        """Bytes of queued answers, and of requests that nobody has used up. Cost: a walk over the streams."""
        held = self.queued_bytes + len(self._output)
        for stream in self.streams.values():
            held += self._first_window + stream.granted - stream.receive_window - stream.credit
        return held

    def _return_window(self, stream: Stream) -> None:
        self._large_bytes -= stream.granted
        stream.granted = stream.wanted = 0
        self._grant_waiting()

    def _count_received(self, size: int) -> None:
        self._receive_window -= size
        if self._receive_window < 0:
            raise PeerError(ErrorCode.FLOW_CONTROL_ERROR, "more data than the connection's window allows")
        self._receive_credit += size
        if self._receive_credit >= self.limits.connection_window_size >> 2:
            self._output += frames.window_update(0, self._receive_credit)
            self._receive_window += self._receive_credit
            self._receive_credit = 0
            self._changed()
