# SPDX-License-Identifier: Apache-2.0
"""Every bound of a server's connections. Sizes are bytes, times seconds."""

from __future__ import annotations

from dataclasses import dataclass, field

from tricord.wire.http.limits import HttpLimits
from tricord.wire.http2.limits import Http2Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Defaults suit a member."""

    max_message_size: int = 2_097_152
    """Largest gRPC message accepted; above it: RESOURCE_EXHAUSTED."""
    max_connections: int = 10_000
    """More are closed as soon as they are accepted."""
    handshake_timeout: float = 10.0
    """From accept to the first whole request line or to HTTP/2's preface and SETTINGS."""
    keepalive_interval: float = 60.0
    """An HTTP/2 peer that was silent so long is sent a PING."""
    keepalive_timeout: float = 20.0
    """It is taken for dead when nothing comes so long after that."""
    idle_timeout: float = 120.0
    """An HTTP/1.1 connection between requests."""
    request_timeout: float = 60.0
    """For a request, or the body of a unary call, to arrive whole."""
    write_timeout: float = 15.0
    """A peer that takes none of what waits for it is cut off."""
    tick: float = 1.0
    """How often all these times are looked at."""
    max_held_bytes: int = 256 << 20
    """What all connections together may hold of answers not taken and requests not finished; looked at each second.
    Above it the connections that hold most are closed."""
    write_buffer: int = 512 << 10
    """Bytes given to the socket that it has not taken; above it nothing is read from the peer."""
    http2: Http2Limits = field(default_factory=Http2Limits)
    http: HttpLimits = field(default_factory=HttpLimits)
