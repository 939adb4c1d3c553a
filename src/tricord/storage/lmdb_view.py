# SPDX-License-Identifier: Apache-2.0
"""A read view of the LMDB backend: one read transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Any

from crc32c import crc32c

from tricord.base.errors import CorruptData
from tricord.base.ordered import Table
from tricord.storage.lmdb_keys import (
    FIRST_BYTES,
    NEXT_BYTES,
    NODE_BYTES,
    inner,
    lower_bound,
    part_of,
    split,
    upper_bound,
)

RESIDUE = 0x48674BC7
"""CRC-32C of any message followed by its own CRC-32C, little endian."""


class LmdbView:
    """A picture at the last commit.

    Usable from one thread at a time; short lived, since the file cannot reuse pages it sees.
    """

    def __init__(self, path: str, transaction: Any, databases: list[Any], closed: Callable[[], None]) -> None:
        self._path = path
        self._transaction = transaction
        self._get = transaction.get
        self._databases = databases
        self._closed: Callable[[], None] | None = closed

    def get(self, table: Table, key: bytes) -> bytes | None:
        if len(key) > FIRST_BYTES:
            return self._get_long(table, key)
        stored: bytes | None = self._get(key, None, self._databases[table])
        if stored is None:
            return None
        if crc32c(key + stored) != RESIDUE:
            raise self._damaged(key)
        return stored[:-4]

    def scan(
        self, table: Table, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        if end is not None and start >= end:
            return iter(())
        if self._has_long():
            return self._walk(table, start, end, reverse)
        walk = self._down if reverse else self._up
        return walk(self._databases[table], b"", start, end)

    def count(self, table: Table, start: bytes, end: bytes | None) -> int:
        if end is not None and start >= end:
            return 0
        database = self._databases[table]
        if self._has_long():
            return sum(1 for _ in self._walk(table, start, end, False))
        with self._transaction.cursor(database) as cursor:
            if cursor.last() and (end is None or cursor.key() < end) and cursor.first() and cursor.key() >= start:
                entries: int = self._transaction.stat(database)["entries"]
                return entries
            if not (cursor.set_range(lower_bound(start, FIRST_BYTES)) if start else cursor.first()):
                return 0
            keys = cursor.iternext(keys=True, values=False)
            if end is not None:
                keys = takewhile(upper_bound(end, FIRST_BYTES).__gt__, keys)
            return sum(map(bool, keys))  # every key is true: no Python code runs per key

    def entries(self, table: Table) -> int:
        entries: int = self._transaction.stat(self._databases[table])["entries"]
        return entries

    def close(self) -> None:
        self._transaction.abort()
        # Twice is fine: it counts once.
        closed, self._closed = self._closed, None
        if closed is not None:
            closed()

    def _has_long(self) -> bool:
        return bool(self._transaction.stat(self._databases[-1])["entries"])

    def _get_long(self, table: Table, key: bytes) -> bytes | None:
        pointer, parts = split(key)
        physical, database = pointer, self._databases[table]
        for part in parts:
            node = self._checked(physical, self._get(physical, None, database))
            if node is None:
                return None
            physical, database = node + part, self._databases[-1]
        return self._checked(physical, self._get(physical, None, database))

    def _checked(self, physical: bytes, stored: bytes | None) -> bytes | None:
        if stored is None:
            return None
        if crc32c(physical + stored) != RESIDUE:
            raise self._damaged(physical)
        return stored[:-4]

    def _damaged(self, key: bytes) -> CorruptData:
        return CorruptData(self._path, 0, f"the record of key {key[:64]!r} does not match its checksum")

    def _walk(self, table: Table, start: bytes, end: bytes | None, reverse: bool) -> Iterator[tuple[bytes, bytes]]:
        """Records of a table where there are long keys: nodes below one another are held in a list, since a key of a
        megabyte has thousands. Of a bound is kept how much of it leads to the node; -1: it bounds nothing there."""
        walk = self._down if reverse else self._up
        parts: list[bytes] = []
        opened = [(walk(self._databases[table], b"", start, end), FIRST_BYTES, 0, -1 if end is None else 0)]
        while opened:
            records, step, low, high = opened[-1]
            for key, value in records:
                if len(key) <= step:
                    yield b"".join((*parts, key)) if parts else key, value
                    continue
                parts.append(key[:-1])
                low, high = inner(start, low, key), inner(end, high, key)
                until = None if high < 0 else part_of(end, high)
                below = walk(self._databases[-1], value, part_of(start, low), until)
                opened.append((below, NEXT_BYTES, low, high))
                break
            else:
                opened.pop()
                del parts[-1:]

    def _up(self, database: Any, node: bytes, start: bytes, end: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        """Records of one node (empty: a table), keys without the node's number; pointers are longer than all others,
        and have the number of theirs."""
        skip, step = (NODE_BYTES, NEXT_BYTES) if node else (0, FIRST_BYTES)
        cursor = self._transaction.cursor(database)
        first = node + lower_bound(start, step)
        if not (cursor.set_range(first) if first else cursor.first()):
            return
        for physical, stored in cursor:
            key = physical
            if skip:
                if physical[:skip] != node:
                    return
                key = physical[skip:]
            if end is not None and key >= end:
                return
            if crc32c(physical + stored) != RESIDUE:
                raise self._damaged(physical)
            yield key, stored[:-4]

    def _down(self, database: Any, node: bytes, start: bytes, end: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        skip, step = (NODE_BYTES, NEXT_BYTES) if node else (0, FIRST_BYTES)
        cursor = self._transaction.cursor(database)
        if end is not None:
            after = node + upper_bound(end, step)
        else:
            after = (int.from_bytes(node, "big") + 1).to_bytes(NODE_BYTES, "big") if node else b""
        if after and cursor.set_range(after):
            if not cursor.prev():
                return
        elif not cursor.last():
            return
        first = lower_bound(start, step)
        for physical, stored in cursor.iterprev():
            key = physical
            if skip:
                if physical[:skip] != node:
                    return
                key = physical[skip:]
            if key < first:
                return
            if crc32c(physical + stored) != RESIDUE:
                raise self._damaged(physical)
            yield key, stored[:-4]
