# SPDX-License-Identifier: Apache-2.0
"""Frame numbers and builders (RFC 9113, sections 4 and 6). Parsing is in ``connection``, beside the rules it obeys.

```
+-----------------------------------------------+
| length (24) | type (8) | flags (8) | stream id |  9 bytes, then the payload
+-----------------------------------------------+
```
"""

from __future__ import annotations

from struct import Struct

DATA = 0x0
HEADERS = 0x1
PRIORITY = 0x2
RST_STREAM = 0x3
SETTINGS = 0x4
PUSH_PROMISE = 0x5
PING = 0x6
GOAWAY = 0x7
WINDOW_UPDATE = 0x8
CONTINUATION = 0x9

END_STREAM = 0x1
ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY_FLAG = 0x20

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEADER_SIZE = 9
DEFAULT_WINDOW = 65_535
DEFAULT_FRAME_SIZE = 16_384
LARGEST_WINDOW = 2**31 - 1
LARGEST_FRAME_SIZE = 2**24 - 1
LARGEST_STREAM_ID = 2**31 - 1

HEADER = Struct(">HBBBI")
"""length >> 8, length & 255, type, flags, stream id (with the reserved bit)."""
_HEADER_AND_WORD = Struct(">HBBBII")
_GOAWAY = Struct(">HBBBIII")


def frame(kind: int, flags: int, stream_id: int, payload: bytes | bytearray | memoryview = b"") -> bytes:
    """Any frame."""
    size = len(payload)
    return HEADER.pack(size >> 8, size & 255, kind, flags, stream_id) + payload


def headers(stream_id: int, block: bytes, end_stream: bool, max_frame_size: int) -> bytes:
    """HEADERS with its CONTINUATIONs, as many as the peer's frame size asks for."""
    flags = END_STREAM if end_stream else 0
    if len(block) <= max_frame_size:
        return frame(HEADERS, flags | END_HEADERS, stream_id, block)
    parts = [frame(HEADERS, flags, stream_id, block[:max_frame_size])]
    position = max_frame_size
    while position < len(block):
        piece = block[position : position + max_frame_size]
        position += len(piece)
        parts.append(frame(CONTINUATION, END_HEADERS if position >= len(block) else 0, stream_id, piece))
    return b"".join(parts)


def reset(stream_id: int, code: int) -> bytes:
    """RST_STREAM."""
    return _HEADER_AND_WORD.pack(0, 4, RST_STREAM, 0, stream_id, code)


def window_update(stream_id: int, increment: int) -> bytes:
    """WINDOW_UPDATE; stream 0 is the connection."""
    return _HEADER_AND_WORD.pack(0, 4, WINDOW_UPDATE, 0, stream_id, increment)


def goaway(last_stream_id: int, code: int, text: str = "") -> bytes:
    """GOAWAY with a text for whoever debugs the peer."""
    debug = text.encode("utf-8", "replace")[:256]
    return _GOAWAY.pack(0, 8 + len(debug), GOAWAY, 0, 0, last_stream_id, code) + debug
