# SPDX-License-Identifier: Apache-2.0
"""The state of one replica in pieces, for another that joins, lags behind the log, or comes back under a new id.

A piece is all cells of a range of keys, and what its sender had when it was cut: the sender writes on between them. The
receiver joins piece by piece. It then has what the *first* piece speaks of, and some of what came later in some keys
only; so it stays closed to readers until it has delivered what the last piece speaks of, which comes as operations do.
"""

from __future__ import annotations

from tricord.base.dots import Origin, read_origin
from tricord.base.encoding import Reader, put_bytes, put_number
from tricord.base.message import message
from tricord.causal.past import FORMAT_VERSION, Past


@message
class Piece:
    """Cells with ``start <= key < end``; an ``end`` of b"" is the end of the keyspace. ``ended``, in the first piece:
    last counters of closed incarnations."""

    start: bytes
    end: bytes
    past: Past
    cells: list[tuple[bytes, bytes]]
    ended: dict[Origin, int]

    def has(self, origin: Origin, counter: int) -> bool:
        """Of the first piece: whether so many writes of the origin are there. Of a closed one others may have lost some
        that this one never had."""
        return counter <= max(self.past.entries.get(origin, 0), self.ended.get(origin, 0))

    def encode(self) -> bytes:
        """Its bytes."""
        out = bytearray((FORMAT_VERSION,))
        put_bytes(out, self.start)
        put_bytes(out, self.end)
        self.past.write(out)
        put_number(out, len(self.cells))
        for key, cell in self.cells:
            put_bytes(out, key)
            put_bytes(out, cell)
        put_number(out, len(self.ended))
        for origin in sorted(self.ended):
            for number in (*origin, self.ended[origin]):
                put_number(out, number)
        return bytes(out)

    @classmethod
    def decode(cls, data: bytes) -> Piece:
        """From its bytes. Raises ``MalformedEncoding``. Cells are looked at where they are taken in."""
        reader = Reader(data)
        reader.version(FORMAT_VERSION)
        start, end = reader.bytes(), reader.bytes()
        past = Past.read(reader)
        cells = [(reader.bytes(), reader.bytes()) for _ in range(reader.count(2))]
        ended = {read_origin(reader): reader.number() for _ in range(reader.count(3))}
        reader.finish()
        return cls(start, end, past, cells, ended)
