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

from collections.abc import Callable
from enum import Enum
from struct import Struct

from tricord.wire.http2 import budget as costs
from tricord.wire.http2 import frames, settings
from tricord.wire.http2.errors import ErrorCode, PeerError, StreamFault
from tricord.wire.http2.events import (
    Event,
    GoAwayReceived,
    PingAcknowledged,
    SettingsReceived,
    StreamReset,
    Terminated,
)
from tricord.wire.http2.frames import (
    ACK,
    DATA,
    DEFAULT_WINDOW,
    FRAME_HEADER_SIZE,
    HEADERS,
    LARGEST_STREAM_ID,
    LARGEST_WINDOW,
    PREFACE,
)
from tricord.wire.http2.limits import Http2Limits
from tricord.wire.http2.receiving import ReceivingSide
from tricord.wire.http2.streams import Stream

_HEADER = frames.HEADER
_WORD = Struct(">I")


class Role(Enum):
    """Which side of the connection we are."""

    SERVER = "server"
    CLIENT = "client"


class Connection(ReceivingSide):
    """See the module's text. All times are seconds on one monotonic clock."""

    def __init__(
        self,
        role: Role,
        limits: Http2Limits,
        *,
        wake: Callable[[], None],
        now: float,
        wake_later: Callable[[], None] | None = None,
    ) -> None:
        """``wake_later`` is called for output that may wait a few milliseconds, so that it leaves with other output."""
        super().__init__(limits, server=role is Role.SERVER, wake=wake, now=now)
        self._wake_later = wake_later
        self.role = role
        self.draining = False
        self.goaway_received = False
        self._input = b""
        self._preface_left = PREFACE if self._server else b""
        self._settings_seen = False
        self._settings_acknowledged = False
        self._drain_ping = b""

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
        self._ready.clear()
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
        stream = Stream(stream_id, self.peer.initial_window_size, self._first_window)
        stream.context = context
        stream.answered = True
        self.streams[stream_id] = stream
        self.send_headers(stream, block, end_stream=end_stream)
        return stream

    def refuse(self, stream: Stream) -> None:
        """Server role: do nothing for a stream (REFUSED_STREAM). It costs the peer as what it provokes does."""
        self.reset(stream, ErrorCode.REFUSED_STREAM)
        if not self._budget.spend(costs.COST_PROVOKED_RESET, self._now):
            self.terminate(ErrorCode.ENHANCE_YOUR_CALM, "too many streams while answers wait")

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
                stream_id &= LARGEST_STREAM_ID
                if self._block is not None or not self._settings_seen:
                    self._check_order(kind, flags, stream_id)
                try:
                    if kind == DATA:
                        self._receive_data(flags, stream_id, data[start:stop])
                    elif kind == HEADERS:
                        self._receive_headers(flags, stream_id, data[start:stop])
                    elif kind in _RECEIVERS:
                        _RECEIVERS[kind](self, flags, stream_id, data[start:stop])
                    else:
                        self._spend(costs.COST_UNKNOWN)  # section 5.5: unknown types are ignored
                except StreamFault as fault:
                    self._reset_for_fault(fault)
            self._input = data[position:] if position < end else b""
        except PeerError as error:
            self.terminate(error.code, error.text)
            events.append(Terminated(error.code, error.text))
        self._events = []
        return events

    def tick(self, now: float) -> list[Event]:
        """To be called now and then (each second or so): streams, or a peer, that starve us of window are given up."""
        self._now = now
        limits = self.limits
        events: list[Event] = []
        if self.closed or not self.queued_bytes:
            return events
        if self.queued_bytes > limits.max_queued_bytes and now - self._progress_at > limits.congestion_timeout:
            self.terminate(ErrorCode.ENHANCE_YOUR_CALM, "the answers that were asked for are not taken")
            return [Terminated(ErrorCode.ENHANCE_YOUR_CALM, "the answers that were asked for are not taken")]
        for stream in list(self.streams.values()):
            if stream.queue and now - stream.stalled_since > limits.stall_timeout:
                self.reset(stream, ErrorCode.FLOW_CONTROL_ERROR)
                events.append(StreamReset(stream, ErrorCode.FLOW_CONTROL_ERROR, False))
        return events

    def _receive_preface(self, data: bytes) -> int:
        expected = self._preface_left
        count = min(len(expected), len(data))
        if data[:count] != expected[:count]:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "not an HTTP/2 preface")
        self._preface_left = expected[count:]
        return count

    def _check_order(self, kind: int, flags: int, stream_id: int) -> None:
        if self._block is not None and (kind != frames.CONTINUATION or stream_id != self._block.stream_id):
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "a header block was interrupted")
        if not self._settings_seen and (kind != frames.SETTINGS or flags & ACK):
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS")

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
            self._settings_acknowledged = True
            difference = self._first_window - self.limits.initial_window_size
            self._first_window = self.limits.initial_window_size
            self._shrink(difference)
            return
        if self._settings_seen:
            self._spend(costs.COST_SETTINGS)
        self._settings_seen = True
        # The last value of each counts: applied one by one, a long list would cost a walk over all streams each.
        for identifier, value in dict(settings.decode(payload, from_server=not self._server)).items():
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
                if stream.queue:
                    self._ready[stream.id] = stream

    def _receive_push_promise(self, flags: int, stream_id: int, payload: bytes) -> None:
        raise PeerError(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE, which was not allowed")

    def _receive_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "PING on a stream")
        if len(payload) != 8:
            raise PeerError(ErrorCode.FRAME_SIZE_ERROR, "PING is not 8 bytes")
        self._spend(costs.COST_PING)
        if not flags & ACK:
            # grpc-go sends a PING for about each answer it reads: ours leaves with the next answer.
            self._output += frames.frame(frames.PING, ACK, 0, payload)
            self._changed_slightly()
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
            if stream.queue:
                self._ready[stream_id] = stream
                self._pump_stream(stream)
        if self._output:
            self._changed()


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
