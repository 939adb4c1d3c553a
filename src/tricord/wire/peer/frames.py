# SPDX-License-Identifier: Apache-2.0
"""The preface and the frames of a peer connection.

```
preface   16 bytes that neither HTTP nor TLS begins with
frame     length of the payload (4), kind (1), format version (1), zero (2), CRC-32C (4), payload
```

The CRC covers what stands before it and the payload. All numbers are big-endian.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

from crc32c import crc32c

from tricord.wire.peer.refusals import ProtocolFault, RefusalCode

PREFACE = b"\xf5TRICORD-PEER\r\n\x00"
FORMAT_VERSION = 1
GREETING_SIZE_MAX = 4 << 10
"""Bytes of a frame before the other side has shown who it is."""
FRAME_SIZE_MAX = 64 << 20
"""Bytes of a frame afterwards. One entry is always sent whole, and requests are far smaller."""

_REST = Struct(">IBBH")
_HEADER = Struct(">IBBHI")
_CHECK = Struct(">I")
HEADER_SIZE = _HEADER.size


class FrameKind(IntEnum):
    """Numbers are part of the protocol."""

    HELLO = 1
    CHALLENGE = 2
    PROOF = 3
    OPENED = 4
    REFUSED = 5
    PING = 6
    PONG = 7
    MESSAGES = 8
    QUERY = 9
    ANSWER = 10
    OFFER = 11
    """A snapshot is offered; READY or REFUSED answers."""
    READY = 12
    """From which offset on its bytes are wanted."""
    CHUNK = 13
    TAKEN = 14
    """Up to which offset its bytes were taken."""
    FINISH = 15
    """All bytes were sent; FINISHED or REFUSED answers, after the whole was verified."""
    FINISHED = 16
    REPLICA = 17
    """A message from one replica of a keyspace to another."""


_KINDS = frozenset(int(kind) for kind in FrameKind)


def frame(kind: int, *parts: bytes) -> bytes:
    """One frame; its payload is the parts, joined."""
    rest = _REST.pack(sum(map(len, parts)), kind, FORMAT_VERSION, 0)
    check = crc32c(rest)
    for part in parts:
        check = crc32c(part, check)
    return b"".join((rest, _CHECK.pack(check), *parts))


class FrameReader:
    """Cuts a stream into frames. It holds at most one frame of ``size_max`` and what came with its end."""

    __slots__ = ("_input", "size_max")

    def __init__(self, size_max: int) -> None:
        self.size_max = size_max
        self._input = bytearray()

    def receive(self, data: bytes) -> None:
        """More of the stream."""
        self._input += data

    def skip(self, expected: bytes) -> bool:
        """Take these bytes from the front; False: they are not whole yet. Raises ProtocolFault: others stand there."""
        if not expected.startswith(self._input[: len(expected)]):
            raise ProtocolFault("this is no peer protocol")
        if len(self._input) < len(expected):
            return False
        del self._input[: len(expected)]
        return True

    def next(self) -> tuple[int, bytes] | None:
        """(kind, payload) of the next frame; None: it is not whole yet. Raises ProtocolFault."""
        have = len(self._input)
        if have < HEADER_SIZE:
            return None
        length, kind, version, zero, check = _HEADER.unpack_from(self._input)
        if version != FORMAT_VERSION:
            raise ProtocolFault(f"frame format {version} is not known", RefusalCode.PROTOCOL_VERSION)
        if zero or kind not in _KINDS:
            raise ProtocolFault(f"a frame of kind {kind} is not known")
        if length > self.size_max:
            raise ProtocolFault(f"a frame of {length} bytes is too large")
        end = HEADER_SIZE + length
        if have < end:
            return None
        with memoryview(self._input) as view:
            payload = bytes(view[HEADER_SIZE:end])
            sum_found = crc32c(payload, crc32c(bytes(view[: _REST.size])))
        if sum_found != check:
            raise ProtocolFault("a frame does not match its checksum")
        del self._input[:end]
        return kind, payload
