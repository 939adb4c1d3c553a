# SPDX-License-Identifier: Apache-2.0
"""What a transaction sees: HEAD as it was, with the transaction's own changes laid over it.

Other tables are never read through it: past revisions are not touched by a transaction in progress.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import islice

from tricord.base.ordered import Table, View

_FEW = 16


class PendingView:
    """HEAD under changes. ``changes`` maps a HEAD key to its new record; None or empty: it is deleted.

    Changes may be added later; none is taken out.
    """

    __slots__ = ("_keys", "_view", "changes")

    def __init__(self, view: View, changes: dict[bytes, bytes | None]) -> None:
        self._view = view
        self.changes = changes
        self._keys: list[bytes] = []
        """Those of the changes in their order, as far as a range was asked for."""

    def get(self, table: Table, key: bytes) -> bytes | None:
        """As View.get."""
        assert table == Table.HEAD
        if key in self.changes:
            return self.changes[key] or None
        return self._view.get(table, key)

    def scan(
        self, table: Table, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """As View.scan. Cost: the view's, and the changes inside the range."""
        assert table == Table.HEAD and not reverse
        changed = self._changed(start, end)
        position = 0
        for key, record in self._view.scan(table, start, end):
            while position < len(changed) and changed[position] < key:
                new = self.changes[changed[position]]
                if new:
                    yield changed[position], new
                position += 1
            if position < len(changed) and changed[position] == key:
                new = self.changes[key]
                if new:
                    yield key, new
                position += 1
            else:
                yield key, record
        for key in changed[position:]:
            new = self.changes[key]
            if new:
                yield key, new

    def count(self, table: Table, start: bytes, end: bytes | None) -> int:
        """As View.count. Cost: the view's, and one look-up for each change inside the range."""
        assert table == Table.HEAD
        total = self._view.count(table, start, end)
        for key in self._changed(start, end):
            total += bool(self.changes[key]) - (self._view.get(table, key) is not None)
        return total

    def _changed(self, start: bytes, end: bytes | None) -> list[bytes]:
        keys = self._keys
        missing = len(self.changes) - len(keys)
        if missing:
            # A dict keeps its order: what was added since comes last.
            added = islice(reversed(self.changes), missing)
            if missing <= _FEW:
                for key in added:
                    insort(keys, key)
            else:
                keys += added
                keys.sort()
        return keys[bisect_left(keys, start) : len(keys) if end is None else bisect_left(keys, end)]
