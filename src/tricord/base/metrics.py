# SPDX-License-Identifier: Apache-2.0
"""What a member counts. Plain integers that the hot paths add to; a scrape reads them (``api/ops/metrics_page``)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field

from tricord.base.message import message

DISK_SECONDS = tuple(0.001 * 2**power for power in range(14))
"""Upper bounds of the buckets for disk latencies, as etcd's: 1 ms to 8.192 s."""


SLOW_DISK_SECONDS = tuple(0.1 * 2**power for power in range(13))
"""Upper bounds of the buckets for what copies a store, as etcd's: 0.1 s to 409.6 s."""


CALL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets for calls, as Prometheus's clients have them."""


class Histogram:
    """Counts observations by upper bound; the last count is of what is above all bounds."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...] = DISK_SECONDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one observation. About 200 ns."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


@message
class Traffic:
    """What goes through the listeners: connections now, bytes and calls since the start."""

    connections: int
    received_bytes: int
    sent_bytes: int
    calls: list[tuple[str, int, list[int]]]
    """(path, begun, ended by status number) of each gRPC method: ``("/etcdserverpb.KV/Put", 3, [2, 0, ...])``."""
    call_seconds: dict[str, Histogram] = field(default_factory=dict)
    """How long the calls of each method took, by its path; empty: nobody measured."""


@message
class WatchCounts:
    """What watches there are: streams and watches now, of these the ones that are told late, events that wait to be
    taken, and events told since the start."""

    streams: int = 0
    watches: int = 0
    slow: int = 0
    pending_events: int = 0
    events: int = 0


@message
class GossipFigures:
    """What gossip knows and counts."""

    members: dict[str, int]
    """How many other members have each standing: absent, alive, suspect, dead, left."""
    health: int
    """How much this member doubts itself; 0 is well."""
    news: int
    """Pieces that are still being spread."""
    counts: dict[str, int]
    """Since the start, by name (``gossip.counts``)."""
    refused: dict[str, int]
    """Packets that were not heard, by reason."""


@message
class ReplicaFigures:
    """One causal or eventual keyspace at this member. ``unsent``: writes that may be nowhere else;
    ``agreement_seconds``: how long ago each other replica had nothing that is not here; ``convergence_seconds``: the
    bound of that after faults (causal: 0, none is stated); ``refused``: messages that were not heard, by reason."""

    keyspace: str
    model: str
    is_open: bool
    sequence: int
    unsent: int
    keys: int
    bytes: int
    agreement_seconds: dict[int, float]
    convergence_seconds: float
    refused: dict[str, int]


@message
class StoreCounts:
    """What the store holds: keys, and the oldest revision that can be read (-1: nothing was compacted yet)."""

    keys: int
    compact_revision: int


@dataclass(slots=True)
class Metrics:
    """Everything is since the start of this member."""

    puts: int = 0
    ranges: int = 0
    deletes: int = 0
    txns: int = 0
    proposals_failed: int = 0
    leader_changes_seen: int = 0
    reads_failed: int = 0
    """Linearizable reads that found no leader in time."""
    wal_fsync_seconds: Histogram = field(default_factory=Histogram)
    backend_commit_seconds: Histogram = field(default_factory=Histogram)
    defragment_seconds: Histogram = field(default_factory=lambda: Histogram(SLOW_DISK_SECONDS))
    lease_granted: int = 0
    lease_revoked: int = 0
    lease_renewed: int = 0
    lease_expired: int = 0
    slow_applies: int = 0
    """Turns that took more than 100 ms to decide and apply."""
    health_success: int = 0
    health_failures: int = 0
    pending: Callable[[], int] | None = None
    """How many requests wait for the log now; set by the member."""
    traffic: Callable[[], Traffic] | None = None
    """What the listeners count; set by whoever opens them."""
    store: Callable[[], StoreCounts] | None = None
    """The store's figures; set by the member."""
    gossip: Callable[[], GossipFigures | None] | None = None
    """What gossip counts, where it has begun; set by the member."""
    replicas: Callable[[], list[ReplicaFigures]] | None = None
    """The causal and eventual keyspaces of this member; set by who runs them."""
    watches: Callable[[], WatchCounts] | None = None
    """The watches of this member; set by whoever keeps them."""
