# SPDX-License-Identifier: Apache-2.0
"""Requests and results about leases. Semantics are etcd v3's (Lease API reference).

A lease ends when its time to live has passed since the last renewal that was answered; the keys attached to it are
deleted then, in one revision. Times to live are whole seconds, ids are nonzero signed 64-bit integers.
"""

from __future__ import annotations

from tricord.base.message import message

LEASE_TTL_MAX = 9_000_000_000
"""Seconds; a longer time to live is refused, as etcd does."""


@message
class LeaseGrant:
    """Make a lease. An ``id`` of 0 lets the member choose; it is never 0 in the log."""

    ttl: int
    id: int = 0


@message
class LeaseRevoke:
    """End a lease now: its keys are deleted as one revision, in key order."""

    id: int


@message
class LeaseExpire:
    """End leases whose time has passed. Only a leader proposes it; refused, to no effect, in another term than its."""

    ids: list[int]


@message
class LeaseCheckpoint:
    """Record how many seconds leases have left, for the next leader: (id, seconds), 0 meaning the full time to live.

    Only a leader proposes it; refused, to no effect, in another term than its.
    """

    remaining: list[tuple[int, int]]


@message
class LeaseKeepAlive:
    """Renew a lease. Never logged: the leader answers after a quorum round."""

    id: int


@message
class LeaseTimeToLive:
    """Ask how long a lease has left, and with ``keys`` what is attached to it. The leader knows."""

    id: int
    keys: bool = False


@message
class LeaseList:
    """Ask which leases there are."""


@message
class LeaseGrantResult:
    """The lease's id, and its time to live, which may be longer than what was asked for."""

    id: int
    ttl: int


@message
class LeaseRevokeResult:
    """Nothing to say but that it is done."""


@message
class LeaseExpireResult:
    """Which of the leases ended: those that still were."""

    ids: list[int]


@message
class LeaseCheckpointResult:
    """Nothing to say but that it is done."""


@message
class LeaseKeepAliveResult:
    """``ttl`` is what the lease has from now on; 0: there is no such lease."""

    id: int
    ttl: int


@message
class LeaseTimeToLiveResult:
    """``ttl`` is what is left, -1 where there is no such lease; ``keys`` in key order."""

    id: int
    ttl: int
    granted_ttl: int
    keys: list[bytes]


@message
class LeaseListResult:
    """Ids, ascending."""

    ids: list[int]
