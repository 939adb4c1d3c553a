# SPDX-License-Identifier: Apache-2.0
"""The backend's twin in memory: the same tables, views and commits, kept by a ``MemoryDisk``.

A commit is atomic, as the real one is: when the power goes during it, it happened or it did not.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Iterator
from typing import TypeAlias

from xxhash import xxh3_64_intdigest

from tricord.base.ordered import Table, Write
from tricord.storage.overlay import Records, Taken
from tricord.storage.sorted_chunks import SortedChunks

Tables: TypeAlias = tuple[SortedChunks, ...]

RECORD_OVERHEAD_BYTES = 16


def no_tables() -> Tables:
    """Tables without records."""
    return tuple(SortedChunks() for _ in Table)


class MemoryView:
    """A picture at the last commit."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def get(self, table: Table, key: bytes) -> bytes | None:
        return self._tables[table].get(key)

    def scan(
        self, table: Table, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        if end is not None and start >= end:
            return iter(())
        return self._tables[table].scan(start, end, reverse)

    def count(self, table: Table, start: bytes, end: bytes | None) -> int:
        return self._tables[table].count(start, end)

    def entries(self, table: Table) -> int:
        return self._tables[table].count(b"", None)

    def close(self) -> None:
        self._tables = ()


class MemoryBackend:
    """A ``Backend`` without a file. ``keep(tables)`` makes a version durable, or raises OSError."""

    def __init__(self, tables: Tables, keep: Callable[[Tables], None], *, map_size: int) -> None:
        self._tables = tables
        self._keep = keep
        self._map_size = map_size

    def view(self) -> MemoryView:
        return MemoryView(self._tables)

    def commit(self, writes: Collection[Write]) -> None:
        if not writes:
            return
        changes: Records = {}
        if isinstance(writes, Taken):
            changes = writes.records()
        else:
            for table, key, value in writes:
                changes.setdefault(table, {})[key] = value
        tables = list(self._tables)
        for table, records in changes.items():
            tables[table] = tables[table].changed(records)
        if sum(table.bytes_used for table in tables) > self._map_size:
            raise OSError(errno.ENOSPC, "the backend's map is full: raise its size")
        self._keep(tuple(tables))
        self._tables = tuple(tables)

    def seal(self) -> None:
        """Nothing to record: memory is not read back from a disk."""

    def size_bytes(self) -> int:
        return self.used_bytes()

    def used_bytes(self) -> int:
        return sum(table.bytes_used + RECORD_OVERHEAD_BYTES * table.count(b"", None) for table in self._tables)

    def sums(self) -> Iterator[tuple[str, int, int]]:
        for name, table in zip(Table, self._tables, strict=True):
            records = table.scan(b"", None, False)
            yield (
                name.name.lower(),
                table.count(b"", None),
                sum(xxh3_64_intdigest(key + value) for key, value in records),
            )

    def retire(self) -> None:
        """Nothing is held open."""

    def close(self) -> None:
        """Nothing is held open."""
