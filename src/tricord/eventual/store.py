# SPDX-License-Identifier: Apache-2.0
"""What a replica keeps of a keyspace, in one table of an ordered store of its own: a member's replicated log and its
snapshots know nothing of it.

```
1  key                            the cell
2  place (8), key                 its digest (8), when something of it ends first (8; 0: never)
3  replica (4), incarnation (8)   how many of its writes were seen, and those beyond holes
4  replica (4)                    its floor
5  incarnation (8), counter (8)   writes of this replica from that one on that may be nowhere else: key, delta of each
6  replica (4)                    nothing: its writes were taken over
```

All effects of a turn are one batch: cells and what was seen are durable together, or neither is.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from struct import Struct

from tricord.base.dots import CausalContext, Dot, Origin, VersionVector
from tricord.base.encoding import Reader, put_number
from tricord.base.ordered import OrderedStore, Table, View, Write
from tricord.crdt.cell import Cell, Delta, first_end
from tricord.crdt.digest import encoded_digest
from tricord.crdt.encoding import decode_cell, decode_delta, encode_cell
from tricord.eventual.known import Known
from tricord.eventual.tree import Tree, leaf_start, position

CELL, PLACE, SEEN, FLOOR, UNSENT, ADOPTED = range(1, 7)
"""Kinds of records. Numbers are part of the format."""
_HEADS = [bytes((kind,)) for kind in range(ADOPTED + 1)]
RECENT_MAX = 1024
RECENT_SIZE_MAX = 1024
"""So many keys that were used last, with cells of so few bytes, are at hand without being read and taken apart."""
_PLACE = Struct(">QQ")
_ORIGIN = Struct(">IQ")
_NAME = Struct(">QQ")
_ABSENT = _PLACE.pack(0, 0)


class ReplicaStore:
    """Cells, their tree and the context, and what of them the turn changed (``effects``)."""

    def __init__(self, store: OrderedStore, table: Table) -> None:
        """Reads what was seen and all digests: 2 us for each key."""
        self._store = store
        self._table = table
        self._heads = _HEADS
        self.effects: list[Write] = []
        self.tree = Tree()
        self.known = Known()
        self._ends: list[tuple[int, bytes]] = []
        self._ending: set[bytes] = set()
        self.keys = 0
        self._recent: dict[bytes, tuple[Cell, int]] = {}
        self._load()

    def cell(self, key: bytes) -> Cell:
        """What the key holds; ``{}`` for nothing."""
        recent = self._recent.get(key)
        if recent is not None:
            return recent[0]
        data = self._store.get(self._table, _HEADS[CELL] + key)
        if data is None:
            self._remember(key, {}, 0, 0)
            return {}
        cell = decode_cell(data)
        self._remember(key, cell, encoded_digest(key, data), len(data))
        return cell

    def put_cell(self, key: bytes, cell: Cell, data: bytes | None = None) -> None:
        """Set what the key holds, and what follows from it; ``data``: the cell's bytes where they are at hand."""
        place = position(key)
        at = self._heads[PLACE] + place.to_bytes(8, "big") + key
        recent = self._recent.get(key)
        before = recent[1] if recent is not None else self._place(at)[0]
        if cell and data is None:
            data = encode_cell(cell)
        digest = encoded_digest(key, data)
        self._remember(key, cell, digest, 0 if data is None else len(data))
        ends = first_end(cell)
        if ends and key not in self._ending:
            self._ending.add(key)
            heappush(self._ends, (ends, key))
        self.tree.change(place, before, digest)
        self.keys += (data is not None) - (before != 0)
        writes: list[Write] = [
            (self._table, self._heads[CELL] + key, data),
            (self._table, at, _PLACE.pack(digest, ends) if data else None),
        ]
        self._store.write(writes)
        self.effects += writes

    def ended_before(self, wall: int) -> list[bytes]:
        """Keys of which something had ended by then (milliseconds since 1970); each is told once, and again when it is
        written to."""
        found = []
        while self._ends and self._ends[0][0] <= wall:
            _, key = heappop(self._ends)
            ends = self._ends_of(key)
            if ends > wall:
                heappush(self._ends, (ends, key))
                continue
            self._ending.discard(key)
            if ends:
                found.append(key)
        return found

    @property
    def next_end(self) -> float:
        """When something may end first (milliseconds since 1970)."""
        return self._ends[0][0] if self._ends else float("inf")

    def _ends_of(self, key: bytes) -> int:
        at = self._heads[PLACE] + position(key).to_bytes(8, "big") + key
        return self._place(at)[1]

    def _place(self, at: bytes) -> tuple[int, int]:
        """Digest, and when something ends first."""
        digest, ends = _PLACE.unpack(self._store.get(self._table, at) or _ABSENT)
        return digest, ends

    def _remember(self, key: bytes, cell: Cell, digest: int, size: int) -> None:
        recent = self._recent
        if size > RECENT_SIZE_MAX:
            recent.pop(key, None)
            return
        if len(recent) >= RECENT_MAX and key not in recent:
            recent.clear()
        recent[key] = cell, digest

    def cells(self, start: bytes, end: bytes | None) -> Iterator[tuple[bytes, Cell]]:
        """Keys in order with what they hold, from ``start`` up to ``end`` (None: to the last)."""
        return cells_in(self._store, self._table, start, end)

    def places(self, leaf: int, after: bytes = b"") -> list[bytes]:
        """Place and key, as one, of all keys of a leaf, in order; only those behind ``after``."""
        head = self._heads[PLACE]
        start = max(leaf_start(leaf), after + b"\0" if after else b"")
        pairs = self._store.scan(self._table, head + start, head + leaf_start(leaf + 1))
        return [at[len(head) :] for at, _ in pairs]

    def put_unsent(self, incarnation: int, first: int, deltas: list[bytes]) -> None:
        """Keep writes of this replica, from the ``first``-th on, until another has them; each as ``delta_bytes``."""
        self._write((self._table, self._heads[UNSENT] + _NAME.pack(incarnation, first), b"".join(deltas)))

    def drop_unsent(self, incarnation: int, first: int) -> None:
        """They are elsewhere."""
        self._write((self._table, self._heads[UNSENT] + _NAME.pack(incarnation, first), None))

    def unsent(self) -> Iterator[tuple[int, int, list[tuple[bytes, bytes]]]]:
        """Incarnation, counter of the first, and key and encoded delta of the writes of each record."""
        head = self._heads[UNSENT]
        for at, data in self._store.scan(self._table, head, self._heads[ADOPTED]):
            yield *_NAME.unpack(at[len(head) :]), writes_of(data)

    def has_adopted(self, replica: int) -> bool:
        """Whether the writes of a retired replica were taken over here already."""
        return self._store.get(self._table, self._heads[ADOPTED] + replica.to_bytes(4, "big")) is not None

    def put_adopted(self, replica: int) -> None:
        """They were, in this turn."""
        self._write((self._table, self._heads[ADOPTED] + replica.to_bytes(4, "big"), b""))

    def save_known(self) -> None:
        """Put what changed of the context among the effects."""
        known = self.known
        if not known.changed and not known.raised:
            return
        for origin in known.changed:
            at = self._heads[SEEN] + _ORIGIN.pack(*origin)
            self._write((self._table, at, _seen_bytes(known.context, origin)))
        for replica in known.raised:
            value = known.floors[replica].to_bytes(8, "big")
            self._write((self._table, self._heads[FLOOR] + replica.to_bytes(4, "big"), value))
        known.changed.clear()
        known.raised.clear()

    def take_effects(self) -> list[Write]:
        """All that the turn changed, for the replica's log; it stands in the store already."""
        self.save_known()
        effects, self.effects = self.effects, []
        return effects

    def _write(self, write: Write) -> None:
        self._store.write([write])
        self.effects.append(write)

    def _load(self) -> None:
        head = self._heads
        for at, data in self._store.scan(self._table, head[PLACE], head[SEEN]):
            digest, ends = _PLACE.unpack(data)
            self.tree.change(int.from_bytes(at[1:9], "big"), 0, digest)
            self.keys += 1
            if ends:
                self._ending.add(at[9:])
                heappush(self._ends, (ends, at[9:]))
        for at, data in self._store.scan(self._table, head[SEEN], head[FLOOR]):
            _load_seen(self.known.context, Origin(*_ORIGIN.unpack(at[1:])), Reader(data))
        for at, data in self._store.scan(self._table, head[FLOOR], head[UNSENT]):
            self.known.floors[int.from_bytes(at[1:], "big")] = int.from_bytes(data, "big")


def changes_in(effects: list[Write]) -> dict[bytes, bytes | None]:
    """The bytes of each key's cell as the last of these leaves it; None: nothing is there any more."""
    return {at[1:]: data for _, at, data in effects if at[0] == CELL}


def unsent_in(store: OrderedStore, table: Table) -> Iterator[tuple[int, int, bytes, Delta]]:
    """Incarnation, counter, key and delta of each write that may be nowhere else, the oldest first."""
    head = _HEADS[UNSENT]
    for at, data in store.scan(table, head, _HEADS[ADOPTED]):
        incarnation, first = _NAME.unpack(at[len(head) :])
        for counter, (key, delta) in enumerate(writes_of(data), first):
            yield incarnation, counter, key, decode_delta(delta)


def writes_of(data: bytes) -> list[tuple[bytes, bytes]]:
    """Key and encoded delta of each write of a record."""
    reader = Reader(data)
    writes: list[tuple[bytes, bytes]] = []
    while reader.offset < reader.end:
        writes.append((reader.bytes(), reader.bytes()))
    return writes


def adopted_in(store: OrderedStore, table: Table) -> set[int]:
    """The former numbers whose writes were taken over there."""
    return {int.from_bytes(at[1:], "big") for at, _ in store.scan(table, _HEADS[ADOPTED], None)}


def incarnation_in(store: OrderedStore, table: Table, replica: int) -> int:
    """The highest incarnation of a replica of which the store knows; 0: none."""
    number = replica.to_bytes(4, "big")
    head = _HEADS[SEEN] + number
    floor = store.get(table, _HEADS[FLOOR] + number)
    seen = (int.from_bytes(at[len(head) :], "big") for at, _ in store.scan(table, head, head + b"\xff" * 9))
    return max([*seen, 0 if floor is None else int.from_bytes(floor, "big")])


def cell_in(view: View, table: Table, key: bytes) -> Cell:
    """What a key holds there, as of a commit perhaps."""
    data = view.get(table, _HEADS[CELL] + key)
    return {} if data is None else decode_cell(data)


def cells_in(view: View, table: Table, start: bytes, end: bytes | None) -> Iterator[tuple[bytes, Cell]]:
    """Keys in order with what they hold there, from ``start`` up to ``end`` (None: to the last)."""
    until = _HEADS[PLACE] if end is None else _HEADS[CELL] + end
    for at, data in view.scan(table, _HEADS[CELL] + start, until):
        yield at[1:], decode_cell(data)


def _seen_bytes(context: CausalContext, origin: Origin) -> bytes | None:
    counter = context.vector.counter(origin)
    beyond = sorted(context.cloud.get(origin, ()))
    if not counter and not beyond:
        return None
    out = bytearray()
    put_number(out, counter)
    for further in beyond:
        put_number(out, further - counter)
        counter = further
    return bytes(out)


def _load_seen(context: CausalContext, origin: Origin, reader: Reader) -> None:
    counter = reader.number()
    if counter:
        context.merge_vector(VersionVector({origin: counter}))
    while reader.offset < reader.end:
        counter += reader.number()
        context.add(Dot(*origin, counter))
