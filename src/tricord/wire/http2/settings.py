# SPDX-License-Identifier: Apache-2.0
"""SETTINGS (RFC 9113, section 6.5): what each side tells the other about itself."""

from __future__ import annotations

from struct import Struct

from tricord.wire.http2.errors import ErrorCode, PeerError
from tricord.wire.http2.frames import DEFAULT_FRAME_SIZE, DEFAULT_WINDOW, LARGEST_FRAME_SIZE, LARGEST_WINDOW

HEADER_TABLE_SIZE = 0x1
ENABLE_PUSH = 0x2
MAX_CONCURRENT_STREAMS = 0x3
INITIAL_WINDOW_SIZE = 0x4
MAX_FRAME_SIZE = 0x5
MAX_HEADER_LIST_SIZE = 0x6

_ENTRY = Struct(">HI")
ENTRIES_MAX = 64
"""More than this in one frame is nobody's need."""


class PeerSettings:
    """What the peer said last; its defaults until then."""

    __slots__ = ("header_table_size", "initial_window_size", "max_concurrent_streams", "max_frame_size")

    def __init__(self) -> None:
        self.header_table_size = 4096
        self.max_concurrent_streams = LARGEST_WINDOW
        self.initial_window_size = DEFAULT_WINDOW
        self.max_frame_size = DEFAULT_FRAME_SIZE


def encode(entries: list[tuple[int, int]]) -> bytes:
    """The payload of a SETTINGS frame."""
    return b"".join([_ENTRY.pack(identifier, value) for identifier, value in entries])


def decode(payload: bytes, *, from_server: bool) -> list[tuple[int, int]]:
    """Known and unknown entries, in order, each checked. Raises PeerError."""
    if len(payload) % 6:
        raise PeerError(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS payload is not a multiple of 6 bytes")
    if len(payload) > 6 * ENTRIES_MAX:
        raise PeerError(ErrorCode.ENHANCE_YOUR_CALM, "too many entries in one SETTINGS frame")
    entries = list(_ENTRY.iter_unpack(payload))
    for identifier, value in entries:
        if identifier == ENABLE_PUSH and (value > 1 or (from_server and value)):
            raise PeerError(ErrorCode.PROTOCOL_ERROR, f"ENABLE_PUSH of {value}")
        if identifier == INITIAL_WINDOW_SIZE and value > LARGEST_WINDOW:
            raise PeerError(ErrorCode.FLOW_CONTROL_ERROR, f"INITIAL_WINDOW_SIZE of {value}")
        if identifier == MAX_FRAME_SIZE and not DEFAULT_FRAME_SIZE <= value <= LARGEST_FRAME_SIZE:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, f"MAX_FRAME_SIZE of {value}")
    return entries
