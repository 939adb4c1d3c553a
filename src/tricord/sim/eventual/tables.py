# SPDX-License-Identifier: Apache-2.0
"""A replica's store with a disk behind it that may lose what was not synced, or come back as it was before."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from tricord.base.ordered import Table, Write


class Tables:
    """An ``OrderedStore`` of one table, in memory."""

    def __init__(self, records: dict[bytes, bytes]) -> None:
        self._records = dict(records)
        self._keys = sorted(records)

    def get(self, table: Table, key: bytes) -> bytes | None:
        """The value, or None."""
        return self._records.get(key)

    def scan(
        self, table: Table, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Pairs in order."""
        last = len(self._keys) if end is None else bisect_left(self._keys, end)
        keys = self._keys[bisect_left(self._keys, start) : last]
        for key in reversed(keys) if reverse else keys:
            yield key, self._records[key]

    def count(self, table: Table, start: bytes, end: bytes | None) -> int:
        """How many there are."""
        return sum(1 for _ in self.scan(table, start, end))

    def write(self, writes: list[Write]) -> None:
        """Record effects."""
        for _, key, value in writes:
            if value is not None:
                if key not in self._records:
                    insort(self._keys, key)
                self._records[key] = value
            elif self._records.pop(key, None) is not None:
                del self._keys[bisect_left(self._keys, key)]


class Disk:
    """What survives: effects of the turns that were synced."""

    def __init__(self) -> None:
        self.records: dict[bytes, bytes] = {}
        self.unsynced: list[tuple[int, list[Write]]] = []

    def append(self, turn: int, effects: list[Write]) -> None:
        """A turn's effects, not yet durable."""
        self.unsynced.append((turn, effects))

    def sync(self) -> int:
        """All so far is durable: up to which turn (0: nothing new)."""
        turn = 0
        for each, effects in self.unsynced:
            turn = each
            for _, key, value in effects:
                if value is None:
                    self.records.pop(key, None)
                else:
                    self.records[key] = value
        self.unsynced.clear()
        return turn

    def open(self) -> Tables:
        """As a start finds it."""
        self.unsynced.clear()
        return Tables(self.records)
