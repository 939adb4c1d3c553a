# SPDX-License-Identifier: Apache-2.0
"""The other end of a connection under test: writes any frame, legal or not, and reads what comes back."""

from __future__ import annotations

from dataclasses import dataclass

from hpack import Decoder, Encoder

from tricord.wire.http2 import frames, settings
from tricord.wire.http2.connection import Connection, Role
from tricord.wire.http2.errors import ErrorCode
from tricord.wire.http2.events import Event, Terminated
from tricord.wire.http2.limits import CLIENT_LIMITS, Http2Limits

GET = ((":method", "GET"), (":scheme", "http"), (":path", "/health"), (":authority", "localhost"))
POST = ((":method", "POST"), *GET[1:])


@dataclass
class Frame:
    """One frame that the connection sent."""

    kind: int
    flags: int
    stream_id: int
    payload: bytes

    def number(self) -> int:
        """The first four bytes of the payload: an error code, an increment."""
        return int.from_bytes(self.payload[:4])


class Scripted:
    """Drives a server connection by hand, as its client (or, with ``role=CLIENT``, a client as its server)."""

    def __init__(self, role: Role = Role.SERVER, limits: Http2Limits | None = None, *, greet: bool = True) -> None:
        self.wakes = 0
        self.now = 1000.0
        limits = limits or (Http2Limits() if role is Role.SERVER else CLIENT_LIMITS)
        self.connection = Connection(role, limits, wake=self._wake, now=self.now)
        self.encoder = Encoder()
        self.decoder = Decoder()
        self.connection.start()
        self.hello = self.sent()
        if greet:
            preface = frames.PREFACE if role is Role.SERVER else b""
            self.give(preface + frames.frame(frames.SETTINGS, 0, 0) + frames.frame(frames.SETTINGS, frames.ACK, 0))
            self.sent()

    def _wake(self) -> None:
        self.wakes += 1

    def give(self, data: bytes) -> list[Event]:
        """Bytes for the connection."""
        return self.connection.receive(data, self.now)

    def sent(self) -> list[Frame]:
        """What it has sent since last asked, by frame."""
        data = bytes(self.connection.take_output())
        if data.startswith(frames.PREFACE):
            data = data[len(frames.PREFACE) :]
        found = []
        while data:
            high, low, kind, flags, stream_id = frames.HEADER.unpack_from(data)
            size = high << 8 | low
            found.append(Frame(kind, flags, stream_id, data[9 : 9 + size]))
            data = data[9 + size :]
        return found

    def headers(self, stream_id: int, fields: tuple[tuple[str, str], ...], *, end_stream: bool = True) -> bytes:
        """A HEADERS frame."""
        return frames.headers(stream_id, self.encoder.encode(fields), end_stream, 16_384)

    def fields(self, frame: Frame) -> list[tuple[str, str]]:
        """What a HEADERS frame of the connection says."""
        return [(str(name), str(value)) for name, value in self.decoder.decode(frame.payload)]


def data(stream_id: int, payload: bytes, *, end_stream: bool = False) -> bytes:
    """A DATA frame."""
    return frames.frame(frames.DATA, frames.END_STREAM if end_stream else 0, stream_id, payload)


def setting(identifier: int, value: int) -> bytes:
    """A SETTINGS frame of one entry."""
    return frames.frame(frames.SETTINGS, 0, 0, settings.encode([(identifier, value)]))


def ended_with(events: list[Event], code: ErrorCode) -> bool:
    """Whether the connection gave up, and why."""
    return bool(events) and isinstance(events[-1], Terminated) and events[-1].code is code
