# SPDX-License-Identifier: Apache-2.0
"""Many watches of one key each: every one is told of each change of its key, once and in order."""

from __future__ import annotations

from tricord.base.operations import Event
from tricord.base.watching import WatchCompacted, WatchEvents, WatchItem, WatchProgress, WatchSpec
from tricord.sim.invariants.broken import Broken
from tricord.sim.invariants.store_history import StoreHistory

CHECKER = "watch"


class KeyWatches:
    """What so many watches were told so far; they have the keys in turns. Watches are numbered as a stream does."""

    __slots__ = ("_first", "_keys", "_numbers", "_store", "_told")

    def __init__(self, store: StoreHistory, keys: list[bytes], count: int) -> None:
        self._store = store
        self._keys = [keys[place % len(keys)] for place in range(count)]
        self._told = [store.first_revision - 1] * count
        self._numbers: dict[int, int] = {}
        self._first = 0
        """The number that the stream gives to its next watch."""

    def specs(self) -> list[WatchSpec]:
        """All, on a new stream."""
        self._first = 0
        self._numbers = {}
        return [self._begun(place) for place in range(len(self._keys))]

    def take(self, items: list[WatchItem]) -> list[WatchSpec]:
        """The stream told these; watches that begin again. Raises Broken."""
        ended: list[int] = []
        for item in items:
            if type(item) is WatchEvents:
                place = self._numbers[item.watch]
                for shared in item.events:
                    self._event(place, shared.event)
            elif type(item) is WatchProgress:
                for place in set(range(len(self._keys))).difference(ended):
                    self._marked(place, item.revision)
            elif type(item) is WatchCompacted:
                place = self._numbers[item.watch]
                self._compacted(place, item.compacted)
                ended.append(place)
        return [self._begun(place) for place in ended]

    def begin_anew(self, oldest: int) -> None:
        """All from this revision on."""
        self._told = [oldest - 1] * len(self._told)

    @property
    def is_complete(self) -> bool:
        """Whether each knows all of its key."""
        newest = self._store.revision
        return all(self._next(place, newest) == 0 for place in range(len(self._keys)))

    def _begun(self, place: int) -> WatchSpec:
        self._numbers[self._first] = place
        self._first += 1
        return WatchSpec(self._keys[place], start_revision=self._told[place] + 1)

    def _event(self, place: int, event: Event) -> None:
        revision, key = event.revision, self._keys[place]
        due = self._next(place, revision)
        if event.key != key or due != revision:
            words = f"revision {revision} of {event.key!r} after {self._told[place]}; {due or 'nothing'} was due"
            raise Broken(CHECKER, f"watch {place} of {key!r} was told of {words}")
        self._told[place] = revision

    def _marked(self, place: int, revision: int) -> None:
        due = self._next(place, revision)
        if due:
            key = self._keys[place]
            raise Broken(CHECKER, f"watch {place} of {key!r} got a mark at {revision}, and was not told of {due}")
        self._told[place] = max(self._told[place], revision)

    def _compacted(self, place: int, oldest: int) -> None:
        if oldest <= self._told[place] + 1:
            raise Broken(CHECKER, f"watch {place} was refused {self._told[place] + 1}; {oldest} is the oldest there is")
        self._told[place] = oldest - 1

    def _next(self, place: int, last: int) -> int:
        """The next revision that changed its key, up to ``last``; 0: none."""
        found = self._store.next_change(self._keys[place], self._told[place])
        return found if found <= last else 0
