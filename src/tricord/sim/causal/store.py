# SPDX-License-Identifier: Apache-2.0
"""Tables in memory, of which a picture can be kept: what a disk holds when the process dies."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from tricord.base.ordered import Table, Write


class Tables:
    """An ``OrderedStore``."""

    def __init__(self) -> None:
        self._records: list[dict[bytes, bytes]] = [{} for _ in Table]
        self._keys: list[list[bytes]] = [[] for _ in Table]

    def copy(self) -> Tables:
        """A picture of now."""
        other = Tables()
        other._records = [dict(records) for records in self._records]
        other._keys = [list(keys) for keys in self._keys]
        return other

    def get(self, table: Table, key: bytes) -> bytes | None:
        return self._records[table].get(key)

    def scan(
        self, table: Table, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        keys, records = self._keys[table], self._records[table]
        found = keys[bisect_left(keys, start) : len(keys) if end is None else bisect_left(keys, end)]
        return ((key, records[key]) for key in (reversed(found) if reverse else found))

    def count(self, table: Table, start: bytes, end: bytes | None) -> int:
        return sum(1 for _ in self.scan(table, start, end))

    def write(self, writes: list[Write]) -> None:
        for table, key, value in writes:
            records, keys = self._records[table], self._keys[table]
            if value is not None:
                if key not in records:
                    insort(keys, key)
                records[key] = value
            elif records.pop(key, None) is not None:
                del keys[bisect_left(keys, key)]
