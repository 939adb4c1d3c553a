# SPDX-License-Identifier: Apache-2.0
"""To whom a replica of an eventual keyspace speaks: to those others to which there is a way.

A member has ways to members and to its own edges, an edge to the member that it is connected to. A way that is full or
lost for a moment does not end what is under way there.
"""

from __future__ import annotations

from typing import TypeAlias

from tricord.server.replicas.keyspace_replica import Surroundings

LOOK_SECONDS = 1.0
LOST_SECONDS = 3.0
"""A peer is given up when there was no way to it for so long."""

Numbers: TypeAlias = tuple[int, ...]


class Ways:
    """``peers`` are those with a way."""

    def __init__(self, replica: int, surroundings: Surroundings) -> None:
        self.peers: Numbers = ()
        self._replica = replica
        self._surroundings = surroundings
        self._epoch = -1
        self._members: Numbers = (replica,)
        self._edges: Numbers = ()
        self._found: dict[int, float] = {}
        self._next_look = 0.0
        self._is_changed = False

    def belong(self, epoch: int, members: list[int], edges: list[int]) -> bool:
        """Take the replica set of the catalogue. False: an older one than before."""
        if epoch < self._epoch:
            return False
        self._epoch = epoch
        self._members, self._edges = tuple(sorted(members)), tuple(sorted(edges))
        self._is_changed = True
        self._next_look = 0.0
        return True

    @property
    def others(self) -> int:
        """How many other members there are."""
        return len(self._members) - (self._replica in self._members)

    def look(self, now: float) -> None:
        """Ask for ways."""
        self._next_look = now + LOOK_SECONDS
        for peer in (*self._members, *self._edges):
            if peer != self._replica and self._surroundings.can_reach(peer):
                self._found[peer] = now
        known = {*self._members, *self._edges}
        self._found = {
            peer: found for peer, found in self._found.items() if peer in known and now - found < LOST_SECONDS
        }
        peers = tuple(sorted(self._found))
        if peers != self.peers:
            self.peers = peers
            self._is_changed = True

    def look_again(self, now: float) -> None:
        """Where it is time."""
        if now >= self._next_look:
            self.look(now)

    def take_changed(self) -> tuple[Numbers, Numbers, Numbers] | None:
        """All replicas, the members of these, and the peers, where something changed."""
        if not self._is_changed:
            return None
        self._is_changed = False
        return (*self._members, *self._edges), self._members, self.peers
