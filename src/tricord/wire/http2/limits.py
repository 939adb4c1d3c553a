# SPDX-License-Identifier: Apache-2.0
"""Every bound of one HTTP/2 connection, with its reason. Sizes are bytes, times seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Http2Limits:
    """The defaults suit a server; ``CLIENT_LIMITS`` suits a client."""

    max_concurrent_streams: int = 1000
    """Streams the peer may have open. More are refused (REFUSED_STREAM), which a client may retry."""
    max_frame_size: int = 16_384
    """Largest frame accepted; the smallest value that the RFC allows."""
    initial_window_size: int = 16_384
    """What a peer may send on a stream before anything is known of it. Times ``max_concurrent_streams`` it is the
    memory that idle streams can hold; a larger message is let in as its length becomes known."""
    connection_window_size: int = 1 << 20
    """What may be under way on the connection. Bounds the data that streams hold no window for."""
    max_large_bytes: int = 8 << 20
    """Window granted beyond ``initial_window_size`` to all streams together; others wait for it in order."""
    max_header_list_size: int = 65_536
    """Decoded header list that is accepted, counted as the RFC does (32 bytes a field more)."""
    max_header_block_size: int = 32_768
    """Compressed header block, CONTINUATIONs together."""
    max_continuations: int = 16
    """CONTINUATION frames of one block."""
    max_queued_bytes: int = 4 << 20
    """Data queued for a peer that gives no window. Beyond it the owner begins nothing new on the connection."""
    budget_burst: int = 8_000
    """Credits for frames that are work without use; see ``budget``."""
    budget_per_second: int = 400
    """Credits that come back with time."""
    stall_timeout: float = 60.0
    """A stream that has data queued and got no window for so long is reset."""
    congestion_timeout: float = 15.0
    """A peer for which more than ``max_queued_bytes`` wait and that took nothing for so long is given up."""


CLIENT_LIMITS = Http2Limits(
    max_concurrent_streams=0,
    initial_window_size=1 << 20,
    connection_window_size=8 << 20,
    max_large_bytes=1 << 30,
    max_header_list_size=1 << 20,
    max_header_block_size=1 << 20,
    max_continuations=64,
    max_queued_bytes=64 << 20,
    budget_burst=100_000,
    budget_per_second=10_000,
    stall_timeout=600.0,
    congestion_timeout=600.0,
)
"""A client chose its server: it allows more, and still has an end to everything."""
