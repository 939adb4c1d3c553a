# SPDX-License-Identifier: Apache-2.0
"""One HTTP/2 connection (RFC 9113), either role, without IO and without a clock.

Bytes go in by ``receive`` and come out as events; calls for sending append frames to the output, which ``take_output``
hands over. ``wake`` is called once when the output becomes non-empty: schedule one flush for the turn there.

Server role: make it, ``start()``, feed bytes, answer ``HeadersReceived`` by ``send_headers`` and ``send_data``, or by a
whole ``send_reply``.

Client role, as a worked example::

    connection = Connection(Role.CLIENT, CLIENT_LIMITS, wake=schedule_flush, now=clock.monotonic())
    connection.start()                                     # preface and SETTINGS; requests may follow at once
    repeated = ((b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/etcdserverpb.KV/Put"),
                (b":authority", b"127.0.0.1:2379"), (b"te", b"trailers"), (b"content-type", b"application/grpc"))
    if connection.streams_available() > 0:                 # else wait for a stream to end
        stream = connection.open_stream(connection.encoder.encode(repeated, ((b"grpc-timeout", b"5S"),)), context=call)
        connection.send_data(stream, message, end_stream=True)
    transport.write(connection.take_output())              # in the scheduled flush
    for event in connection.receive(data, now):            # HeadersReceived, DataReceived ..., TrailersReceived
        event.stream.context ...                           # is what open_stream was given
        connection.consume(event.stream, len(event.data))  # once a piece of data is used up: gives window back
    connection.reset(stream, ErrorCode.CANCEL)             # gives a call up

A ``StreamReset`` event ends a stream early; after ``Terminated``, or when the socket is lost, every stream in
``streams`` is over. Sending on a stream that is gone does nothing: a late reply needs no check.

Sending never blocks. What the peer's window does not let out is queued on the stream (``Stream.queued_bytes``); a
producer of much data waits until ``Stream.drained`` is called. Received data hold window until ``consume``; a message
larger than the window is let in by ``expect``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from struct import Struct

from tricord.wire.http2 import budget as costs
from tricord.wire.http2 import frames, settings
from tricord.wire.http2.budget import Budget
from tricord.wire.http2.errors import ErrorCode, PeerError, StreamFault
from tricord.wire.http2.events import (
    DataReceived,
    Event,
    GoAwayReceived,
    HeadersReceived,
    PingAcknowledged,
    SettingsReceived,
    StreamReset,
    Terminated,
    TrailersReceived,
)
from tricord.wire.http2.frames import (
    ACK,
    DATA,
    DEFAULT_WINDOW,
    END_HEADERS,
    END_STREAM,
    FRAME_HEADER_SIZE,
    HEADERS,
    LARGEST_STREAM_ID,
    LARGEST_WINDOW,
    PADDED,
    PREFACE,
    PRIORITY_FLAG,
)
from tricord.wire.http2.header_compression import HeaderDecoder, HeaderEncoder
from tricord.wire.http2.header_validation import HeaderBlock
from tricord.wire.http2.limits import Http2Limits
from tricord.wire.http2.streams import RecentlyReset, Stream

_OUTPUT_HIGH = 256 << 10
"""Queued data move to the output only while it is below this, so that a slow reader's data stay shared, not copied."""
_HEADER = frames.HEADER
_WORD = Struct(">I")


class Role(Enum):
    """Which side of the connection we are."""

    SERVER = "server"
    CLIENT = "client"


class Connection:
    """See the module's text. All times are seconds on one monotonic clock."""

    def __init__(self, role: Role, limits: Http2Limits, *, wake: Callable[[], None], now: float) -> None:
        self.role = role
        self.limits = limits
        self.peer = settings.PeerSettings()
        self.encoder = HeaderEncoder()
        self.streams: dict[int, Stream] = {}
        """All that are open, by id, oldest first."""
        self.closed = False
        """Nothing is read or sent any more, but what is in the output."""
        self.draining = False
        self.goaway_received = False
        self.last_stream_id = 0
        """Highest id that the peer (server role) or we (client role) opened."""
        self.queued_bytes = 0
        self._server = role is Role.SERVER
        self._wake = wake
        self._decoder = HeaderDecoder(limits.max_header_list_size)
        self._budget = Budget(limits.budget_burst, limits.budget_per_second, now)
        self._now = now
        self._input = b""
        self._preface_left = PREFACE if self._server else b""
        self._settings_seen = False
        self._settings_acknowledged = 0
        self._block: _PartialBlock | None = None
        self._reset_by_us = RecentlyReset()
        self._output = bytearray()
        self._awake = False
        self._send_window = DEFAULT_WINDOW
        self._blocked: dict[int, Stream] = {}
        self._receive_window = max(limits.connection_window_size, DEFAULT_WINDOW)
        self._receive_credit = 0
        self._large_bytes = 0
        self._waiting_for_window: deque[Stream] = deque()
        self._drain_ping = b""
        self._accept_up_to = LARGEST_STREAM_ID
        self._events: list[Event] = []

    # --- opening and closing -------------------------------------------------------------------------------

    def start(self) -> None:
        """Say hello: the preface (client), SETTINGS, and the connection's window."""
        limits = self.limits
        if self._server:
            entries = [(settings.MAX_CONCURRENT_STREAMS, limits.max_concurrent_streams)]
        else:
            self._output += PREFACE
            entries = [(settings.ENABLE_PUSH, 0)]
        entries.append((settings.INITIAL_WINDOW_SIZE, limits.initial_window_size))
        entries.append((settings.MAX_FRAME_SIZE, limits.max_frame_size))
        entries.append((settings.MAX_HEADER_LIST_SIZE, limits.max_header_list_size))
        self._output += frames.frame(frames.SETTINGS, 0, 0, settings.encode(entries))
        if limits.connection_window_size > DEFAULT_WINDOW:
            self._output += frames.window_update(0, limits.connection_window_size - DEFAULT_WINDOW)
        self._changed()

    def drain(self) -> None:
        """Ask the peer to open no more streams (GOAWAY in two steps, section 6.8); see ``finished``."""
        if self.draining or self.closed:
            return
        self.draining = True
        if self._server:
            self._drain_ping = b"tc-drain"
            self._output += frames.goaway(LARGEST_STREAM_ID, ErrorCode.NO_ERROR)
            self._output += frames.frame(frames.PING, 0, 0, self._drain_ping)
        else:
            self._output += frames.goaway(0, ErrorCode.NO_ERROR)
        self._changed()

    def finish_drain(self) -> None:
        """The second step: streams opened from now on are not served. Runs when the peer answers the first."""
        if self.draining and self._accept_up_to == LARGEST_STREAM_ID:
            self._accept_up_to = self.last_stream_id
            if self._server and not self.closed:
                self._output += frames.goaway(self.last_stream_id, ErrorCode.NO_ERROR)
                self._changed()

    def finished(self) -> bool:
        """Whether it was drained and all streams are done: flush, then close the socket."""
        return self.closed or (self.draining and not self.streams and self._accept_up_to != LARGEST_STREAM_ID)

    def terminate(self, code: ErrorCode, text: str) -> None:
        """Give the connection up: GOAWAY with the reason; nothing is read any more."""
        if self.closed:
            return
        self.closed = True
        self._block = None
        self._input = b""
        self._blocked.clear()
        self._output += frames.goaway(self.last_stream_id if self._server else 0, code, text)
        self._changed()

    def abandon(self) -> None:
        """The socket is gone: nothing is sent or read any more, every stream ends."""
        self.closed = True
        for stream in list(self.streams.values()):
            self._forget(stream)
        self._output = bytearray()

    @property
    def established(self) -> bool:
        """The peer's preface and first SETTINGS have come."""
        return self._settings_seen

    # --- output --------------------------------------------------------------------------------------------

    def take_output(self) -> bytearray:
        """What to write now, at most some 256 KiB with queued data. Call again when the socket takes more."""
        if self._blocked and len(self._output) < _OUTPUT_HIGH:
            self._pump()
        output = self._output
        self._output = bytearray()
        self._awake = False
        return output

    def has_output(self) -> bool:
        """Whether ``take_output`` would give anything."""
        if not self._output and self._blocked:
            self._pump()
        return bool(self._output)

    def _changed(self) -> None:
        if not self._awake:
            self._awake = True
            self._wake()

    # --- sending -------------------------------------------------------------------------------------------

    def streams_available(self) -> int:
        """Client role: how many streams may be opened now; 0 while the server allows none or goes away."""
        if self.closed or self.goaway_received or self.draining or self.last_stream_id >= LARGEST_STREAM_ID - 1:
            return 0
        return max(0, self.peer.max_concurrent_streams - len(self.streams))

    def open_stream(self, block: bytes, *, end_stream: bool = False, context: object = None) -> Stream:
        """Client role: send a request's headers. The caller has looked at ``streams_available``."""
        assert not self._server and not self.closed
        stream_id = self.last_stream_id + 2 if self.last_stream_id else 1
        self.last_stream_id = stream_id
        stream = Stream(stream_id, self.peer.initial_window_size, self._initial_receive_window())
        stream.context = context
        stream.answered = True
        self.streams[stream_id] = stream
        self.send_headers(stream, block, end_stream=end_stream)
        return stream

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
            self._end_local(stream)
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
        stream.queue.append(memoryview(data))
        stream.queued_bytes += len(data)
        self.queued_bytes += len(data)
        self._blocked[stream.id] = stream

    def _pump(self) -> None:
        """Move queued data to the output, each stream a frame in turn, as far as the bounds allow."""
        progress = True
        while progress and self._blocked and len(self._output) < _OUTPUT_HIGH:
            progress = False
            for stream in list(self._blocked.values()):
                if self._pump_frame(stream):
                    progress = True
                if len(self._output) >= _OUTPUT_HIGH:
                    break

    def _pump_stream(self, stream: Stream) -> None:
        while len(self._output) < _OUTPUT_HIGH and self._pump_frame(stream):
            pass

    def _pump_frame(self, stream: Stream) -> bool:
        """One DATA frame of a stream's queue; False when it cannot move."""
        queue = stream.queue
        if not queue:
            return False
        head = queue[0]
        room = min(stream.send_window, self._send_window, self.peer.max_frame_size)
        size = min(len(head), room)
        if size <= 0 and len(head):
            return False
        last = size == len(head) and len(queue) == 1
        if size == len(head):
            queue.popleft()
        else:
            queue[0] = head[size:]
        ends = last and stream.tail == b""
        self._output += _HEADER.pack(size >> 8, size & 255, DATA, END_STREAM if ends else 0, stream.id)
        self._output += head[:size]
        self._budget.credit += costs.EARN_DATA
        stream.answered = True
        stream.send_window -= size
        self._send_window -= size
        stream.queued_bytes -= size
        self.queued_bytes -= size
        stream.stalled_since = self._now
        if last:
            self._blocked.pop(stream.id, None)
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
            self._blocked.pop(stream.id, None)
        if stream.granted or stream.wanted:
            self._large_bytes -= stream.granted
            stream.granted = stream.wanted = 0
            self._grant_waiting()
        if stream.drained is not None:
            stream.drained()
            stream.drained = None

    # --- windows for what is received ----------------------------------------------------------------------

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
        """``size`` more bytes of one message are to come: let them in, now or when others have finished theirs."""
        missing = size - stream.receive_window
        if missing <= 0 or not stream.remote_open or stream.wanted:
            return
        stream.wanted = missing
        self._waiting_for_window.append(stream)
        self._grant_waiting()

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

    def _initial_receive_window(self) -> int:
        if self._settings_acknowledged:
            return self.limits.initial_window_size
        return max(self.limits.initial_window_size, DEFAULT_WINDOW)

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

    # --- receiving -----------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Bytes of the socket, split anyhow. Never raises: a peer that breaks the rules yields ``Terminated``."""
        self._now = now
        events: list[Event] = []
        if self.closed:
            return events
        self._events = events
        if self._input:
            data = self._input + data
        position = 0
        end = len(data)
        try:
            if self._preface_left:
                position = self._receive_preface(data)
            max_frame_size = self.limits.max_frame_size
            unpack = _HEADER.unpack_from
            while end - position >= FRAME_HEADER_SIZE:
                high, low, kind, flags, stream_id = unpack(data, position)
                size = high << 8 | low
                if size > max_frame_size:
                    raise PeerError(ErrorCode.FRAME_SIZE_ERROR, f"frame of {size} bytes")
                start = position + FRAME_HEADER_SIZE
                stop = start + size
                if stop > end:
                    break
                position = stop
                try:
                    self._receive_frame(kind, flags, stream_id & LARGEST_STREAM_ID, data[start:stop])
                except StreamFault as fault:
                    self._reset_for_fault(fault)
            self._input = data[position:] if position < end else b""
        except PeerError as error:
            self.terminate(error.code, error.text)
            events.append(Terminated(error.code, error.text))
        return events

    def _receive_preface(self, data: bytes) -> int:
        expected = self._preface_left
        count = min(len(expected), len(data))
        if data[:count] != expected[:count]:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "not an HTTP/2 preface")
        self._preface_left = expected[count:]
        return count

    def _receive_frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if self._block is not None and (kind != frames.CONTINUATION or stream_id != self._block.stream_id):
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "a header block was interrupted")
        if not self._settings_seen and (kind != frames.SETTINGS or flags & ACK):
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS")
        if kind == DATA:
            self._receive_data(flags, stream_id, payload)
        elif kind == HEADERS:
            self._receive_headers(flags, stream_id, payload)
        else:
            receiver = _RECEIVERS.get(kind)
            if receiver is None:
                self._spend(costs.COST_UNKNOWN)  # section 5.5: unknown types are ignored
            else:
                receiver(self, flags, stream_id, payload)

    def _spend(self, cost: int) -> None:
        if not self._budget.spend(cost, self._now):
            raise PeerError(ErrorCode.ENHANCE_YOUR_CALM, "too many frames of no use")

    def _reset_for_fault(self, fault: StreamFault) -> None:
        """RST_STREAM because the peer broke a rule. It costs: provoked resets must not be free (CVE-2025-8671)."""
        self._output += frames.reset(fault.stream_id, fault.code)
        self._reset_by_us.add(fault.stream_id)
        self._changed()
        stream = self.streams.get(fault.stream_id)
        if stream is not None:
            self._forget(stream)
            self._events.append(StreamReset(stream, fault.code, False))
        self._spend(costs.COST_PROVOKED_RESET)

    # --- DATA ----------------------------------------------------------------------------------------------

    def _receive_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        size = len(payload)
        self._count_received(size)
        stream = self.streams.get(stream_id)
        if stream is None or not stream.remote_open:
            self._data_on_closed(stream_id, stream)
            return
        stream.receive_window -= size
        if stream.receive_window < 0:
            raise StreamFault(stream_id, ErrorCode.FLOW_CONTROL_ERROR, "more data than the stream's window allows")
        if flags & PADDED:
            payload = _without_padding(payload)
            self.consume(stream, size - len(payload))
            size = len(payload)
        if not stream.headers_seen:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "data before headers")
        end_stream = bool(flags & END_STREAM)
        if stream.body_expected >= 0:
            stream.body_expected -= size
            if stream.body_expected < 0 or (end_stream and stream.body_expected):
                raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "the body is not as long as content-length says")
        if end_stream:
            self._end_remote(stream)
        elif size < costs.TINY:
            self._spend(costs.COST_TINY_DATA if size else costs.COST_EMPTY_DATA)
        self._events.append(DataReceived(stream, payload, end_stream))

    def _data_on_closed(self, stream_id: int, stream: Stream | None) -> None:
        if stream_id == 0 or self._is_idle(stream_id):
            raise PeerError(ErrorCode.PROTOCOL_ERROR, f"DATA on stream {stream_id}")
        self._spend(costs.COST_TINY_DATA)
        if stream_id not in self._reset_by_us:
            raise StreamFault(stream_id, ErrorCode.STREAM_CLOSED, "data on a closed stream")

    def _end_remote(self, stream: Stream) -> None:
        stream.remote_open = False
        if not stream.local_open and not stream.queue:
            self._forget(stream)

    def _is_idle(self, stream_id: int) -> bool:
        ours = (stream_id & 1 == 0) if self._server else (stream_id & 1 == 1)
        if self._server:
            return ours or stream_id > self.last_stream_id
        return not ours or stream_id > self.last_stream_id

    # --- HEADERS and CONTINUATION --------------------------------------------------------------------------

    def _receive_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id == 0:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "HEADERS on stream 0")
        if flags & PADDED:
            payload = _without_padding(payload)
        if flags & PRIORITY_FLAG:
            if len(payload) < 5:
                raise PeerError(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short for its priority")
            depends_on = _WORD.unpack_from(payload)[0] & LARGEST_STREAM_ID
            payload = payload[5:]
            if depends_on == stream_id:
                raise PeerError(ErrorCode.PROTOCOL_ERROR, "a stream that depends on itself")
        if flags & END_HEADERS:
            self._receive_block(stream_id, payload, bool(flags & END_STREAM))
        else:
            self._block = _PartialBlock(stream_id, bool(flags & END_STREAM), payload)

    def _receive_continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        block = self._block
        if block is None:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "CONTINUATION without HEADERS")
        block.payload += payload
        block.count += 1
        self._spend(costs.COST_CONTINUATION)
        if block.count > self.limits.max_continuations or len(block.payload) > self.limits.max_header_block_size:
            raise PeerError(ErrorCode.ENHANCE_YOUR_CALM, "header block is larger than the limit")
        if flags & END_HEADERS:
            self._block = None
            self._receive_block(stream_id, bytes(block.payload), block.end_stream)

    def _receive_block(self, stream_id: int, payload: bytes, end_stream: bool) -> None:
        block = self._decoder.decode(payload)
        stream = self.streams.get(stream_id)
        if stream is None:
            if self._server and stream_id > self.last_stream_id:
                self._receive_request(stream_id, block, end_stream)
                return
            if stream_id in self._reset_by_us:
                self._spend(costs.COST_UNKNOWN)
                return
            code = ErrorCode.PROTOCOL_ERROR if self._is_idle(stream_id) else ErrorCode.STREAM_CLOSED
            raise PeerError(code, f"HEADERS on stream {stream_id}, which is not open")
        if not stream.remote_open:
            raise StreamFault(stream_id, ErrorCode.STREAM_CLOSED, "HEADERS on a half-closed stream")
        if not stream.headers_seen:
            self._receive_response(stream, block, end_stream)
            return
        if not end_stream:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "trailers that do not end the stream")
        if block.trailer_problem:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, block.trailer_problem)
        if stream.body_expected > 0:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "the body is shorter than content-length says")
        self._end_remote(stream)
        self._events.append(TrailersReceived(stream, block))

    def _receive_request(self, stream_id: int, block: HeaderBlock, end_stream: bool) -> None:
        if not stream_id & 1:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "a client opened a stream of even number")
        self.last_stream_id = stream_id
        if stream_id > self._accept_up_to:
            self._reset_by_us.add(stream_id)  # after GOAWAY: it will be retried elsewhere, section 6.8
            return
        if block.problem or block.status:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, block.problem or "a response in a request")
        if len(self.streams) >= self.limits.max_concurrent_streams:
            raise StreamFault(stream_id, ErrorCode.REFUSED_STREAM, "too many streams")
        if self.queued_bytes > self.limits.max_queued_bytes:
            raise StreamFault(stream_id, ErrorCode.REFUSED_STREAM, "answers wait for window")
        if end_stream and block.content_length > 0:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "content-length without a body")
        stream = Stream(stream_id, self.peer.initial_window_size, self._initial_receive_window())
        stream.headers_seen = True
        stream.body_expected = block.content_length
        self.streams[stream_id] = stream
        if end_stream:
            stream.remote_open = False
        self._events.append(HeadersReceived(stream, block, end_stream))

    def _receive_response(self, stream: Stream, block: HeaderBlock, end_stream: bool) -> None:
        if block.problem or not block.status:
            raise StreamFault(stream.id, ErrorCode.PROTOCOL_ERROR, block.problem or "a request in a response")
        if block.status < 200:
            if end_stream or block.status == 101:
                raise StreamFault(stream.id, ErrorCode.PROTOCOL_ERROR, "an interim response that ends the stream")
            self._spend(costs.COST_UNKNOWN)
            return
        stream.headers_seen = True
        stream.body_expected = -1 if end_stream else block.content_length
        if end_stream:
            self._end_remote(stream)
        self._events.append(HeadersReceived(stream, block, end_stream))

    # --- the other frames ----------------------------------------------------------------------------------

    def _receive_priority(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id == 0:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "PRIORITY on stream 0")
        if len(payload) != 5:
            raise StreamFault(stream_id, ErrorCode.FRAME_SIZE_ERROR, "PRIORITY is not 5 bytes")
        if _WORD.unpack_from(payload)[0] & LARGEST_STREAM_ID == stream_id:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "a stream that depends on itself")
        self._spend(costs.COST_PRIORITY)

    def _receive_reset(self, flags: int, stream_id: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise PeerError(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM is not 4 bytes")
        if stream_id == 0 or self._is_idle(stream_id):
            raise PeerError(ErrorCode.PROTOCOL_ERROR, f"RST_STREAM on stream {stream_id}")
        self._reset_by_us.discard(stream_id)
        stream = self.streams.get(stream_id)
        if stream is None:
            self._spend(costs.COST_LATE_RESET)
            return
        self._spend(costs.COST_LATE_RESET if stream.answered else costs.COST_RESET)
        self._forget(stream)
        self._events.append(StreamReset(stream, _WORD.unpack(payload)[0], True))

    def _receive_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "SETTINGS on a stream")
        if flags & ACK:
            if payload:
                raise PeerError(ErrorCode.FRAME_SIZE_ERROR, "an acknowledgement of SETTINGS with a payload")
            if self._settings_acknowledged:
                self._spend(costs.COST_SETTINGS)
                return
            self._settings_acknowledged = 1
            difference = self.limits.initial_window_size - max(self.limits.initial_window_size, DEFAULT_WINDOW)
            for stream in self.streams.values():
                stream.receive_window += difference
            return
        if self._settings_seen:
            self._spend(costs.COST_SETTINGS)
        self._settings_seen = True
        for identifier, value in settings.decode(payload, from_server=not self._server):
            self._apply_setting(identifier, value)
        self._output += frames.frame(frames.SETTINGS, ACK, 0)
        self._changed()
        self._pump()
        self._events.append(SettingsReceived())

    def _apply_setting(self, identifier: int, value: int) -> None:
        peer = self.peer
        if identifier == settings.HEADER_TABLE_SIZE:
            peer.header_table_size = value
            self.encoder.set_table_size(value)
        elif identifier == settings.MAX_CONCURRENT_STREAMS:
            peer.max_concurrent_streams = value
        elif identifier == settings.MAX_FRAME_SIZE:
            peer.max_frame_size = value
        elif identifier == settings.INITIAL_WINDOW_SIZE:
            difference = value - peer.initial_window_size
            peer.initial_window_size = value
            for stream in self.streams.values():
                stream.send_window += difference
                if stream.send_window > LARGEST_WINDOW:
                    raise PeerError(ErrorCode.FLOW_CONTROL_ERROR, "a stream's window is too large")

    def _receive_push_promise(self, flags: int, stream_id: int, payload: bytes) -> None:
        raise PeerError(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE, which was not allowed")

    def _receive_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "PING on a stream")
        if len(payload) != 8:
            raise PeerError(ErrorCode.FRAME_SIZE_ERROR, "PING is not 8 bytes")
        self._spend(costs.COST_PING)
        if not flags & ACK:
            self._output += frames.frame(frames.PING, ACK, 0, payload)
            self._changed()
        elif self._drain_ping and payload == self._drain_ping:
            self._drain_ping = b""
            self.finish_drain()
        else:
            self._events.append(PingAcknowledged(payload))

    def _receive_goaway(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "GOAWAY on a stream")
        if len(payload) < 8:
            raise PeerError(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY is shorter than 8 bytes")
        self._spend(costs.COST_SETTINGS)
        last, code = _WORD.unpack_from(payload)[0] & LARGEST_STREAM_ID, _WORD.unpack_from(payload, 4)[0]
        self.goaway_received = True
        self._events.append(GoAwayReceived(last, code, payload[8:264].decode("utf-8", "replace")))
        if self._server:
            return
        for stream in [stream for stream in self.streams.values() if stream.id > last]:
            self._forget(stream)
            self._events.append(StreamReset(stream, ErrorCode.REFUSED_STREAM, True))

    def _receive_window_update(self, flags: int, stream_id: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise PeerError(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE is not 4 bytes")
        increment = _WORD.unpack(payload)[0] & LARGEST_WINDOW
        self._spend(costs.COST_WINDOW_UPDATE)
        if stream_id == 0:
            if increment == 0:
                raise PeerError(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of 0")
            self._send_window += increment
            if self._send_window > LARGEST_WINDOW:
                raise PeerError(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window is too large")
            self._pump()
        else:
            if self._is_idle(stream_id):
                raise PeerError(ErrorCode.PROTOCOL_ERROR, f"WINDOW_UPDATE on idle stream {stream_id}")
            stream = self.streams.get(stream_id)
            if stream is None:
                return
            if increment == 0:
                raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of 0")
            stream.send_window += increment
            if stream.send_window > LARGEST_WINDOW:
                raise StreamFault(stream_id, ErrorCode.FLOW_CONTROL_ERROR, "the stream's window is too large")
            self._pump_stream(stream)
        if self._output:
            self._changed()

    # --- time ----------------------------------------------------------------------------------------------

    def tick(self, now: float) -> list[Event]:
        """To be called now and then (each second or so): streams that the peer starves of window are reset."""
        self._now = now
        events: list[Event] = []
        if self.closed:
            return events
        for stream in list(self._blocked.values()):
            if now - stream.stalled_since > self.limits.stall_timeout and stream.queue:
                self.reset(stream, ErrorCode.FLOW_CONTROL_ERROR)
                events.append(StreamReset(stream, ErrorCode.FLOW_CONTROL_ERROR, False))
        return events


class _PartialBlock:
    """A header block whose CONTINUATIONs are still to come."""

    __slots__ = ("count", "end_stream", "payload", "stream_id")

    def __init__(self, stream_id: int, end_stream: bool, payload: bytes) -> None:
        self.stream_id = stream_id
        self.end_stream = end_stream
        self.payload = bytearray(payload)
        self.count = 0


def _without_padding(payload: bytes) -> bytes:
    if not payload or payload[0] >= len(payload):
        raise PeerError(ErrorCode.PROTOCOL_ERROR, "padding is longer than the frame")
    return payload[1 : len(payload) - payload[0]]


_RECEIVERS: dict[int, Callable[[Connection, int, int, bytes], None]] = {
    frames.PRIORITY: Connection._receive_priority,
    frames.RST_STREAM: Connection._receive_reset,
    frames.SETTINGS: Connection._receive_settings,
    frames.PUSH_PROMISE: Connection._receive_push_promise,
    frames.PING: Connection._receive_ping,
    frames.GOAWAY: Connection._receive_goaway,
    frames.WINDOW_UPDATE: Connection._receive_window_update,
    frames.CONTINUATION: Connection._receive_continuation,
}
