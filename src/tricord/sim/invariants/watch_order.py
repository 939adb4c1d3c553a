# SPDX-License-Identifier: Apache-2.0
"""Watchers are told of every change, once, in order, with whole revisions, as the store had them."""

from __future__ import annotations

from collections.abc import Sequence

from tricord.base.operations import Event
from tricord.sim.invariants.broken import Broken
from tricord.sim.invariants.store_history import StoreHistory

CHECKER = "watch"


class WatchOrder:
    """What one watcher of all keys was told so far: everything up to ``told``."""

    __slots__ = ("_name", "_store", "told")

    def __init__(self, store: StoreHistory, name: str) -> None:
        self._store = store
        self._name = name
        self.told = store.first_revision - 1

    def events(self, events: Sequence[Event]) -> None:
        """It was told these, of one or more whole revisions. Raises Broken."""
        place = 0
        while place < len(events):
            revision = events[place].revision
            if revision != self.told + 1:
                raise Broken(CHECKER, f"{self._name} was told of revision {revision} after {self.told}")
            known = self._store.events[revision - self._store.first_revision]
            told = events[place : place + len(known)]
            if [_content(event) for event in told] != [_content(event) for event in known]:
                raise Broken(CHECKER, f"{self._name} was told something else of revision {revision}: {told}")
            self.told = revision
            place += len(known)

    def marked(self, revision: int) -> None:
        """It got a mark: it is told of everything up to there. Raises Broken."""
        if revision > self.told:
            raise Broken(CHECKER, f"{self._name} got a mark at revision {revision}, and was told up to {self.told}")

    def compacted(self, oldest: int) -> None:
        """Its watch ended, since what it asked for is gone: it goes on from the oldest there is. Raises Broken."""
        if oldest <= self.told + 1:
            raise Broken(CHECKER, f"{self._name} was refused revision {self.told + 1}; {oldest} is the oldest there is")
        self.told = oldest - 1


def _content(event: Event) -> tuple[object, ...]:
    kv = event.kv
    return event.kind, kv.key, kv.value, kv.mod_revision, kv.create_revision, kv.version, kv.lease
