# SPDX-License-Identifier: Apache-2.0
"""The log of delivered operations in the OPERATIONS table, and the base under it.

Keys are the keyspace (4 bytes), a letter, and the place:

- ``R``, delivery sequence (8): a byte that says whether this replica made it, then the operation;
- ``B``: the base: what is here without rows, since all have it, or by a state that was taken over;
- ``E``, replica (4), incarnation (8): the last counter (8) of an incarnation that was closed.

What a replica has is the base and the rows, so a write changes one row and its keys. All of that is one write to the
store: tables that a crash leaves behind are those of one moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from tricord.base.dots import Origin, read_origin
from tricord.base.encoding import Reader, put_number
from tricord.base.errors import MalformedEncoding
from tricord.base.hybrid_clock import HybridTime
from tricord.base.message import message
from tricord.base.ordered import OrderedStore, Table, Write
from tricord.causal.operation import Operation, head_of, may_be_read
from tricord.causal.past import FORMAT_VERSION, Past
from tricord.causal.recent_rows import RecentRows, Row

KEYSPACE_BYTES = 4
MINE, OTHERS = b"\x01", b"\x00"


@message
class Base:
    """What the tables hold beside the rows. ``owed``: origins of which the base may have what others lack, so the next
    operation names them; ``incarnation``: the highest that this replica took. ``mixed``, ``own`` and ``anew``
    are of a state that is taken over (``taking_over``)."""

    past: Past
    sequence: int = 0
    stamp: HybridTime = HybridTime(0)
    incarnation: int = 0
    owed: frozenset[Origin] = frozenset()
    fetching: bool = False
    mixed: Past = field(default_factory=Past)
    own: Past | None = None
    anew: bool = False

    def encode(self) -> bytes:
        """Its bytes."""
        out = bytearray((FORMAT_VERSION, self.fetching | self.anew << 1 | (self.own is not None) << 2))
        for number in (self.sequence, self.stamp, self.incarnation, len(self.owed)):
            put_number(out, number)
        for origin in sorted(self.owed):
            put_number(out, origin[0])
            put_number(out, origin[1])
        self.past.write(out)
        self.mixed.write(out)
        if self.own is not None:
            self.own.write(out)
        return bytes(out)

    @classmethod
    def decode(cls, data: bytes) -> Base:
        """From its bytes. Raises ``MalformedEncoding``."""
        reader = Reader(data)
        reader.version(FORMAT_VERSION)
        flags = reader.number(7)
        sequence, stamp, incarnation = reader.number(), HybridTime(reader.number()), reader.number()
        owed = frozenset(read_origin(reader) for _ in range(reader.count(2)))
        past, mixed = Past.read(reader), Past.read(reader)
        own = Past.read(reader) if flags & 4 else None
        reader.finish()
        return cls(past, sequence, stamp, incarnation, owed, bool(flags & 1), mixed, own, bool(flags & 2))


class Log:
    """The rows of one keyspace. ``bytes_held``: of all rows. Each is looked at for every peer, and to be cut, soon
    after it came: those of late are at hand."""

    __slots__ = ("_base_key", "_ended", "_recent", "_rows", "_rows_end", "bytes_held", "store")

    def __init__(self, store: OrderedStore, keyspace: int) -> None:
        prefix = keyspace.to_bytes(KEYSPACE_BYTES, "big")
        self.store = store
        self._base_key = prefix + b"B"
        self._rows, self._rows_end = prefix + b"R", prefix + b"S"
        self._ended = prefix + b"E"
        sizes = [len(data) for _, data in store.scan(Table.OPERATIONS, self._rows, self._rows_end)]
        self.bytes_held = sum(sizes)
        self._recent = RecentRows(len(sizes))

    def base(self) -> Base:
        """What was written last, or that of an empty keyspace."""
        data = self.store.get(Table.OPERATIONS, self._base_key)
        return Base(Past()) if data is None else Base.decode(data)

    def base_write(self, base: Base) -> Write:
        """The write that keeps the base."""
        return (Table.OPERATIONS, self._base_key, base.encode())

    def rows(self, first: int = 0, last: int | None = None) -> Iterator[Row]:
        """In order of delivery, used up before the next write. Raises MalformedEncoding for what it cannot read."""
        if self._recent.has_from(first):
            yield from self._recent.rows(first, last)
            return
        end = self._rows_end if last is None else self.place_of(last + 1)
        for key, data in self.store.scan(Table.OPERATIONS, self.place_of(first), end):
            operation = data[1:]
            if not may_be_read(operation):
                raise MalformedEncoding(f"a row of the log has {len(data)} bytes")
            head = head_of(operation)
            yield Row(int.from_bytes(key[-8:], "big"), data[:1] == MINE, operation, head.origin, head.last)

    def data_of(self, sequence: int) -> bytes | None:
        """The operation of a row; None where it was dropped."""
        if self._recent.has_from(sequence):
            return next((row.data for row in self._recent.rows(sequence, sequence)), None)
        data = self.store.get(Table.OPERATIONS, self.place_of(sequence))
        return None if data is None else data[1:]

    def append_write(self, sequence: int, operation: Operation, *, mine: bool) -> Write:
        """The write that logs an operation."""
        data = (MINE if mine else OTHERS) + operation.data
        self.bytes_held += len(data)
        self._recent.add(Row(sequence, mine, operation.data, operation.origin, operation.last))
        return (Table.OPERATIONS, self.place_of(sequence), data)

    def drop_write(self, row: Row) -> Write:
        """The write that takes a row away."""
        self.bytes_held -= len(row.data) + 1
        self._recent.drop(row)
        return (Table.OPERATIONS, self.place_of(row.sequence), None)

    def ended_writes(self, ended: dict[Origin, int]) -> list[Write]:
        """The writes that keep the last counters of incarnations that are closed."""
        return [
            (Table.OPERATIONS, self._ended_key(origin), counter.to_bytes(8, "big"))
            for origin, counter in sorted(ended.items())
        ]

    def last_counter(self, origin: Origin) -> int:
        """Of a closed incarnation; 0 where it wrote nothing that anybody has."""
        return int.from_bytes(self.store.get(Table.OPERATIONS, self._ended_key(origin)) or b"", "big")

    def ended(self) -> dict[Origin, int]:
        """All last counters."""
        found = self.store.scan(Table.OPERATIONS, self._ended, self._ended[:-1] + b"F")
        return {
            Origin(int.from_bytes(key[-12:-8], "big"), int.from_bytes(key[-8:], "big")): int.from_bytes(counter, "big")
            for key, counter in found
        }

    def place_of(self, sequence: int) -> bytes:
        """The key of a row."""
        return self._rows + sequence.to_bytes(8, "big")

    def _ended_key(self, origin: Origin) -> bytes:
        return self._ended + origin[0].to_bytes(4, "big") + origin[1].to_bytes(8, "big")
