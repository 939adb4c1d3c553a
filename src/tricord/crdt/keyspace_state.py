# SPDX-License-Identifier: Apache-2.0
"""All cells of one replica's keyspace with their one context, in memory: what any store of them has to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tricord.base.dots import CausalContext, Seen
from tricord.base.encoding import Reader, put_bytes, put_number
from tricord.base.errors import MalformedEncoding
from tricord.crdt.cell import Cell, Delta, dots_of
from tricord.crdt.digest import added, key_digest
from tricord.crdt.encoding import read_cell, write_cell
from tricord.crdt.join import apply_delta, join_cells

FORMAT_VERSION = 1


class KeyspaceState:
    """``cells`` has only keys that hold something; ``context`` has each dot that was ever taken in."""

    __slots__ = ("cells", "context")

    def __init__(self) -> None:
        self.cells: dict[bytes, Cell] = {}
        self.context = CausalContext()

    def cell(self, key: bytes) -> Cell:
        """What the key holds; ``{}`` for nothing."""
        return self.cells.get(key, {})

    def apply(self, deltas: Iterable[tuple[bytes, Delta]]) -> list[bytes]:
        """Take in writes, of here or of elsewhere, once or again. Gives the keys that changed.

        Each has dots of its own, that speak of its key alone: so the context may grow between them.
        """
        changed = []
        for key, delta in deltas:
            if self._set(key, apply_delta(self.cell(key), self.context, delta)):
                changed.append(key)
            self.context.add_all(delta.dots)
        return changed

    def merge(self, other: KeyspaceState) -> list[bytes]:
        """Take in all that another replica has and has seen. Gives the keys that changed."""
        changed = self._join(self.cells | other.cells, other.cells, other.context)
        self.context.merge(other.context)
        return changed

    def repair(self, keys: Iterable[bytes], cells: Mapping[bytes, Cell], seen: Seen) -> list[bytes]:
        """Take in some of another replica's ``keys``, those it has nothing under among them. Gives what changed.

        Of its context only what stands in these cells is taken over: the rest speaks of keys that did not come along.
        The whole of it may be merged once the digests over all keys are equal.
        """
        changed = self._join(keys, cells, seen)
        for key in cells:
            self.context.add_all(dots_of(cells[key]))
        return changed

    def digest(self) -> int:
        """64 bits over all keys."""
        total = 0
        for key, cell in self.cells.items():
            total = added(total, key_digest(key, cell))
        return total

    def _join(self, keys: Iterable[bytes], cells: Mapping[bytes, Cell], seen: Seen) -> list[bytes]:
        context = self.context
        return [key for key in keys if self._set(key, join_cells(self.cell(key), context, cells.get(key, {}), seen))]

    def _set(self, key: bytes, cell: Cell) -> bool:
        """Whether that changed anything."""
        if cell is self.cells.get(key) or not (cell or key in self.cells):
            return False
        if cell:
            self.cells[key] = cell
        else:
            del self.cells[key]
        return True

    def encode(self) -> bytes:
        """All of it, for a replica that joins. Equal states, equal bytes."""
        out = bytearray((FORMAT_VERSION,))
        self.context.write(out)
        put_number(out, len(self.cells))
        for key in sorted(self.cells):
            put_bytes(out, key)
            write_cell(out, self.cells[key])
        return bytes(out)

    @classmethod
    def decode(cls, data: bytes) -> KeyspaceState:
        """From the bytes of ``encode``. Raises ``MalformedEncoding``."""
        reader = Reader(data)
        reader.version(FORMAT_VERSION)
        state = cls()
        state.context = CausalContext.read(reader)
        last: bytes | None = None
        for _ in range(reader.count(2)):
            key = reader.bytes()
            cell = read_cell(reader)
            if (last is not None and key <= last) or not all(dot in state.context for dot in dots_of(cell)) or not cell:
                raise MalformedEncoding(f"a key is out of order, empty or not of the context, before {reader.offset}")
            state.cells[key] = cell
            last = key
        reader.finish()
        return state
