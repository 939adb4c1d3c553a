# SPDX-License-Identifier: Apache-2.0
"""A sorted map whose versions share what did not change: a B+ tree of two levels.

```
firsts   [ "",        "k",        "t"      ]       the first key a chunk may hold
chunks   [ (a..j),    (k..s),     (t..z)   ]       (sorted keys, their values), 128 at most
```

A change copies the chunks it touches and the two outer lists; all older versions stay as they were. With a million
records that is 16,000 places to copy for a commit. Larger chunks would make them fewer, and a commit of few records, as
simulations make them, dearer.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import TypeAlias

CHUNK_RECORDS_MAX = 128

_Chunk: TypeAlias = tuple[list[bytes], list[bytes]]


class SortedChunks:
    """One version; never changed once made."""

    __slots__ = ("_chunks", "_firsts", "bytes_used")

    def __init__(
        self, firsts: list[bytes] | None = None, chunks: list[_Chunk] | None = None, bytes_used: int = 0
    ) -> None:
        self._firsts = firsts if firsts is not None else [b""]
        self._chunks = chunks if chunks is not None else [([], [])]
        self.bytes_used = bytes_used

    def get(self, key: bytes) -> bytes | None:
        """The value, or None."""
        keys, values = self._chunks[bisect_right(self._firsts, key) - 1]
        at = bisect_left(keys, key)
        return values[at] if at < len(keys) and keys[at] == key else None

    def scan(self, start: bytes, end: bytes | None, reverse: bool) -> Iterator[tuple[bytes, bytes]]:
        """Records with start <= key < end (None: to the end), in order or in reverse."""
        low = bisect_right(self._firsts, start) - 1
        high = len(self._chunks) if end is None else bisect_left(self._firsts, end, lo=low)
        places = range(low, max(high, low + 1))
        for place in reversed(places) if reverse else places:
            keys, values = self._chunks[place]
            first, last = bisect_left(keys, start), len(keys) if end is None else bisect_left(keys, end)
            within = range(last - 1, first - 1, -1) if reverse else range(first, last)
            for at in within:
                yield keys[at], values[at]

    def count(self, start: bytes, end: bytes | None) -> int:
        """How many keys there are in the range. Costs a step for each chunk."""
        if end is not None and start >= end:
            return 0
        low = bisect_right(self._firsts, start) - 1
        high = len(self._chunks) if end is None else bisect_left(self._firsts, end, lo=low)
        total = sum(len(keys) for keys, _ in self._chunks[low : max(high, low + 1)])
        total -= bisect_left(self._chunks[low][0], start)
        if end is not None:
            keys = self._chunks[max(high, low + 1) - 1][0]
            total -= len(keys) - bisect_left(keys, end)
        return total

    def changed(self, records: dict[bytes, bytes | None]) -> SortedChunks:
        """The version after ``records`` (None deletes)."""
        firsts, chunks = list(self._firsts), list(self._chunks)
        used = self.bytes_used
        copied: set[int] = set()
        for key, value in records.items():
            place = bisect_right(firsts, key) - 1
            if place not in copied:
                copied.add(place)
                chunks[place] = (list(chunks[place][0]), list(chunks[place][1]))
            keys, values = chunks[place]
            at = bisect_left(keys, key)
            present = at < len(keys) and keys[at] == key
            if present:
                used -= len(values[at])
            if value is None:
                if present:
                    used -= len(key)
                    del keys[at], values[at]
            elif present:
                used += len(value)
                values[at] = value
            else:
                used += len(key) + len(value)
                keys.insert(at, key)
                values.insert(at, value)
        for place in sorted(copied, reverse=True):
            _settle(firsts, chunks, place)
        return SortedChunks(firsts, chunks, used)


def _settle(firsts: list[bytes], chunks: list[_Chunk], place: int) -> None:
    """Split a chunk that grew too large; drop one that is empty (the first stays:

    it holds what is before all others).
    """
    keys, values = chunks[place]
    if len(keys) > CHUNK_RECORDS_MAX:
        half = CHUNK_RECORDS_MAX // 2
        starts = range(0, len(keys), half)
        chunks[place : place + 1] = [(keys[at : at + half], values[at : at + half]) for at in starts]
        firsts[place : place + 1] = [firsts[place]] + [keys[at] for at in starts[1:]]
    elif not keys and place:
        del chunks[place], firsts[place]
