# SPDX-License-Identifier: Apache-2.0
"""Which watchers a changed key concerns, at the cost of those that it does.

Watchers of one key stand in a dict by key, those of a prefix in a dict per length of prefix, and those of any other
range in an interval tree. One place is a watcher, or a dict of several.
"""

from __future__ import annotations

from typing import TypeAlias

from tricord.mvcc.interval_tree import IntervalTree
from tricord.mvcc.keys import FROM_KEY
from tricord.mvcc.watchers import Watcher

Place: TypeAlias = Watcher | dict[Watcher, None]


class WatchIndex:
    """Watchers by what they watch."""

    __slots__ = ("_keys", "_prefixes", "_ranges", "count", "previous")

    def __init__(self) -> None:
        self._keys: dict[bytes, Place] = {}
        self._prefixes: dict[int, dict[bytes, Place]] = {}
        self._ranges: IntervalTree[Place] = IntervalTree()
        self.count = 0
        self.previous = 0
        """How many of them want to know what was there before."""

    def add(self, watcher: Watcher) -> None:
        """Take a watcher in. It is in no other index."""
        self.count += 1
        self.previous += watcher.previous
        key, end = watcher.key, watcher.range_end
        if not end:
            _add(self._keys, key, watcher)
            return
        prefix = prefix_of(key, end)
        if prefix is not None:
            _add(self._prefixes.setdefault(len(prefix), {}), prefix, watcher)
            return
        bound = None if end == FROM_KEY else end
        place = self._ranges.get(key, bound)
        if place is None:
            self._ranges.set(key, bound, watcher)
        elif type(place) is dict:
            place[watcher] = None
        else:
            assert isinstance(place, Watcher)
            self._ranges.set(key, bound, {place: None, watcher: None})

    def remove(self, watcher: Watcher) -> None:
        """Let go of a watcher that is here."""
        self.count -= 1
        self.previous -= watcher.previous
        key, end = watcher.key, watcher.range_end
        if not end:
            _remove(self._keys, key, watcher)
            return
        prefix = prefix_of(key, end)
        if prefix is not None:
            places = self._prefixes[len(prefix)]
            _remove(places, prefix, watcher)
            if not places:
                del self._prefixes[len(prefix)]
            return
        bound = None if end == FROM_KEY else end
        place = self._ranges.get(key, bound)
        if type(place) is dict:
            del place[watcher]
        if place is watcher or not place:
            self._ranges.remove(key, bound)

    def find(self, key: bytes) -> list[Place]:
        """The places of the watchers that a change of ``key`` concerns, each of them in one."""
        found: list[Place] = []
        place = self._keys.get(key)
        if place is not None:
            found.append(place)
        for size, places in self._prefixes.items():
            place = places.get(key[:size])
            if place is not None and len(key) >= size:
                found.append(place)
        if self._ranges:
            found += self._ranges.holding(key)
        return found

    def some(self, most: int) -> list[Watcher]:
        """Up to ``most`` of the watchers; none only if there are none."""
        found: list[Watcher] = []
        for places in (self._keys, *self._prefixes.values()):
            for place in places.values():
                found += _of(place, most - len(found))
                if len(found) >= most:
                    return found
        first = self._ranges.first()
        if first is not None:
            found += _of(first, most - len(found))
        return found


def prefix_of(key: bytes, range_end: bytes) -> bytes | None:
    """The prefix that ``[key, range_end)`` is all keys of; None where it is another range. All keys: the empty one."""
    if range_end == FROM_KEY:
        return b"" if key == FROM_KEY else None
    size = len(range_end)
    # A prefix's end is its last byte that is not the highest, one up, with what follows cut.
    if key[: size - 1] != range_end[:-1] or len(key) < size or key[size - 1] + 1 != range_end[-1]:
        return None
    rest = key[size:]
    return key if rest.count(0xFF) == len(rest) else None


def _of(place: Place, most: int) -> list[Watcher]:
    if isinstance(place, Watcher):
        return [place] if most > 0 else []
    found: list[Watcher] = []
    for watcher in place:
        if len(found) >= most:
            break
        found.append(watcher)
    return found


def _add(places: dict[bytes, Place], key: bytes, watcher: Watcher) -> None:
    place = places.get(key)
    if place is None:
        places[key] = watcher
    elif isinstance(place, Watcher):
        places[key] = {place: None, watcher: None}
    else:
        place[watcher] = None


def _remove(places: dict[bytes, Place], key: bytes, watcher: Watcher) -> None:
    place = places[key]
    if isinstance(place, Watcher):
        assert place is watcher, "it is in this index"
        del places[key]
        return
    del place[watcher]
    if not place:
        del places[key]
