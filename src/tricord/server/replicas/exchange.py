# SPDX-License-Identifier: Apache-2.0
"""Ways from this member's replicas to those of others: by the links to members, and by the streams of edges.

Who has which replica is what the catalogue says, as ``belong`` is told; nobody speaks for a replica that is another's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from tricord.transport.peer.replica_links import ReplicaLinks
from tricord.wire.peer.frames import FrameKind, frame
from tricord.wire.peer.replica import DATA_SIZE_MAX, decode_message, encode_head

Holder: TypeAlias = int | bytes
"""Who has a replica: a member by its id, an edge by its 16 bytes."""


class EdgeWay(Protocol):
    """The stream of one edge that is connected here, for one keyspace."""

    @property
    def has_room(self) -> bool:
        """Whether a message can go out now."""

    def send(self, sender: int, data: bytes) -> bool:
        """Send what a replica of this member says. False: nothing was sent."""

    def changed(self) -> None:
        """The replica set is another one."""

    def dropped(self) -> None:
        """The keyspace is no more."""


@dataclass(slots=True)
class ExchangeCounts:
    """For people and metrics."""

    sent: int = 0
    sent_bytes: int = 0
    unsent: int = 0
    """Messages for which there was no way or no room."""
    received: int = 0
    received_bytes: int = 0
    refused: int = 0
    """Messages of one that has not the replica that it spoke for, or for one that is not here."""


class Exchange:
    """Used on the loop; nothing blocks."""

    def __init__(self, member: int) -> None:
        self.links: ReplicaLinks | None = None
        self.received: Callable[[int, int, int, bytes], None] = lambda keyspace, receiver, sender, data: None
        """Told of a message: keyspace, this member's replica, the other one, what it says."""
        self.reached: Callable[[int, int], None] = lambda keyspace, replica: None
        """Told that a way to a replica of a keyspace opened (again)."""
        self.counts = ExchangeCounts()
        self._member = member
        self._holders: dict[int, dict[int, Holder]] = {}
        self._edges: dict[tuple[int, int], EdgeWay] = {}

    # --- who has what ---------------------------------------------------------------------------------------

    def belong(self, keyspace: int, holders: dict[int, Holder]) -> None:
        """These are the active replicas of the keyspace, and who has them."""
        self._holders[keyspace] = dict(holders)
        self._want()
        for way in self._ways(keyspace):
            way.changed()

    def forget(self, keyspace: int) -> None:
        """The keyspace is no more."""
        self._holders.pop(keyspace, None)
        self._want()
        for way in self._ways(keyspace):
            way.dropped()

    def number(self, keyspace: int, holder: Holder) -> int:
        """Which replica of the keyspace it has; 0: none."""
        return next((number for number, who in self._holders.get(keyspace, {}).items() if who == holder), 0)

    def join(self, keyspace: int, replica: int, way: EdgeWay) -> None:
        """An edge is connected here. An earlier stream of it leads nowhere any more."""
        self._edges[keyspace, replica] = way
        self.reached(keyspace, replica)

    def leave(self, keyspace: int, replica: int, way: EdgeWay) -> None:
        """An edge's stream is over."""
        if self._edges.get((keyspace, replica)) is way:
            del self._edges[keyspace, replica]

    def connected(self) -> list[tuple[int, int]]:
        """Keyspace and replica of each edge that is connected here."""
        return list(self._edges)

    def edges(self, keyspace: int) -> list[int]:
        """Replicas of the keyspace whose edges are connected here."""
        return sorted(replica for where, replica in self._edges if where == keyspace)

    # --- saying ---------------------------------------------------------------------------------------------

    def can_reach(self, keyspace: int, replica: int) -> bool:
        """Whether there is a way to that replica, and room."""
        way = self._edges.get((keyspace, replica))
        if way is not None:
            return way.has_room
        holder = self._holders.get(keyspace, {}).get(replica)
        return isinstance(holder, int) and self.links is not None and self.links.has_room(holder)

    def send(self, keyspace: int, sender: int, receiver: int, data: bytes) -> bool:
        """Send what ``sender``, a replica of this member, says. False: no way now, or no room: nothing was sent."""
        sent = len(data) <= DATA_SIZE_MAX and self._send(keyspace, sender, receiver, data)
        if sent:
            self.counts.sent += 1
            self.counts.sent_bytes += len(data)
        else:
            self.counts.unsent += 1
        return sent

    def _send(self, keyspace: int, sender: int, receiver: int, data: bytes) -> bool:
        way = self._edges.get((keyspace, receiver))
        if way is not None:
            return way.has_room and way.send(sender, data)
        holder = self._holders.get(keyspace, {}).get(receiver)
        if not isinstance(holder, int) or self.links is None or not self.links.has_room(holder):
            return False
        return self.links.send(holder, frame(FrameKind.REPLICA, encode_head(keyspace, sender, receiver), data))

    # --- hearing --------------------------------------------------------------------------------------------

    def member_said(self, member: int, payload: bytes) -> None:
        """A REPLICA frame of another member. Raises ProtocolFault for one that is none."""
        said = decode_message(payload)
        self._heard(member, said.keyspace, said.sender, said.receiver, said.data)

    def edge_said(self, keyspace: int, edge: bytes, replica: int, data: bytes) -> None:
        """What an edge says to this member's replica."""
        self._heard(edge, keyspace, replica, self.number(keyspace, self._member), data)

    def member_reached(self, member: int) -> None:
        """A way to the member opened."""
        found = [
            (k, replica) for k, holders in self._holders.items() for replica, who in holders.items() if who == member
        ]
        for keyspace, replica in found:
            self.reached(keyspace, replica)

    def _heard(self, holder: Holder, keyspace: int, sender: int, receiver: int, data: bytes) -> None:
        holders = self._holders.get(keyspace, {})
        if holders.get(sender) != holder or holders.get(receiver) != self._member:
            # Perhaps this member is behind in the log, or the other one is: what was said is said again.
            self.counts.refused += 1
            return
        self.counts.received += 1
        self.counts.received_bytes += len(data)
        self.received(keyspace, receiver, sender, data)

    # --- inner ----------------------------------------------------------------------------------------------

    def _ways(self, keyspace: int) -> list[EdgeWay]:
        return [way for (where, _), way in self._edges.items() if where == keyspace]

    def _want(self) -> None:
        if self.links is None:
            return
        members = {
            who
            for holders in self._holders.values()
            for who in holders.values()
            if isinstance(who, int) and who != self._member
        }
        self.links.set_wanted(frozenset(members))
