# SPDX-License-Identifier: Apache-2.0
"""What the parts of a replica share: who there is, what time it is, and the two ways of changing a key."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from tricord.base.dots import Dot, Seen
from tricord.base.errors import InvalidRequest
from tricord.base.hybrid_clock import HybridClock, HybridTime
from tricord.crdt.cell import Cell, Delta, dots_of, entries_of
from tricord.crdt.encoding import cell_within
from tricord.crdt.join import apply_delta, join_cells
from tricord.eventual.codec import encode_message
from tricord.eventual.config import EventualConfig
from tricord.eventual.messages import Head, Message, Unread
from tricord.eventual.store import ReplicaStore
from tricord.eventual.turn import Output, UnreadAlarm


class State:
    """``output`` is that of the turn under way."""

    def __init__(self, config: EventualConfig, store: ReplicaStore) -> None:
        self.config = config
        self.store = store
        self.known = store.known
        self.clock = HybridClock()
        self.started = 0.0
        """``now`` of the first turn."""
        self.now = 0.0
        self.wall = 0
        self.counter = 0
        self.output = Output(0)
        self.active: tuple[int, ...] = (config.replica,)
        self.members: tuple[int, ...] = self.active
        """Those of ``active`` that others do not wait for in vain: all that is anywhere for long is at one of them."""
        self.peers: tuple[int, ...] = ()
        self.highest: dict[int, int] = {}
        """The highest incarnation known of each replica."""
        self.learned: dict[int, float] = {}
        """When it was learned; those of before the start not."""
        self.joined = config.joined
        """Whether it has had the state of the others."""
        self.returning = False
        """Whether writes of former numbers wait to be taken over."""
        self.over = -1
        """This replica's former incarnations up to this one are over, and all that anybody has of them is here: found
        out in this start (-1: not yet)."""
        self.superseded = 0
        """Not 0: others know a higher incarnation of this replica, and do not hear this one."""
        self.refused: dict[str, int] = {}
        """Messages, and keys in messages, that were not heard, by reason."""
        self._changed: dict[bytes, None] = {}
        self._held: deque[tuple[int, int, bytes]] = deque()
        for origin in [*self.known.context.vector.entries, *self.known.context.cloud]:
            self.highest[origin.replica] = max(origin.incarnation, self.highest.get(origin.replica, 0))
        self.highest[config.replica] = config.incarnation

    def check_replicas(self, asked: str, count: int) -> None:
        """Raise InvalidRequest where so many replicas can never answer: ``asked`` says for what."""
        if not 1 <= count <= len(self.active):
            raise InvalidRequest(f"{asked}; the keyspace has {len(self.active)}")
        if count > 2 and self.config.replica not in self.members:
            raise InvalidRequest(f"{asked}; an edge hears from one member, so 2 is the most")

    def head(self, receiver: int, incarnation: int = 0) -> Head:
        """Of a message to a peer."""
        config = self.config
        return Head(config.cluster, config.keyspace, config.replica, config.incarnation, receiver, incarnation)

    def send(self, receiver: int, sent: Message, incarnation: int = 0) -> None:
        """At the end of this turn; ``incarnation`` is the asker's, in an answer."""
        self.output.messages.append((receiver, encode_message(self.head(receiver, incarnation), sent)))

    def send_durable(self, receiver: int, sent: Message, incarnation: int = 0) -> None:
        """Once the effects of this turn are durable."""
        self._held.append((self.output.turn, receiver, encode_message(self.head(receiver, incarnation), sent)))

    @property
    def holds(self) -> bool:
        """Whether messages wait for effects to be durable."""
        return bool(self._held)

    def release(self, persisted: int) -> None:
        """The effects of all turns up to that one are durable."""
        while self._held and self._held[0][0] <= persisted:
            _, receiver, data = self._held.popleft()
            self.output.messages.append((receiver, data))

    def name_write(self) -> tuple[Dot, HybridTime]:
        """Dot and stamp of the next write here; ``counter`` moves with it."""
        self.clock = self.clock.advance(self.wall)
        self.counter += 1
        return Dot(*self.config.origin, self.counter), self.clock.stamp

    def apply(self, key: bytes, delta: Delta, encoded: bytes) -> None:
        """Take in a write, of here or elsewhere, once or again; ``encoded``: its bytes."""
        self.apply_to(key, self.store.cell(key), delta, encoded)

    def apply_to(self, key: bytes, cell: Cell, delta: Delta, encoded: bytes) -> None:
        """As ``apply``, where it is known what the key holds."""
        applied = apply_delta(cell, self.known, delta)
        if applied is delta.cell:
            self.store.put_cell(key, applied, cell_within(encoded, delta))
            self._changed[key] = None
        else:
            self._set(key, cell, applied)
        self.known.add_all(delta.dots)

    def join(self, key: bytes, cell: Cell, seen: Seen) -> bool:
        """Take in what another has under a key. Of what it has seen only the cell's own dots are taken over: the rest
        speaks of other keys too."""
        own = self.store.cell(key)
        changed = self._set(key, own, join_cells(own, self.known, cell, seen))
        self.known.add_all(dots_of(cell))
        return changed

    def follow(self, cells: Iterable[Cell]) -> None:
        """Let the clock follow the stamps of others."""
        newest = HybridTime(0)
        for cell in cells:
            for _, entry in entries_of(cell):
                newest = max(newest, entry[0])
        observation = self.clock.observe(newest, self.wall)
        self.clock = observation.clock
        self.output.ahead = max(self.output.ahead, observation.ahead)

    def take_changed(self) -> list[bytes]:
        """Keys that the turn changed."""
        changed, self._changed = list(self._changed), {}
        return changed

    def refuse(self, reason: str) -> None:
        """Count a message that is not heard."""
        self.refused[reason] = self.refused.get(reason, 0) + 1

    def cannot_read(self, sender: int, unread: Iterable[Unread]) -> None:
        """Count, and have told, what a replica has and this version cannot read."""
        for one in unread:
            self.refuse(one.error.code)
            self.output.unread = UnreadAlarm(sender, one.key, one.error)

    def _set(self, key: bytes, before: Cell, after: Cell) -> bool:
        if after is before or not (after or before):
            return False
        self.store.put_cell(key, after)
        self._changed[key] = None
        return True
