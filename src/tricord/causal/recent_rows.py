# SPDX-License-Identifier: Apache-2.0
"""The rows of a log that came last, as long as they are few bytes: without a look into the tables."""

from __future__ import annotations

from collections.abc import Iterator

from tricord.base.dots import Origin
from tricord.base.message import message

BYTES_MAX = 4 * 1024 * 1024
GONE_MAX = 1_000
"""So many places of rows that were dropped are kept at the front: to close up costs the same for one as for many."""


@message
class Row:
    """One row of the log: the operation's bytes, and what their head says of its origin and last counter."""

    sequence: int
    mine: bool
    data: bytes
    origin: Origin
    last: int


class RecentRows:
    """``older``: how many rows of the log came before these."""

    __slots__ = ("_bytes", "_first", "_gone", "_rows", "older")

    def __init__(self, older: int) -> None:
        self.older = older
        self._rows: list[Row | None] = []
        """By sequence, from ``_first`` on; None where one was dropped, as the first ``_gone`` were."""
        self._first = self._gone = self._bytes = 0

    def add(self, row: Row) -> None:
        """The next one."""
        if not self._rows:
            self._first = row.sequence
        assert row.sequence == self._first + len(self._rows), "a log has a row for each delivery"
        self._rows.append(row)
        self._bytes += len(row.data)
        while self._bytes > BYTES_MAX and len(self._rows) > 1:
            self._forget(self._gone + max(1, (len(self._rows) - self._gone) // 2))

    def has_from(self, sequence: int) -> bool:
        """Whether all rows from that sequence on are here."""
        return bool(self._rows) and (not self.older or sequence >= self._first)

    def rows(self, first: int, last: int | None) -> Iterator[Row]:
        """In order, from ``first`` to ``last`` (None: all)."""
        end = len(self._rows) if last is None else min(len(self._rows), last + 1 - self._first)
        for place in range(max(first - self._first, self._gone), end):
            row = self._rows[place]
            if row is not None:
                yield row

    def drop(self, row: Row) -> None:
        """A row of the log is no more."""
        place = row.sequence - self._first
        if not 0 <= place < len(self._rows):
            self.older -= 1
            return
        self._rows[place] = None
        self._bytes -= len(row.data)
        while self._gone < len(self._rows) and self._rows[self._gone] is None:
            self._gone += 1
        if self._gone > GONE_MAX:
            self._forget(self._gone)

    def _forget(self, places: int) -> None:
        """Those at the front."""
        kept = [row for row in self._rows[:places] if row is not None]
        del self._rows[:places]
        self._first += places
        self._gone = max(0, self._gone - places)
        self._bytes -= sum(len(row.data) for row in kept)
        self.older += len(kept)
