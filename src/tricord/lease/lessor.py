# SPDX-License-Identifier: Apache-2.0
"""The lessor: which leases there are, until when, and what is to be done about them. Only a leader has one at work.

It decides from the times that it is given: seconds on the leader's monotonic clock. Two heaps say what comes next; an
entry that was overtaken (the lease was renewed, or ended) is noticed when its turn comes, so a renewal costs one
assignment and an idle lease nothing.

Three things make a lease wait for the log: its end was proposed (it can be renewed no more, unless the proposal is
lost), a checkpoint was, or a renewal that must take a checkpoint back first. It is in one of these phases at a time.
"""

from __future__ import annotations

from enum import IntEnum
from heapq import heapify, heappop, heappush
from math import ceil

AGAIN_SECONDS = 1.0
"""After this the end of a lease, or its checkpoint, is proposed again when the proposal was lost."""

NO_LEASE = 0
ENDING = -1
CHECKPOINTED = -2
UNDER_WAY = -3
"""What ``renew`` says instead of a time to live: its end is in the log's hands; the checkpoint must be taken back first
(``renewing``); a checkpoint, or another's renewal, is on its way."""

LOOKS_MAX = 4096
"""How many leases are looked at in one go: well under ten milliseconds."""
_STALE_MAX = 1024


class Phase(IntEnum):
    """What of a lease is on its way through the log."""

    IDLE = 0
    ENDING = 1
    CHECKPOINTING = 2
    RENEWING = 3


class _Lease:
    """``place`` and ``checkpoint_place`` are the times of its valid entries in the heaps; others are stale."""

    __slots__ = ("checkpoint_place", "deadline", "phase", "place", "recorded", "ttl")

    def __init__(self, ttl: int, recorded: int, deadline: float) -> None:
        self.ttl = ttl
        self.recorded = recorded
        self.deadline = self.place = deadline
        self.phase = Phase.IDLE
        self.checkpoint_place = 0.0


class Lessor:
    """The leases of a leader."""

    __slots__ = ("_checkpoint_seconds", "_checkpoints", "_deadlines", "_leases", "_stale")

    def __init__(self, checkpoint_seconds: float) -> None:
        """A lease with more than ``checkpoint_seconds`` to live has what is left recorded that often."""
        self._checkpoint_seconds = checkpoint_seconds
        self._leases: dict[int, _Lease] = {}
        self._deadlines: list[tuple[float, int]] = []
        self._checkpoints: list[tuple[float, int]] = []
        self._stale = 0

    def __len__(self) -> int:
        return len(self._leases)

    def __contains__(self, identity: int) -> bool:
        return identity in self._leases

    def demote(self) -> None:
        """Forget all: another decides."""
        self._leases = {}
        self._deadlines = []
        self._checkpoints = []
        self._stale = 0

    # --- what the log says -------------------------------------------------------------------------------------

    def granted(self, identity: int, ttl: int, recorded: int, now: float) -> None:
        """There is such a lease: new, or found by a new leader. It has its full time, or what a checkpoint left."""
        if identity in self._leases:
            return
        lease = self._leases[identity] = _Lease(ttl, recorded, now + (recorded or ttl))
        heappush(self._deadlines, (lease.place, identity))
        self._plan_checkpoint(identity, lease, now)

    def ended(self, identity: int) -> None:
        """There is no such lease any more."""
        if self._leases.pop(identity, None) is not None:
            self._stale += 1
            if self._stale > len(self._leases) + _STALE_MAX:
                self._drop_stale()

    def recorded(self, identity: int, remaining: int) -> None:
        """A checkpoint of it took effect; 0 takes it back."""
        lease = self._leases.get(identity)
        if lease is not None:
            lease.recorded = remaining

    def settled(self, identity: int) -> None:
        """What was proposed about it has come to an end, whatever that was."""
        lease = self._leases.get(identity)
        if lease is not None:
            lease.phase = Phase.IDLE

    # --- what clients say --------------------------------------------------------------------------------------

    def renew(self, identity: int, now: float) -> int:
        """Its time to live, which begins anew now; or NO_LEASE, ENDING, CHECKPOINTED, UNDER_WAY: not renewed yet."""
        lease = self._leases.get(identity)
        if lease is None:
            return NO_LEASE
        if lease.phase or lease.recorded:
            if lease.phase is Phase.ENDING:
                return ENDING
            return UNDER_WAY if lease.phase else CHECKPOINTED
        lease.deadline = now + lease.ttl
        if not lease.checkpoint_place and lease.ttl > self._checkpoint_seconds:
            self._plan_checkpoint(identity, lease, now)
        return lease.ttl

    def renewing(self, identity: int) -> None:
        """Its checkpoint is being taken back; until that is settled it does not end."""
        self._leases[identity].phase = Phase.RENEWING

    def remaining(self, identity: int, now: float) -> tuple[float, int] | None:
        """Seconds that it has left (0 when it is overdue) and its time to live; None: there is no such lease."""
        lease = self._leases.get(identity)
        return None if lease is None else (max(lease.deadline - now, 0.0), lease.ttl)

    # --- what time says ----------------------------------------------------------------------------------------

    def next_at(self) -> float | None:
        """When to look again, at the earliest."""
        times = [heap[0][0] for heap in (self._deadlines, self._checkpoints) if heap]
        return min(times) if times else None

    def due(self, now: float, limit: int) -> list[int]:
        """Leases whose time has passed, at most so many: their end is to be proposed. Each is told once; again a
        second later if it is still there and not on its way."""
        found: list[int] = []
        heap = self._deadlines
        for _ in range(LOOKS_MAX):
            if not heap or heap[0][0] > now or len(found) >= limit:
                break
            place, identity = heappop(heap)
            lease = self._leases.get(identity)
            if lease is None or lease.place != place:
                self._stale -= 1
                continue
            if lease.deadline <= now:
                if lease.phase is Phase.IDLE:
                    lease.phase = Phase.ENDING
                    found.append(identity)
                lease.place = now + AGAIN_SECONDS
            else:
                lease.place = lease.deadline
            heappush(heap, (lease.place, identity))
        return found

    def checkpoints_due(self, now: float, limit: int) -> list[tuple[int, int]]:
        """(id, seconds left) of leases whose checkpoint is due, at most so many: it is to be proposed."""
        found: list[tuple[int, int]] = []
        heap = self._checkpoints
        for _ in range(LOOKS_MAX):
            if not heap or heap[0][0] > now or len(found) >= limit:
                break
            place, identity = heappop(heap)
            lease = self._leases.get(identity)
            if lease is None or lease.checkpoint_place != place:
                continue
            left = lease.deadline - now
            if left <= 0:
                lease.checkpoint_place = 0.0
                continue
            renewed_at = lease.deadline - lease.ttl
            if not lease.recorded and renewed_at + self._checkpoint_seconds > now:
                self._plan_checkpoint(identity, lease, renewed_at)
                continue
            if lease.phase is Phase.IDLE:
                lease.phase = Phase.CHECKPOINTING
                # Rounded up: what a checkpoint says may be too much, never too little.
                found.append((identity, ceil(left)))
            self._plan_checkpoint(identity, lease, now)
        return found

    def _plan_checkpoint(self, identity: int, lease: _Lease, now: float) -> None:
        """The next one, counted from ``now``, if it comes before the end."""
        if lease.deadline - now > self._checkpoint_seconds:
            lease.checkpoint_place = now + self._checkpoint_seconds
            heappush(self._checkpoints, (lease.checkpoint_place, identity))
        else:
            lease.checkpoint_place = 0.0

    def _drop_stale(self) -> None:
        """Leases that end early would leave their entries behind for as long as they should have lived."""
        leases = self._leases
        self._deadlines = [(lease.place, identity) for identity, lease in leases.items()]
        heapify(self._deadlines)
        self._checkpoints = [
            (lease.checkpoint_place, identity) for identity, lease in leases.items() if lease.checkpoint_place
        ]
        heapify(self._checkpoints)
        self._stale = 0
