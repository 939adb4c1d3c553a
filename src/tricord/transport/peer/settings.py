# SPDX-License-Identifier: Apache-2.0
"""Every time and bound of a member's links. Sizes are bytes, times seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSettings:
    """Defaults suit a member with a heartbeat of 100 ms and an election timeout of 1 s."""

    heartbeat: float = 0.1
    """How often a link asks whether the other side lives."""
    election_timeout: float = 1.0
    """A link that is silent for so long is closed and dialled anew."""
    connect_timeout: float = 0.5
    """For one attempt to connect, TLS included. A packet lost here must not cost the kernel's second of waiting."""
    retry_first: float = 0.05
    """The pause before the first attempt after a loss; it doubles with each failure."""
    retry_max: float = 0.5
    """The longest pause between attempts."""
    refused_retry: float = 5.0
    """The pause after a refusal that will not pass by itself: another cluster, another incarnation."""
    control_buffer: int = 4 << 20
    """Bytes that may wait for a slow peer on its control lane; what is beyond is dropped."""
    append_buffer: int = 64 << 20
    """The same on its append lane; above a leader's own window of entries on their way."""
    replica_buffer: int = 4 << 20
    """A lane of replicas that has so many bytes waiting takes no further message."""
    accepted_max: int = 256
    """Connections accepted from members, those that have not said who they are included."""
    snapshot_rate: int = 64 << 20
    """Bytes a second, of all snapshots that are sent."""
    snapshot_chunk: int = 256 << 10
    """Bytes of one chunk."""
    snapshot_window: int = 1 << 20
    """Bytes of chunks that may be on their way unacknowledged."""
    snapshot_patience: float = 30.0
    """A transfer without progress for so long has failed."""
    snapshot_verify: float = 600.0
    """How long the receiver may take to verify the whole."""
