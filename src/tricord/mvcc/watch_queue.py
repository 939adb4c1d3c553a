# SPDX-License-Identifier: Apache-2.0
"""What the watches of one client are told, from when it happened until it is taken."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from tricord.base.operations import Event
from tricord.base.watching import SharedEvent, WatchCompacted, WatchEvents, WatchItem, WatchProgress
from tricord.mvcc.watchers import Watcher

ITEM_BYTES = 256 << 10
"""An item of this size takes in no further revision."""
LIVE_EVENTS = 8
"""An item with as many events of what happens now takes in no further revision: clients handle an item as a whole, and
what is last in a long one is late."""
SLOW_BYTES = 1 << 20
"""In a queue that holds more that bound does not count: its client is slow, and long items cost both sides less."""
ITEM_OVERHEAD_BYTES = 250
"""What an item costs beside its events."""
EVENT_OVERHEAD_BYTES = 600
"""What an event costs beside its keys and values."""
REFERENCE_BYTES = 16
"""What it costs that one more watch is told an event which the queue holds already."""
MARKS_MAX = 64
"""Marks for all watches that may wait: a client that takes none is answered no more of them."""


class QueuedEvents:
    """A WatchEvents in the making."""

    __slots__ = ("events", "generation", "revision", "size", "watch")

    def __init__(self, watch: int, generation: int, revision: int, shared: SharedEvent, size: int) -> None:
        self.watch = watch
        self.generation = generation
        self.revision = revision
        self.events = [shared]
        self.size = size
        """Keys and values in it, each event for itself, and the item."""


class WatchQueue:
    """The queue of one stream, and the stream's watches."""

    __slots__ = (
        "_asleep",
        "_generation",
        "_items",
        "_last_event",
        "_removed",
        "_size",
        "behind",
        "bytes",
        "closed",
        "marks",
        "next_number",
        "progress",
        "stalled",
        "wake",
        "wanted_marks",
        "watchers",
    )

    def __init__(self, wake: Callable[[], None]) -> None:
        self.wake = wake
        self.watchers: dict[int, Watcher] = {}
        self.next_number = 0
        self.progress: dict[Watcher, None] = {}
        """Those that want marks of their own."""
        self.behind = 0
        """How many are not told of changes as they happen."""
        self.stalled: dict[Watcher, None] = {}
        """Of these, those that wait for the queue to be emptied."""
        self.wanted_marks: list[int] = []
        """Marks for all that were asked for: the revision to reach first, oldest first."""
        self.marks = 0
        """Marks for all in the queue."""
        self.closed = False
        self.bytes = 0
        """Memory that the queue holds, about."""
        self._size = 0
        """What all of it is for who takes it: an event counts as often as it is told."""
        self._items: deque[QueuedEvents | WatchProgress | WatchCompacted] = deque()
        self._asleep = True
        self._generation = 0
        """Items of an earlier one are closed: a mark follows them, or they were next to be taken."""
        self._last_event: SharedEvent | None = None
        self._removed: set[int] = set()
        """Watches that were removed while something of theirs was queued."""

    def tell(self, watcher: Watcher, shared: SharedEvent, size: int, revision: int, header: int) -> bool:
        """Queue a change of ``revision`` for a watch; ``size``: of keys and values. Returns as ``stir``.

        ``header`` is what the item will say about the store; 0, for what happens now: the revision. Changes of one
        revision get into one item, those of several share one within bounds.
        """
        held = REFERENCE_BYTES
        if shared is not self._last_event:
            self._last_event = shared
            held += size + EVENT_OVERHEAD_BYTES
        queued = watcher.open
        if (
            queued is not None
            and queued.generation == self._generation
            and (
                watcher.told == revision
                or (
                    queued.size <= ITEM_BYTES
                    and (len(queued.events) < LIVE_EVENTS or header or self.bytes > SLOW_BYTES)
                )
            )
        ):
            queued.events.append(shared)
            queued.revision = header or revision
            queued.size += size
        else:
            held += ITEM_OVERHEAD_BYTES
            size += ITEM_OVERHEAD_BYTES
            queued = watcher.open = QueuedEvents(watcher.number, self._generation, header or revision, shared, size)
            self._items.append(queued)
        self.bytes += held
        self._size += size
        watcher.told = revision
        if self._asleep:
            self._asleep = False
            return True
        return False

    def mark(self, watcher: Watcher | None, revision: int) -> bool:
        """Queue a mark: of one watch, or of all. Returns as ``stir``."""
        if watcher is None:
            if self.marks >= MARKS_MAX:
                return False
            self.marks += 1
            self._generation += 1
        else:
            watcher.open = None
        return self._put(WatchProgress(-1 if watcher is None else watcher.number, revision))

    def take_marks_back(self) -> None:
        """Marks for all that were not taken are wanted again."""
        marks = [one for one in self._items if isinstance(one, WatchProgress) and one.watch < 0]
        self.wanted_marks[:0] = [one.revision for one in marks]
        self._items = deque(one for one in self._items if not (isinstance(one, WatchProgress) and one.watch < 0))
        self._give_back(ITEM_OVERHEAD_BYTES * len(marks))
        self.marks = 0

    def end(self, watcher: Watcher, compacted: int) -> bool:
        """Queue the last word to a watch. Returns as ``stir``."""
        return self._put(WatchCompacted(watcher.number, compacted))

    def _put(self, item: WatchProgress | WatchCompacted) -> bool:
        self._items.append(item)
        self.bytes += ITEM_OVERHEAD_BYTES
        self._size += ITEM_OVERHEAD_BYTES
        return self.stir()

    def forget(self, watcher: Watcher) -> None:
        """Nothing more of this watch is to be taken."""
        if self._items:
            self._removed.add(watcher.number)

    def take(self, budget_bytes: int) -> list[WatchItem]:
        """The oldest items, of about that size; at least one if there is any."""
        self._generation += 1
        if self._size <= budget_bytes and not self._removed:
            return self._take_all()
        found: list[WatchItem] = []
        items, removed = self._items, self._removed
        size = 0
        while items and (size < budget_bytes or not found):
            one = items.popleft()
            if type(one) is QueuedEvents:
                self._give_back(one.size)
                if one.watch not in removed:
                    size += one.size
                    found.append(WatchEvents(one.watch, one.revision, one.events))
                continue
            assert isinstance(one, WatchProgress | WatchCompacted)
            self._give_back(ITEM_OVERHEAD_BYTES)
            self.marks -= one.watch < 0
            if one.watch not in removed:
                size += ITEM_OVERHEAD_BYTES
                found.append(one)
        if not items:
            self._last_event = None
            removed.clear()
            self._asleep = not found
        return found

    def _give_back(self, size: int) -> None:
        """Memory is shared between items: whatever leaves gives back its part of what there is."""
        if size:
            self.bytes -= self.bytes * size // self._size
            self._size -= size

    def _take_all(self) -> list[WatchItem]:
        found = [
            WatchEvents(one.watch, one.revision, one.events) if type(one) is QueuedEvents else one
            for one in self._items
        ]
        self._items.clear()
        self._last_event = None
        self.bytes = self._size = self.marks = 0
        self._asleep = not found
        return found  # type: ignore[return-value]

    @property
    def pending(self) -> int:
        """Events that wait to be taken. Cost: the items."""
        return sum(len(one.events) for one in self._items if type(one) is QueuedEvents)

    def stop(self) -> None:
        """Hold nothing any more."""
        self._items.clear()
        self._last_event = None
        self._removed.clear()
        self.bytes = self._size = self.marks = 0
        self.wanted_marks.clear()

    def stir(self) -> bool:
        """Something is there to take: whether ``wake`` is to run for it."""
        asleep, self._asleep = self._asleep, False
        return asleep


def size_of(event: Event) -> int:
    """Bytes of the keys and values of a change."""
    kv, previous = event.kv, event.previous
    size = len(kv.key) + len(kv.value)
    return size if previous is None else size + len(previous.key) + len(previous.value)
