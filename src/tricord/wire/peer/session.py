# SPDX-License-Identifier: Apache-2.0
"""One side of a peer connection, without IO: what both sides have in common.

``receive`` never raises, whatever the bytes are: damage ends the session with a refusal, which the other side is told.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from tricord.wire.peer.events import FrameReceived, PeerEvent, PongReceived, Refused
from tricord.wire.peer.frames import FRAME_SIZE_MAX, GREETING_SIZE_MAX, FrameKind, FrameReader, frame
from tricord.wire.peer.hello import Lane
from tricord.wire.peer.refusals import ProtocolFault, Refusal, decode_refusal, encode_refusal

_NUMBER = Struct(">Q")

_FOR_ACCEPTOR: dict[int, frozenset[int]] = {
    Lane.CONTROL: frozenset({FrameKind.MESSAGES}),
    Lane.APPEND: frozenset({FrameKind.MESSAGES}),
    Lane.SNAPSHOT: frozenset({FrameKind.OFFER, FrameKind.CHUNK, FrameKind.FINISH}),
    Lane.QUERY: frozenset({FrameKind.QUERY}),
    Lane.REPLICAS: frozenset({FrameKind.REPLICA}),
}
_FOR_DIALLER: dict[int, frozenset[int]] = {
    Lane.CONTROL: frozenset(),
    Lane.APPEND: frozenset(),
    Lane.SNAPSHOT: frozenset({FrameKind.READY, FrameKind.TAKEN, FrameKind.FINISHED}),
    Lane.QUERY: frozenset({FrameKind.ANSWER}),
    Lane.REPLICAS: frozenset(),
}
"""By lane: the frames that each side may get once the connection is open."""


PROGRESS = 0
"""The number of a PONG that answers no question: what was sent is on its way, and a question waits behind it."""


def ping(number: int) -> bytes:
    """A PING frame; the number comes back in the answer."""
    return frame(FrameKind.PING, _NUMBER.pack(number))


def pong(number: int) -> bytes:
    """A PONG frame."""
    return frame(FrameKind.PONG, _NUMBER.pack(number))


class Session:
    """What dialler and acceptor share. They differ in how they greet."""

    def __init__(self) -> None:
        self._reader = FrameReader(GREETING_SIZE_MAX)
        self._output = bytearray()
        self._events: list[PeerEvent] = []
        self._greet: Callable[[int, bytes], None] | None = None
        """What the next frame of the greeting goes to; None: the greeting is over."""
        self._kinds: frozenset[int] = frozenset()
        self.ended = False
        self.was_asked = False
        """Whether a PING came since the owner cleared this."""

    @property
    def is_open(self) -> bool:
        """Whether frames may be sent."""
        return self._greet is None and not self.ended

    def receive(self, data: bytes) -> list[PeerEvent]:
        """Bytes from the other side. Never raises."""
        if not self.ended:
            self._reader.receive(data)
            try:
                self._read()
            except ProtocolFault as fault:
                self.refuse(fault.refusal)
        events, self._events = self._events, []
        return events

    def take_output(self) -> bytes:
        """What must be written now."""
        output = bytes(self._output)
        self._output.clear()
        return output

    def refuse(self, refusal: Refusal) -> None:
        """End the session and say why. After a call from outside the event comes with the next ``receive``."""
        if not self.ended:
            self._say(FrameKind.REFUSED, encode_refusal(refusal))
            self._end(Refused(refusal, False))

    def _read(self) -> None:
        while not self.ended:
            found = self._reader.next()
            if found is None:
                return
            kind, payload = found
            if kind == FrameKind.REFUSED:
                self._end(Refused(decode_refusal(payload), True))
            elif self._greet is not None:
                self._greet(kind, payload)
            elif kind in self._kinds:
                self._events.append(FrameReceived(kind, payload))
            else:
                self._keep_alive(kind, payload)

    def _keep_alive(self, kind: int, payload: bytes) -> None:
        if kind not in (FrameKind.PING, FrameKind.PONG) or len(payload) != _NUMBER.size:
            raise ProtocolFault(f"a frame of kind {kind} does not belong here")
        if kind == FrameKind.PING:
            self.was_asked = True
            self._say(FrameKind.PONG, payload)
        else:
            self._events.append(PongReceived(_NUMBER.unpack(payload)[0]))

    def _open(self, lane: int, *, accepted: bool) -> None:
        self._greet = None
        self._kinds = (_FOR_ACCEPTOR if accepted else _FOR_DIALLER)[lane]
        self._reader.size_max = FRAME_SIZE_MAX

    def _say(self, kind: int, payload: bytes) -> None:
        self._output += frame(kind, payload)

    def _end(self, event: Refused) -> None:
        self.ended = True
        self._greet = None
        self._events.append(event)
        self._reader = FrameReader(0)
