# SPDX-License-Identifier: Apache-2.0
"""Log entries as one block of bytes: the hot path of replication, so all that repeats is said once.

```
count (4), number of term runs (4)
term runs      per run: number of entries (4), term (8)      one run, unless the lead changed
kinds          one byte per entry
sizes          four bytes per entry
data           of all entries, one after the other
```

Entries are consecutive and their terms never fall; the first index is known to the reader.
"""

from __future__ import annotations

from itertools import accumulate, groupby, islice, pairwise
from operator import attrgetter
from struct import Struct, pack, unpack_from

from tricord.base.log import Entry
from tricord.wire.peer.refusals import ProtocolFault

_HEAD = Struct(">II")
_RUN = Struct(">IQ")
_PER_ENTRY = 5
_TERM = attrgetter("term")


class EncodedEntries:
    """Remembers the last block that was made: a leader sends the same entries to each of its followers.

    Use one for one call of sending: it holds what it remembers.
    """

    __slots__ = ("_block", "_count", "_first", "_last")

    def __init__(self) -> None:
        self._first: Entry | None = None
        self._last: Entry | None = None
        self._count = 0
        self._block = b""

    def block(self, entries: list[Entry]) -> bytes:
        """The block of these entries, at least one; made only once where they are the same objects as last time."""
        first, last = entries[0], entries[-1]
        if first is not self._first or last is not self._last or len(entries) != self._count:
            self._block = encode_entries(entries)
            self._first, self._last, self._count = first, last, len(entries)
        return self._block


def encode_entries(entries: list[Entry]) -> bytes:
    """The block of consecutive entries, at least one."""
    count = len(entries)
    term = entries[0].term
    assert entries[-1].index - entries[0].index == count - 1, "entries of a message are consecutive"
    if entries[-1].term == term:
        runs = _RUN.pack(count, term)
        run_count = 1
    else:
        packed = [_RUN.pack(len(list(same)), run_term) for run_term, same in groupby(entries, _TERM)]
        runs = b"".join(packed)
        run_count = len(packed)
    data = [entry.data for entry in entries]
    kinds = bytes([entry.kind for entry in entries])
    return b"".join((_HEAD.pack(count, run_count), runs, kinds, pack(f">{count}I", *map(len, data)), *data))


def decode_entries(body: bytes, offset: int, end: int, first_index: int) -> list[Entry]:
    """The entries of the block in ``body[offset:end]``. Raises ProtocolFault for bytes that are none."""
    if end - offset < _HEAD.size:
        raise ProtocolFault("a block of entries is cut short")
    count, run_count = _HEAD.unpack_from(body, offset)
    kinds_at = offset + _HEAD.size + run_count * _RUN.size
    data_at = kinds_at + count * _PER_ENTRY
    if not 1 <= run_count <= count or data_at > end:
        raise ProtocolFault("a block of entries has other counts than it says")
    kinds = body[kinds_at : kinds_at + count]
    bounds = list(accumulate(unpack_from(f">{count}I", body, kinds_at + count), initial=data_at))
    if bounds[-1] != end:
        raise ProtocolFault("a block of entries has another size than it says")
    places = zip(range(first_index, first_index + count), kinds, bounds, islice(bounds, 1, None), strict=False)
    if run_count == 1:
        length, term = _RUN.unpack_from(body, offset + _HEAD.size)
        if length != count:
            raise ProtocolFault("the terms of a block of entries do not fit it")
        return [Entry(index, term, kind, body[start:stop]) for index, kind, start, stop in places]
    terms = _terms(body, offset + _HEAD.size, run_count, count)
    return [
        Entry(index, term, kind, body[start:stop])
        for term, (index, kind, start, stop) in zip(terms, places, strict=False)
    ]


def _terms(body: bytes, offset: int, run_count: int, count: int) -> list[int]:
    """One term per entry, of several runs."""
    runs = [_RUN.unpack_from(body, offset + run * _RUN.size) for run in range(run_count)]
    ascending = all(earlier[1] <= later[1] for earlier, later in pairwise(runs))
    if sum(length for length, _ in runs) != count or not ascending:
        raise ProtocolFault("the terms of a block of entries do not fit it")
    return [term for length, term in runs for _ in range(length)]
