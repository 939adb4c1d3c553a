# SPDX-License-Identifier: Apache-2.0
"""Giving back the room of what has ended. Reads filter it by their own clocks; this is a write as any other, made late.

It waits until the end is over by ``ending_seconds``, more than clocks differ by, and until whole rounds with all
replicas were begun after that: what a last writer had won over does not come back. Replicas take turns by a key's
place, so that usually one of them makes the write.
"""

from __future__ import annotations

from heapq import heappop, heappush

from tricord.crdt.cell import Write
from tricord.crdt.removal import ended
from tricord.eventual.agreement import Agreement
from tricord.eventual.state import State
from tricord.eventual.tree import position
from tricord.eventual.writing import Writing

KEYS_MAX = 64
"""In one turn."""
WAIT_SECONDS = 1.0
NEVER = float("inf")


class Ending:
    """Looks at keys when something of them has ended for long enough."""

    def __init__(self, state: State, agreement: Agreement, writing: Writing) -> None:
        self._state = state
        self._agreement = agreement
        self._writing = writing
        self._due: list[tuple[int, bytes]] = []

    def tick(self) -> None:
        """Take away what is due."""
        state = self._state
        if not self._due and state.store.next_end > state.wall:
            return
        lag = round(state.config.ending_seconds * 1000)
        limit = min(state.wall - lag, self._agreement.seen_until() - lag)
        for key in state.store.ended_before(limit):
            heappush(self._due, (state.wall + self._rank(key) * lag // 4, key))
        for _ in range(KEYS_MAX):
            if not self._due or self._due[0][0] > state.wall:
                return
            _, key = heappop(self._due)
            self._writing.make(key, lambda cell, dot, stamp: ended(cell, Write(dot, stamp), limit))

    @property
    def due(self) -> float:
        """When the next tick may have something to do. No sooner than in a second: it may wait for a round."""
        state = self._state
        if not self._due and state.store.next_end == NEVER:
            return NEVER
        ready = self._due[0][0] if self._due else NEVER
        wall = min(ready, state.store.next_end + state.config.ending_seconds * 1000)
        return state.now + max(WAIT_SECONDS, (wall - state.wall) / 1000)

    def _rank(self, key: bytes) -> int:
        """How many others come first: an edge after all members."""
        members, replica = self._state.members, self._state.config.replica
        return (members.index(replica) - position(key)) % len(members) if replica in members else len(members)
