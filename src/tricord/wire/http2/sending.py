# SPDX-License-Identifier: Apache-2.0
"""What one side sends: frames to the output, data against the peer's windows (RFC 9113, sections 5.2 and 6.9).

Data that the windows do not let out wait on their stream; streams with such data take turns, a frame each.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from tricord.wire.http2 import budget as costs
from tricord.wire.http2 import frames, settings
from tricord.wire.http2.budget import Budget
from tricord.wire.http2.errors import ErrorCode
from tricord.wire.http2.frames import DATA, DEFAULT_WINDOW, END_HEADERS, END_STREAM, HEADERS
from tricord.wire.http2.header_compression import HeaderEncoder
from tricord.wire.http2.limits import Http2Limits
from tricord.wire.http2.streams import RecentlyReset, Stream

_OUTPUT_HIGH = 256 << 10
"""Queued data move to the output only while it is below this, so that a slow reader's data stay shared, not copied."""
_PROGRESS = 512
"""Fewer bytes than this at a time are no progress, unless they are the last."""
_HEADER = frames.HEADER


class SendingSide:
    """The output, the send windows and the table of streams. ``Connection`` is what users make."""

    def __init__(self, limits: Http2Limits, *, server: bool, wake: Callable[[], None], now: float) -> None:
        self.limits = limits
        self.peer = settings.PeerSettings()
        self.encoder = HeaderEncoder()
        self.streams: dict[int, Stream] = {}
        """All that are open, by id, oldest first."""
        self.closed = False
        """Nothing is read or sent any more, but what is in the output."""
        self.last_stream_id = 0
        """Highest id that the peer (server role) or we (client role) opened."""
        self.queued_bytes = 0
        self._server = server
        self._wake = wake
        self._wake_later: Callable[[], None] | None = None
        self._budget = Budget(limits.budget_burst, limits.budget_per_second, now)
        self._now = now
        self._reset_by_us = RecentlyReset()
        self._output = bytearray()
        self._awake = False
        self._send_window = DEFAULT_WINDOW
        self._progress_at = now
        self._ready: dict[int, Stream] = {}
        """Streams with queued data and, as far as we know, window of their own. The starved are only in ``streams``."""

    def take_output(self) -> bytearray:
        """What to write now, maybe nothing; at most some 256 KiB with queued data. Call again when the socket takes
        more. After a ``wake`` it has to be called: nothing wakes again before.
        """
        if self._ready and len(self._output) < _OUTPUT_HIGH:
            self._pump()
        output = self._output
        self._output = bytearray()
        self._awake = False
        return output

    def has_output(self) -> bool:
        """Whether ``take_output`` would give anything."""
        if not self._output and self._ready:
            self._pump()
        return bool(self._output)

    def _changed(self) -> None:
        if not self._awake:
            self._awake = True
            self._wake()

    def _changed_slightly(self) -> None:
        """The output got what can wait some milliseconds for company: a PING's answer. grpc-go sends a PING ahead of
        each request, and an answer of its own would cost as much as the reply."""
        if self._wake_later is None:
            self._changed()
        elif not self._awake:
            self._wake_later()

    def send_headers(self, stream: Stream, block: bytes, *, end_stream: bool = False) -> None:
        """Send an encoded header block: a response's head, or trailers. Keeps its place behind queued data."""
        if not stream.local_open or self.closed:
            return
        if stream.queue:
            assert end_stream, "only trailers may follow data"
            stream.tail = block
            stream.local_open = False
            return
        stream.answered = True
        self._output += frames.headers(stream.id, block, end_stream, self.peer.max_frame_size)
        if end_stream:
            self._end_local(stream)
        self._changed()

    def send_data(self, stream: Stream, data: bytes | memoryview, *, end_stream: bool = False) -> None:
        """Send a piece of the body; what the windows do not let out is queued."""
        if not stream.local_open or self.closed:
            return
        size = len(data)
        fits = not stream.queue and size <= stream.send_window and size <= self._send_window
        if fits and size <= self.peer.max_frame_size and len(self._output) < _OUTPUT_HIGH:
            stream.send_window -= size
            self._send_window -= size
            self._output += _HEADER.pack(size >> 8, size & 255, DATA, END_STREAM if end_stream else 0, stream.id)
            self._output += data
            stream.answered = True
            self._budget.credit += costs.EARN_DATA
            if end_stream:
                self._end_local(stream)
        elif not size and not end_stream:
            return
        else:
            self._enqueue(stream, data)
            if end_stream:
                stream.tail = b""
                stream.local_open = False
            self._pump_stream(stream)
        self._changed()

    def send_reply(self, stream: Stream, head: bytes, data: bytes, tail: bytes) -> None:
        """A whole answer: headers, one piece of data, trailers. The hot path."""
        if not stream.local_open or self.closed:
            return
        size = len(data)
        output = self._output
        if (
            size <= stream.send_window
            and size <= self._send_window
            and size <= self.peer.max_frame_size
            and len(output) < _OUTPUT_HIGH
            and len(head) <= 16_384
            and len(tail) <= 16_384
            and not stream.queue
        ):
            stream_id = stream.id
            self._send_window -= size
            count = len(head)
            output += _HEADER.pack(count >> 8, count & 255, HEADERS, END_HEADERS, stream_id) + head
            output += _HEADER.pack(size >> 8, size & 255, DATA, 0, stream_id)
            output += data
            count = len(tail)
            output += _HEADER.pack(count >> 8, count & 255, HEADERS, END_HEADERS | END_STREAM, stream_id) + tail
            stream.answered = True
            self._budget.credit += costs.EARN_REPLY
            if stream.remote_open or stream.granted or stream.drained is not None:
                self._end_local(stream)
            else:
                stream.local_open = False
                del self.streams[stream_id]
            if not self._awake:
                self._awake = True
                self._wake()
            return
        self.send_headers(stream, head)
        self.send_data(stream, data)
        self.send_headers(stream, tail, end_stream=True)

    def reset(self, stream: Stream, code: int) -> None:
        """Give a stream up: RST_STREAM. Its queued data are dropped."""
        if self.streams.get(stream.id) is not stream or self.closed:
            return
        self._output += frames.reset(stream.id, code)
        if stream.remote_open:
            self._reset_by_us.add(stream.id)
        self._forget(stream)
        self._changed()

    def ping(self, payload: bytes) -> None:
        """Send a PING of 8 bytes; ``PingAcknowledged`` comes back."""
        assert len(payload) == 8
        if not self.closed:
            self._output += frames.frame(frames.PING, 0, 0, payload)
            self._changed()

    def _enqueue(self, stream: Stream, data: bytes | memoryview) -> None:
        if stream.queue is None:
            stream.queue = deque()
        if not stream.queue:
            stream.stalled_since = self._now
        if not self.queued_bytes:
            self._progress_at = self._now
        stream.queue.append(memoryview(data))
        stream.queued_bytes += len(data)
        self.queued_bytes += len(data)
        self._ready[stream.id] = stream

    def _pump(self) -> None:
        """Move queued data to the output, each stream a frame in turn, as far as the bounds allow."""
        ready = self._ready
        while ready and self._send_window > 0 and len(self._output) < _OUTPUT_HIGH:
            stream = next(iter(ready.values()))
            if self._pump_frame(stream) and len(ready) > 1:
                del ready[stream.id]
                ready[stream.id] = stream

    def _pump_stream(self, stream: Stream) -> None:
        while len(self._output) < _OUTPUT_HIGH and self._pump_frame(stream):
            pass

    def _pump_frame(self, stream: Stream) -> bool:
        """One DATA frame of a stream's queue; False when no more of it can move."""
        queue = stream.queue
        if not queue:
            return False
        head = queue[0]
        size = 0
        if head:
            size = min(len(head), stream.send_window, self._send_window, self.peer.max_frame_size)
        if size <= 0 and head:
            if stream.send_window <= 0:
                self._ready.pop(stream.id, None)
            return False
        last = size == len(head) and len(queue) == 1
        if size == len(head):
            queue.popleft()
        else:
            queue[0] = head[size:]
        ends = last and stream.tail == b""
        self._output += _HEADER.pack(size >> 8, size & 255, DATA, END_STREAM if ends else 0, stream.id)
        self._output += head[:size]
        if size >= _PROGRESS or last:
            # Window that comes in crumbs is neither useful work nor progress.
            self._budget.credit += costs.EARN_DATA
            stream.stalled_since = self._progress_at = self._now
        stream.answered = True
        stream.send_window -= size
        self._send_window -= size
        stream.queued_bytes -= size
        self.queued_bytes -= size
        if last:
            self._ready.pop(stream.id, None)
            if stream.tail:
                self._output += frames.headers(stream.id, stream.tail, True, self.peer.max_frame_size)
            if stream.tail is not None:
                self._end_local(stream)
            elif stream.drained is not None:
                stream.drained()
        return not last

    def _end_local(self, stream: Stream) -> None:
        """Our END_STREAM is in the output."""
        stream.local_open = False
        if not stream.remote_open:
            self._forget(stream)
        elif self._server:
            # Section 8.1: a whole answer was sent before the request was whole; the rest of it is not wanted.
            self._output += frames.reset(stream.id, ErrorCode.NO_ERROR)
            self._reset_by_us.add(stream.id)
            self._forget(stream)

    def _forget(self, stream: Stream) -> None:
        stream.local_open = stream.remote_open = False
        self.streams.pop(stream.id, None)
        if stream.queue:
            self.queued_bytes -= stream.queued_bytes
            stream.queued_bytes = 0
            stream.queue = None
            self._ready.pop(stream.id, None)
        if stream.granted or stream.wanted:
            self._return_window(stream)
        if stream.drained is not None:
            stream.drained()
            stream.drained = None

    def _return_window(self, stream: Stream) -> None:
        """Give the window that was granted to a stream to others."""
        raise NotImplementedError
