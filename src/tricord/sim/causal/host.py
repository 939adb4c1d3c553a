# SPDX-License-Identifier: Apache-2.0
"""One replica with its disk and its part of the network: does what docs/causal.md asks of a host."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from tricord.base.dots import VersionVector
from tricord.base.errors import ReplicaRetired
from tricord.causal.operation import decode_operation
from tricord.causal.past import next_incarnation
from tricord.causal.peers import Have
from tricord.causal.replica import CausalReplica, Delivered
from tricord.causal.transfer import Piece
from tricord.crdt.digest import added, key_digest
from tricord.sim.causal.store import Tables

KEYSPACE = 7
TELL_SECONDS = 0.1
RELAY_SECONDS = 0.2
"""What others made is held back for so long after it was logged."""
FETCH_SECONDS = 0.4
"""How long to wait for a piece before another one is asked."""


class World(Protocol):
    """What a host sees of the simulation."""

    source: random.Random

    def after(self, seconds: float, action: Callable[..., object], *arguments: Any) -> None: ...
    def send(self, sender: Host, receiver: int, kind: str, *content: Any) -> None: ...
    def wall(self, host: Host) -> int: ...
    def neighbours(self, host: Host) -> list[int]: ...
    def leaves(self, host: Host) -> set[int]: ...
    def catalogue(self, host: Host) -> tuple[int, frozenset[int], frozenset[int]]: ...
    def seconds(self) -> float: ...
    def come_back(self, host: Host) -> None: ...


class Host:
    """``number`` is the replica's id now; ``life`` counts starts, so that what an earlier one began ends with it."""

    def __init__(self, world: World, number: int, pending: int, retention: int) -> None:
        self.world = world
        self.number = number
        self.pending, self.retention = pending, retention
        self.image = Tables()
        self.wal: list[bytes] = []
        self.older: list[tuple[Tables, list[bytes]]] = []
        self.life = 0
        self.up = False
        self.skew = 0
        self.joining = False
        self.replica: CausalReplica = None  # type: ignore[assignment]

    # -- life ----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """With what the disk holds."""
        self.life += 1
        self.up = True
        self.unsynced: list[bytes] = []
        self.to_release: deque[tuple[int, Callable[[], object]]] = deque()
        self.waiting: dict[int, Callable[[], object]] = {}
        self.syncing = False
        self.fetch_from = 0
        self.asked_at = self.served_at = -1.0
        self.replica = CausalReplica(self.image.copy(), KEYSPACE, self.number, pending_bytes=self.pending)
        self.replica.replay(decode_operation(data) for data in self.wal)
        self.relay_to = self.replica.persisted_to
        self.begin(self.replica.highest_incarnation)
        if self.replica.fetching or self.joining:
            self.replica.begin_fetch()
        self.tell(self.life)

    def begin(self, highest: int) -> None:
        """In an incarnation of its own."""
        self.replica.start(next_incarnation(highest, self.world.source.getrandbits(28)))

    def crash(self, kept: float) -> None:
        """Of what was not synced, the first part may be there."""
        if not self.up:
            return
        self.up = False
        self.life += 1
        self.wal += self.unsynced[: int(len(self.unsynced) * kept)]

    # -- the log -------------------------------------------------------------------------------------------------------

    def took(self, result: Delivered, then: Callable[[], object] | None = None) -> None:
        """Log what was delivered; ``then`` may be told to others after that."""
        self.unsynced += [operation.data for operation in result.operations]
        if then is not None:
            self.to_release.append((self.replica.sequence, then))
        for ticket in result.satisfied:
            go = self.waiting.pop(ticket, None)
            if go is not None:
                go()
        if not self.syncing and (self.unsynced or self.to_release):
            self.syncing = True
            seconds = self.world.source.uniform(0.0005, 0.01)
            self.world.after(seconds, self._synced, self.life, len(self.unsynced), self.replica.sequence)

    def _synced(self, life: int, count: int, sequence: int) -> None:
        if life != self.life:
            return
        self.syncing = False
        self.wal += self.unsynced[:count]
        del self.unsynced[:count]
        self._persisted(sequence)
        while self.to_release and self.to_release[0][0] <= sequence:
            self.to_release.popleft()[1]()
        self.send_all()
        self.took(Delivered())

    def checkpoint(self) -> None:
        """The tables as they are, durably."""
        self.unsynced = []
        self._persisted(self.replica.sequence)
        if self.joining:
            self.older.clear()  # of a copy from before it came back, the same writes would come back twice
        else:
            self.older.append((self.image, self.wal))
            del self.older[:-4]
        self.image, self.wal = self.replica.store.copy(), []  # type: ignore[attr-defined]

    def _persisted(self, sequence: int) -> None:
        self.replica.persisted(sequence)
        self.world.after(RELAY_SECONDS, self._relay, self.life, sequence)

    # -- the network ---------------------------------------------------------------------------------------------------

    def _relay(self, life: int, sequence: int) -> None:
        if life == self.life and sequence > self.relay_to:
            self.relay_to = sequence
            self.send_all()

    def tell(self, life: int) -> None:
        """What is here, and what others said, again and again."""
        if life != self.life:
            return
        replica, source = self.replica, self.world.source
        replica.change_set(*self.world.catalogue(self))
        replica.peers.leaves = self.world.leaves(self)
        if replica.is_retired:
            self.world.come_back(self)
            return
        words = [replica.have().encode()]
        words += [peer.have.encode() for peer in replica.peers.peers.values() if peer.have is not None]
        for peer in self.world.neighbours(self):
            self.world.send(self, peer, "have", words)
        if replica.outdated:
            self.begin(max(replica.outdated, replica.highest_incarnation))
            replica.begin_fetch()
        if replica.fetching:
            self._fetch()
        elif source.random() < 0.3:
            replica.cut(self.retention)
        if not self.unsynced and source.random() < 0.15:
            self.checkpoint()
        self.send_all()
        self.world.after(TELL_SECONDS * source.uniform(0.5, 1.5), self.tell, life)

    def send_all(self) -> None:
        """What neighbours lack."""
        for peer in self.world.neighbours(self):
            found = self.replica.to_send(peer, 2_000, relay_to=self.relay_to)
            if found.lagging:
                self.world.send(self, peer, "lagging")
            if found.operations:
                self.world.send(self, peer, "operations", found.operations)

    def receive(self, sender: int, kind: str, content: tuple[Any, ...]) -> None:
        """A message from a replica that said it is ``sender``."""
        getattr(self, f"_on_{kind}")(sender, *content)

    def _on_have(self, sender: int, words: list[bytes]) -> None:
        for word in words:
            have = Have.decode(word)
            newest = self.replica.heard(have, first_hand=have.replica == sender)
            if newest and have.replica == sender:
                self.world.send(self, sender, "outdated", newest)
        self.send_all()

    def _on_outdated(self, sender: int, newest: int) -> None:
        self.replica.outdated_by(newest)

    def _on_operations(self, sender: int, operations: list[bytes]) -> None:
        decoded = [decode_operation(data) for data in operations]
        try:
            result = self.replica.receive(sender, decoded, self.world.wall(self))
        except ReplicaRetired:
            return
        assert not result.refused, result.refused
        self.took(result)
        if result.resynced:
            self.checkpoint()

    # -- taking over a state -------------------------------------------------------------------------------------------

    def _on_lagging(self, sender: int) -> None:
        busy = self.served_at > self.world.seconds() - 1.0
        if not self.replica.fetching and not busy:
            self.fetch_from = sender
            self.replica.begin_fetch()

    def _fetch(self) -> None:
        if self.replica.has_all_pieces and self.world.source.random() < 0.97:
            return
        if self.asked_at >= 0 and self.world.seconds() - self.asked_at < FETCH_SECONDS:
            return
        if self.replica.may_end_fetch:
            self.took(self.replica.end_fetch())
            self.checkpoint()
            self.joining = False
            return
        others = self.world.neighbours(self)
        if others:
            self.replica.begin_fetch()
            self.fetch_from = self.world.source.choice(others)
            self._ask(b"")

    def _ask(self, start: bytes) -> None:
        self.asked_at = self.world.seconds()
        self.world.send(self, self.fetch_from, "ask", start, self.replica.former())

    def _on_ask(self, sender: int, start: bytes, former: list[int]) -> None:
        piece = self.replica.piece(start, 300, former=former)
        if piece is not None:
            self.served_at = self.world.seconds()
            data = piece.encode()
            self.took(Delivered(), lambda: self.world.send(self, sender, "piece", data))

    def _on_piece(self, sender: int, data: bytes) -> None:
        if not self.replica.fetching or sender != self.fetch_from or self.replica.has_all_pieces:
            return
        piece = Piece.decode(data)
        if not self.replica.expects(piece, sender):
            return
        self.took(self.replica.take_piece(piece, self.world.wall(self)))
        self.checkpoint()
        if piece.end:
            self._ask(piece.end)
        else:
            self.joining = False

    # -- what is asked of it -------------------------------------------------------------------------------------------

    def wait_for(self, ticket: int, token: VersionVector, go: Callable[[], object]) -> None:
        """Go on when it has what the token says."""
        if self.replica.wait(ticket, token):
            go()
        else:
            self.waiting[ticket] = go

    def digest(self) -> int:
        """Over all keys."""
        total = 0
        for key, cell in self.replica.range(b""):
            total = added(total, key_digest(key, cell))
        return total
