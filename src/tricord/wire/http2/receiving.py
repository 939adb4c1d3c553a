# SPDX-License-Identifier: Apache-2.0
"""Requests, responses and their bodies as they come in (RFC 9113, sections 5.1, 6.1, 6.2, 6.10 and 8.1)."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from tricord.wire.http2 import budget as costs
from tricord.wire.http2.errors import ErrorCode, PeerError, StreamFault
from tricord.wire.http2.events import DataReceived, Event, HeadersReceived, TrailersReceived
from tricord.wire.http2.frames import END_HEADERS, END_STREAM, LARGEST_STREAM_ID, PADDED, PRIORITY_FLAG
from tricord.wire.http2.header_decompression import HeaderDecoder
from tricord.wire.http2.header_validation import HeaderBlock
from tricord.wire.http2.limits import Http2Limits
from tricord.wire.http2.receive_windows import ReceiveWindows
from tricord.wire.http2.streams import Stream

_WORD = Struct(">I")


class ReceivingSide(ReceiveWindows):
    """What happens to streams by what the peer sends on them."""

    def __init__(self, limits: Http2Limits, *, server: bool, wake: Callable[[], None], now: float) -> None:
        super().__init__(limits, server=server, wake=wake, now=now)
        self._decoder = HeaderDecoder(limits.max_header_list_size)
        self._block: _PartialBlock | None = None
        self._accept_up_to = LARGEST_STREAM_ID
        self._events: list[Event] = []

    def _spend(self, cost: int) -> None:
        if not self._budget.spend(cost, self._now):
            raise PeerError(ErrorCode.ENHANCE_YOUR_CALM, "too many frames of no use")

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
        if end_stream and block.content_length > 0:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "content-length without a body")
        stream = Stream(stream_id, self.peer.initial_window_size, self._first_window)
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
