# SPDX-License-Identifier: Apache-2.0
"""Replicas side by side, and operations that are carried between them by hand."""

from __future__ import annotations

from functools import partial

from tricord.base.dots import Origin, VersionVector
from tricord.causal.operation import Operation, decode_operation
from tricord.causal.past import next_incarnation
from tricord.causal.peers import Have
from tricord.causal.replica import CausalReplica, Change, Delivered
from tricord.crdt import register
from tricord.crdt.shown import show
from tricord.sim.causal.store import Tables

KEYSPACE = 7
NOW = 1_000


class Member:
    """One replica. All it does is durable at once."""

    def __init__(self, number: int, active: tuple[int, ...] = (1, 2, 3), store: Tables | None = None) -> None:
        self.number, self.active = number, active
        self.store = Tables() if store is None else store
        self.replica = CausalReplica(self.store, KEYSPACE, number)
        self.replica.change_set(1, active, ())
        self.replica.start(next_incarnation(self.replica.highest_incarnation, number))

    def restarted(self) -> Member:
        """The same disk, in a new process."""
        return Member(self.number, self.active, self.store)

    @property
    def origin(self) -> Origin:
        return self.replica.origin

    def put(self, **values: str) -> Operation:
        """One atomic write of some keys."""
        changes = [Change(key.encode(), partial(register.put, value=text.encode())) for key, text in values.items()]
        result = self.replica.write(changes, NOW)
        self.replica.persisted(self.replica.sequence)
        return result.operations[0]

    def take(self, *operations: Operation, sender: int = 0) -> Delivered:
        """They come over the network."""
        decoded = [decode_operation(operation.data) for operation in operations]
        result = self.replica.receive(sender or operations[0].origin.replica, decoded, NOW)
        self.replica.persisted(self.replica.sequence)
        return result

    def read(self, key: str) -> list[str]:
        """All concurrent values."""
        shown = show(self.replica.get(key.encode()), NOW)
        return [] if shown is None else sorted(sibling.value.decode() for sibling in shown.siblings)

    @property
    def token(self) -> VersionVector:
        return self.replica.token()


def tell_all(*members: Member) -> None:
    """Each hears what each of the others has."""
    for member in members:
        have = member.replica.have().encode()
        for other in members:
            if other is not member:
                other.replica.heard(Have.decode(have))


def fetch(taker: Member, giver: Member, pieces: int = 99) -> None:
    """Begin to take over a state, and take so many pieces of it at most."""
    taker.replica.begin_fetch()
    start = b""
    for _ in range(pieces):
        piece = giver.replica.piece(start, 1, former=taker.replica.former())
        assert piece is not None
        assert taker.replica.expects(piece, giver.number)
        taker.replica.take_piece(piece, NOW)
        start = piece.end
        if not start:
            return
