# SPDX-License-Identifier: Apache-2.0
"""Holds what watchers were told against what was written.

``RevisionHistory`` knows every revision. ``Watched`` is one watcher's account, item by item, and says at once when an
item breaks a promise: *ordered* and *unique* (the events are those of the history in order, each once), *reliable* (no
gap), *atomic* (a revision comes in one item, unless it was fragmented), *bookmarkable* (a mark comes after everything
up to its revision), *filtered* (own keys and kinds only), with the right previous values. ``resume`` gives where to go
on after a loss; the account goes on with it, so a resumed watch is held to the same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field

from tricord.base.operations import Event, EventKind, KeyValue
from tricord.base.watching import WatchCompacted, WatchEvents, WatchItem, WatchProgress, WatchSpec


class RevisionHistory:
    """All revisions with their events, in order, and what each key was before."""

    def __init__(self) -> None:
        self.revisions: list[int] = []
        self.events: list[list[Event]] = []
        self._before: dict[bytes, KeyValue] = {}

    @property
    def newest(self) -> int:
        """The last revision; 1 for a fresh store."""
        return self.revisions[-1] if self.revisions else 1

    def add(self, revision: int, events: Iterable[Event]) -> None:
        """The store did this. The previous values are worked out anew here; those of ``events`` are not looked at."""
        assert revision == self.newest + 1, "each revision once, in order"
        own: list[Event] = []
        states = dict[bytes, KeyValue | None]()
        for event in events:
            key = event.kv.key
            previous = self._before.get(key)
            if event.kind == EventKind.PUT and event.kv.create_revision == revision:
                previous = None
            own.append(Event(event.kind, event.kv, previous))
            states[key] = event.kv if event.kind == EventKind.PUT else None
        for key, state in states.items():
            if state is None:
                self._before.pop(key, None)
            else:
                self._before[key] = state
        self.revisions.append(revision)
        self.events.append(own)

    def of(self, spec: WatchSpec, first: int, last: int) -> list[tuple[int, list[Event]]]:
        """What a watcher is to be told of the revisions from ``first`` to ``last``."""
        found = []
        for at in range(bisect_left(self.revisions, first), bisect_left(self.revisions, last + 1)):
            events = [event for event in self.events[at] if wants(spec, event)]
            if events:
                found.append((self.revisions[at], events))
        return found


def wants(spec: WatchSpec, event: Event) -> bool:
    """Whether the watcher asked for this event."""
    key = event.kv.key
    if not (spec.puts if event.kind == EventKind.PUT else spec.deletes):
        return False
    if not spec.range_end:
        return key == spec.key
    return key >= spec.key and (spec.range_end == b"\0" or key < spec.range_end)


@dataclass
class Watched:
    """One watcher's account. ``first``: the first revision that it is to be told of."""

    history: RevisionHistory
    spec: WatchSpec
    first: int
    compacted: int = -1
    """The highest revision that the store may have been compacted at: what was before then may be missing."""
    told_to: int = 0
    """Everything up to here was told."""
    count: int = 0
    compacted_at: int | None = None
    partial: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.told_to = self.first - 1

    @property
    def resume(self) -> int:
        """Where a watch that takes this one's place begins."""
        return self.told_to + 1

    def take(self, item: WatchItem, *, fragment: bool = False) -> None:
        """The watcher was told this; ``fragment``: more of the same follows."""
        assert self.compacted_at is None, "nothing follows the end"
        if isinstance(item, WatchCompacted):
            assert item.compacted > self.told_to, f"{self.resume} is still there, but {item} was told"
            self.compacted_at = item.compacted
        elif isinstance(item, WatchProgress):
            missed = self.history.of(self.spec, self.resume, item.revision)
            assert not missed, f"a mark at {item.revision}, but these were not told: {missed[:3]}"
            assert item.revision <= self.history.newest
            self.told_to = max(self.told_to, item.revision)
        else:
            self.partial += [shared.event for shared in item.events]
            if not fragment:
                self._take_events(item, self.partial)
                self.partial = []

    def _take_events(self, item: WatchEvents, events: list[Event]) -> None:
        assert events, "an item holds events"
        last = events[-1].kv.mod_revision
        assert last <= item.revision <= self.history.newest, f"{item.revision} is no revision for events up to {last}"
        expected = [event for _, events in self.history.of(self.spec, self.resume, last) for event in events]
        told, right = [bare(event) for event in events], [bare(event) for event in expected]
        assert told == right, f"told {list(map(brief, told))} after {self.told_to}, not {list(map(brief, right))}"
        if self.spec.previous:
            for event, should in zip(events, expected, strict=True):
                if event.previous is None and event.kv.mod_revision <= self.compacted:
                    continue
                assert event.previous == should.previous, f"{event} has another previous than {should}"
        self.count += len(events)
        self.told_to = last

    def complete(self) -> None:
        """Everything there is was told by now."""
        assert not self.partial, "a fragment's end is missing"
        if self.compacted_at is None:
            missed = self.history.of(self.spec, self.resume, self.history.newest)
            assert not missed, f"{self.spec} was not told of {missed[:3]}"


def bare(event: Event) -> Event:
    """Without what was there before."""
    return Event(event.kind, event.kv)


def brief(event: Event) -> str:
    """For messages."""
    return f"{event.kind.name} {event.kv.key!r}@{event.kv.mod_revision}"
