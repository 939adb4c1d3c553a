# SPDX-License-Identifier: Apache-2.0
"""The overlay: effects applied but not yet in the backend, and the one store that both make together.

Three layers answer a read, newest first:

```
active      what was written since the last take()
draining    what take() handed to the backend lane; it still answers until drained()
view        the backend as of its last commit
```

A layer is a dict per table. Point reads are dict look-ups; the sorted list of a layer's keys is kept only as far as
scans need it: new keys gather unsorted and are merged in when a range is asked for.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Iterator
from itertools import repeat
from typing import Protocol, TypeAlias

from tricord.base.ordered import BackendView, Table, View, Write

_TABLES = len(Table)
_FEW = 16
_RECORD_OVERHEAD_BYTES = 200
"""What a record costs beside its bytes: two bytes objects' headers, a dict slot and a place in a list."""


Records: TypeAlias = dict[Table, dict[bytes, bytes | None]]
"""What is written to each table: the last value of each key; None deletes it."""


class Viewed(Protocol):
    """What an overlay lies over."""

    def view(self) -> BackendView:
        """A picture of it."""


class _Missing:
    """The type of the answer "this layer knows nothing of the key", which differs from None: deleted."""


_MISSING = _Missing()


class _Layer:
    """Effects on one table."""

    __slots__ = ("keys", "records", "unsorted")

    def __init__(self) -> None:
        self.records: dict[bytes, bytes | None] = {}
        self.keys: list[bytes] = []
        self.unsorted: list[bytes] = []

    def update(self, records: dict[bytes, bytes | None]) -> None:
        """Later effects."""
        known = self.records
        self.unsorted += [key for key in records if key not in known]
        known.update(records)

    def sorted_keys(self) -> list[bytes]:
        if self.unsorted:
            if len(self.unsorted) <= _FEW:
                for key in self.unsorted:
                    insort(self.keys, key)
            else:
                self.unsorted.sort()
                is_beyond = not self.keys or self.unsorted[0] > self.keys[-1]
                self.keys += self.unsorted
                if not is_beyond:
                    self.keys.sort()  # two sorted runs: merged in linear time
            self.unsorted = []
        return self.keys

    def copy(self) -> _Layer:
        """One that does not change any more."""
        copy = _Layer()
        copy.keys = list(self.sorted_keys())
        copy.records = dict(self.records)
        return copy

    def bounds(self, start: bytes, end: bytes | None) -> tuple[int, int]:
        keys = self.sorted_keys()
        return bisect_left(keys, start), len(keys) if end is None else bisect_left(keys, end)


class Taken(Collection[Write]):
    """A batch on its way to the backend: the writes come into being as they are gone through, on the backend's lane.

    Twenty thousand tuples take 4 ms to make; the loop should not stand still for them.
    """

    def __init__(self, layers: list[_Layer]) -> None:
        self._layers = layers

    def __len__(self) -> int:
        return sum(len(layer.records) for layer in self._layers)

    def __iter__(self) -> Iterator[Write]:
        for table, layer in zip(Table, self._layers, strict=True):
            yield from zip(repeat(table), layer.records, layer.records.values(), strict=False)

    def __contains__(self, write: object) -> bool:
        return any(write == one for one in self)

    def records(self) -> Records:
        """All of it, without a copy: good until ``drained`` or the next ``take``."""
        return {table: layer.records for table, layer in zip(Table, self._layers, strict=True) if layer.records}


class Overlay:
    """The ``OrderedStore`` of a member. One thread (the loop's) uses it; only the list from ``take`` goes elsewhere."""

    def __init__(self, backend: Viewed) -> None:
        self._backend = backend
        self._view: BackendView = backend.view()
        self._active = [_Layer() for _ in range(_TABLES)]
        self._draining: list[_Layer] | None = None
        self._active_bytes = 0
        self._draining_bytes = 0

    @property
    def active_bytes(self) -> int:
        """Memory held by what was written since the last take, about."""
        return self._active_bytes

    @property
    def size_bytes(self) -> int:
        """Memory held by all that is not in the backend yet, about. Backpressure looks at it."""
        return self._active_bytes + self._draining_bytes

    @property
    def committed(self) -> View:
        """What the backend holds as of the last ``drained``: nothing that a crash takes back. Good until the next."""
        return self._view

    def write(self, writes: list[Write]) -> None:
        """Record effects, in order. Cannot fail. About 0.3 us each."""
        active = self._active
        grown = 0
        for table, key, value in writes:
            layer = active[table]
            records = layer.records
            if key in records:
                old = records[key]
                if old is not None:
                    grown -= len(old)
            else:
                layer.unsorted.append(key)
                grown += len(key) + _RECORD_OVERHEAD_BYTES
            if value is not None:
                grown += len(value)
            records[key] = value
        self._active_bytes += grown

    def absorb(self, records: Records) -> None:
        """Record effects by table: as ``write``, at a fifth of its cost."""
        grown = 0
        for table, of_table in records.items():
            self._active[table].update(of_table)
            grown += len(of_table) * _RECORD_OVERHEAD_BYTES
            grown += sum(map(len, of_table)) + sum(map(len, filter(None, of_table.values())))
        self._active_bytes += grown

    def get(self, table: Table, key: bytes) -> bytes | None:
        value = self._active[table].records.get(key, _MISSING)
        if value is _MISSING:
            if self._draining is not None:
                value = self._draining[table].records.get(key, _MISSING)
            if value is _MISSING:
                return self._view.get(table, key)
        return value  # type: ignore[return-value]

    def scan(
        self, table: Table, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        below = self._view.scan(table, start, end, reverse=reverse)
        if self._draining is not None:
            below = _laid_over(below, self._draining[table], start, end, reverse)
        return _laid_over(below, self._active[table], start, end, reverse)

    def count(self, table: Table, start: bytes, end: bytes | None) -> int:
        """Costs a look-up for each overlay key in the range, and the backend's own count."""
        total = self._view.count(table, start, end)
        draining = self._draining[table] if self._draining is not None else None
        below = self._view.get
        if draining is not None:
            low, high = draining.bounds(start, end)
            keys = draining.keys
            for i in range(low, high):
                key = keys[i]
                total += (draining.records[key] is not None) - (below(table, key) is not None)
        active = self._active[table]
        low, high = active.bounds(start, end)
        keys = active.keys
        for i in range(low, high):
            key = keys[i]
            old = draining.records.get(key, _MISSING) if draining is not None else _MISSING
            if old is _MISSING:
                old = below(table, key)
            total += (active.records[key] is not None) - (old is not None)
        return total

    def entries(self, table: Table) -> int:
        """See ``BackendView``: as of the last commit."""
        return self._view.entries(table)

    def picture(self, tables: tuple[Table, ...]) -> OverlayPicture:
        """The state of some tables as it is now, for another thread. Cost: the overlay's records of those tables."""
        layers: list[list[_Layer]] = [[] for _ in Table]
        for table in tables:
            for generation in (self._draining, self._active):
                if generation is not None and generation[table].records:
                    layers[table].append(generation[table].copy())
        return OverlayPicture(self._backend.view(), layers)

    def take(self) -> Taken:
        """Freeze what was written so far and give it, to be committed to the backend; at most one write a key.

        Taken again before ``drained`` (the commit failed for good), it gives the former batch too.
        """
        if self._draining is not None:
            for below, above in zip(self._draining, self._active, strict=True):
                below.update(above.records)
        elif not self._active_bytes:
            return Taken([_Layer() for _ in range(_TABLES)])
        else:
            self._draining = self._active
        self._draining_bytes += self._active_bytes
        self._active = [_Layer() for _ in range(_TABLES)]
        self._active_bytes = 0
        return Taken(self._draining)

    def drained(self) -> None:
        """What was taken is in the backend now: forget it and look at the new commit."""
        view = self._backend.view()
        self._view.close()
        self._view = view
        self._draining = None
        self._draining_bytes = 0

    def replace_backend(self, backend: Viewed) -> None:
        """Stand on another backend, with another state: what was written here and is not drained yet is forgotten.

        Nothing that was taken may be on its way to the old backend. Pictures that were taken go on showing the old
        state, so that one is to be ended with ``Backend.retire``. Whoever remembers something of the state must read
        it anew (``StateMachine.reload``).
        """
        view = backend.view()
        self._view.close()
        self._backend, self._view = backend, view
        self._active = [_Layer() for _ in range(_TABLES)]
        self._draining = None
        self._active_bytes = self._draining_bytes = 0

    def move(self, backend: Viewed) -> None:
        """Stand on another backend that holds the same. Nothing that was taken may be on its way to the old one, which
        is to be ended with ``Backend.retire``: pictures that were taken go on with it.
        """
        view = backend.view()
        self._view.close()
        self._backend, self._view = backend, view

    def close(self) -> None:
        """Give the view back. The overlay answers no more."""
        self._view.close()


class OverlayPicture:
    """A store at one moment: a backend's view and copies of the layers over it, the older first."""

    def __init__(self, view: BackendView, layers: list[list[_Layer]]) -> None:
        self._view = view
        self._layers = layers

    def get(self, table: Table, key: bytes) -> bytes | None:
        for layer in reversed(self._layers[table]):
            value = layer.records.get(key, _MISSING)
            if value is not _MISSING:
                return value  # type: ignore[return-value]
        return self._view.get(table, key)

    def scan(
        self, table: Table, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        pairs = self._view.scan(table, start, end, reverse=reverse)
        for layer in self._layers[table]:
            pairs = _laid_over(pairs, layer, start, end, reverse)
        return pairs

    def count(self, table: Table, start: bytes, end: bytes | None) -> int:
        """Cost: the keys in the range."""
        if not self._layers[table]:
            return self._view.count(table, start, end)
        return sum(1 for _ in self.scan(table, start, end))

    def close(self) -> None:
        """Give the view back."""
        self._view.close()


def _laid_over(
    below: Iterator[tuple[bytes, bytes]], layer: _Layer, start: bytes, end: bytes | None, reverse: bool
) -> Iterator[tuple[bytes, bytes]]:
    if not layer.records:
        return below
    low, high = layer.bounds(start, end)
    if low >= high:
        return below
    # Indices, not a slice: a scan with a limit looks at few of many keys.
    places = range(high - 1, low - 1, -1) if reverse else range(low, high)
    if reverse:
        return _merged_down(below, layer, places)
    return _merged_up(below, layer, places)


def _merged_up(below: Iterator[tuple[bytes, bytes]], layer: _Layer, places: range) -> Iterator[tuple[bytes, bytes]]:
    keys, records = layer.keys, layer.records
    under = next(below, None)
    for place in places:
        key = keys[place]
        while under is not None and under[0] < key:
            yield under
            under = next(below, None)
        if under is not None and under[0] == key:
            under = next(below, None)
        value = records[key]
        if value is not None:
            yield key, value
    if under is not None:
        yield under
        yield from below


def _merged_down(below: Iterator[tuple[bytes, bytes]], layer: _Layer, places: range) -> Iterator[tuple[bytes, bytes]]:
    keys, records = layer.keys, layer.records
    under = next(below, None)
    for place in places:
        key = keys[place]
        while under is not None and under[0] > key:
            yield under
            under = next(below, None)
        if under is not None and under[0] == key:
            under = next(below, None)
        value = records[key]
        if value is not None:
            yield key, value
    if under is not None:
        yield under
        yield from below
