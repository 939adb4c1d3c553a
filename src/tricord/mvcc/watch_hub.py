# SPDX-License-Identifier: Apache-2.0
"""All watches of one keyspace: told of changes as they happen, or of the past from the tables, never of both at once.

A watch is in one cohort. The *live* cohort is told of each revision when it is published. A cohort that is *behind*
reads the history in slices, up to what was published; then it is *arriving*: it is told of what is published like the
live one, while its watches move over there one by one. Whoever has no room in its queue is *stalled* and leaves its
cohort; emptied, it goes on behind, from the first revision that it was not told of. So each change is told once.

Slices go to the cohort that is furthest behind and to the one that is least so, in turns: those far behind get there in
the end, and hold up nobody who is nearly there. Cohorts that meet become one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from tricord.base.errors import InvalidRequest, KeyNotProvided, RevisionCompacted
from tricord.base.operations import Event
from tricord.base.ordered import Table
from tricord.base.reachable import reachable
from tricord.base.watching import SharedEvent, WatchItem, WatchSpec
from tricord.mvcc.keys import FROM_KEY, decode_change, revision_key, split_revision_key
from tricord.mvcc.keyspace import Keyspace
from tricord.mvcc.watch_cohort import Cohort
from tricord.mvcc.watch_history import past_event
from tricord.mvcc.watch_index import Place
from tricord.mvcc.watch_queue import MARKS_MAX, WatchQueue, size_of
from tricord.mvcc.watchers import NEVER, StartState, Watcher, start_state

QUEUE_BYTES = 4 << 20
"""What a stream may hold that is not taken; a revision that has begun is queued whole."""
ALL_QUEUES_BYTES = 256 << 20
"""What all streams may hold: with many of them each may hold less."""
QUEUE_BYTES_LEAST = 256 << 10
SLICE_COST = 500
"""How much a slice of the history does, in about microseconds; a revision that has begun is read whole."""
COST_CHANGE = 2
COST_READ = 12
MOVED_MAX = 128
"""Watches that one step moves from here to there."""
MARK_STEPS = 16


class WatchHub:
    """Use it on one thread. ``work`` is called when ``step`` and ``take_woken`` have something to do."""

    def __init__(
        self,
        space: Keyspace,
        work: Callable[[], None],
        *,
        queue_bytes: int = QUEUE_BYTES,
        all_queues_bytes: int = ALL_QUEUES_BYTES,
    ) -> None:
        self.space = space
        self._work = work
        self._queue_bytes = queue_bytes
        self._all_queues_bytes = all_queues_bytes
        self._room = queue_bytes
        self.queues: dict[WatchQueue, None] = {}
        self.count = 0
        """Watches that have not ended."""
        self.told = 0
        """Events queued since the start, each as often as there was a watch for it."""
        self._revision = space.revision
        """Everything up to here was published."""
        self._live = Cohort(0)
        self._arriving: list[Cohort] = []
        self._behind: list[Cohort] = []
        """By ``next_revision``."""
        self._furthest = False
        self._emptied: dict[WatchQueue, None] = {}
        """Queues that have room for their stalled watches."""
        self._closing: list[WatchQueue] = []
        self._marking: dict[WatchQueue, None] = {}
        """Queues whose clients wait for a mark."""
        self._steps = 0
        self._stalling: list[Watcher] = []
        self._woken: list[WatchQueue] = []

    # --- streams --------------------------------------------------------------------------------------------

    def open(self, wake: Callable[[], None]) -> WatchQueue:
        """A stream without watches. ``wake`` is for whoever calls ``take_woken``."""
        if not self.queues:
            self._revision = self.space.revision
        queue = WatchQueue(wake)
        self.queues[queue] = None
        self._share_room()
        return queue

    def add(self, queue: WatchQueue, spec: WatchSpec) -> int:
        """Begin a watch, as ``start_state`` says. Raises KeyNotProvided, InvalidRequest, RevisionCompacted."""
        if not spec.key:
            raise KeyNotProvided
        if spec.range_end and spec.range_end != FROM_KEY and spec.range_end <= spec.key:
            raise InvalidRequest("the range to watch is empty")
        if spec.start_revision < 0:
            raise RevisionCompacted
        space = self.space
        state = start_state(spec.start_revision, newest=space.revision, compacted=space.compacted)
        number = queue.next_number
        queue.next_number += 1
        start = spec.start_revision or space.revision + 1
        watcher = Watcher(queue, number, spec, start)
        if state in (StartState.COMPACTED, StartState.PAST) and queue.marks:
            # They would be taken for this watch's too: they come again when they are.
            queue.take_marks_back()
            self._marking[queue] = None
            self._look_for_room(queue)
        if state is StartState.COMPACTED:
            self._stirred(queue, queue.end(watcher, space.compacted))
            self._work()
            return number
        self.count += 1
        queue.watchers[number] = watcher
        if spec.progress:
            queue.progress[watcher] = None
        # What was applied and is not published yet will be.
        if start > self._revision:
            self._live.add(watcher)
        else:
            queue.behind += 1
            self._cohort_at(start).add(watcher)
            self._work()
        return number

    def remove(self, queue: WatchQueue, number: int) -> bool:
        """End a watch. False: there is none."""
        watcher = queue.watchers.get(number)
        if watcher is None:
            return False
        self._end(watcher)
        queue.forget(watcher)
        return True

    def ask_progress(self, queue: WatchQueue) -> None:
        """A mark for all watches of the stream, when they were told of all that was published by now.

        A stream without watches gets none, as in etcd.
        """
        if not queue.watchers:
            return
        if not queue.behind and not queue.wanted_marks:
            self._stirred(queue, queue.mark(None, self._revision))
        elif len(queue.wanted_marks) < MARKS_MAX:
            queue.wanted_marks.append(self._revision)
            self._marking[queue] = None
        self._work()

    def tick(self, queue: WatchQueue) -> None:
        """Time for marks of those watches that want them, are live, and were told of nothing since the last tick."""
        for watcher in queue.progress:
            if watcher.told == watcher.ticked and watcher.cohort is self._live and watcher.start <= self._revision + 1:
                self._stirred(queue, queue.mark(watcher, self._revision))
            watcher.ticked = watcher.told
        self._work()

    def take(self, queue: WatchQueue, budget_bytes: int) -> list[WatchItem]:
        """What there is to tell, of about that size. What is behind goes on when half of the room is free."""
        found = queue.take(budget_bytes)
        self._look_for_room(queue)
        return found

    def close(self, queue: WatchQueue) -> None:
        """End all watches of a stream. Many of them leave a little later."""
        if queue.closed:
            return
        queue.closed = True
        queue.stop()
        del self.queues[queue]
        self._emptied.pop(queue, None)
        self._marking.pop(queue, None)
        self._share_room()
        if len(queue.watchers) > MOVED_MAX:
            self._closing.append(queue)
            self._work()
        else:
            for watcher in list(queue.watchers.values()):
                self._end(watcher)

    def take_woken(self) -> list[WatchQueue]:
        """Those whose ``wake`` is to be called now."""
        woken, self._woken = self._woken, []
        return [queue for queue in woken if not queue.closed]

    @property
    def behind(self) -> int:
        """Watches that are not told of changes as they happen."""
        return self.count - self._live.index.count

    # --- what happens ---------------------------------------------------------------------------------------

    def publish(self, changes: Iterable[tuple[int, Sequence[Event]]]) -> None:
        """Revisions and their events, in order; those published before are passed over. ``take_woken`` then."""
        for revision, events in changes:
            if revision > self._revision and events:
                self._publish(revision, events)

    def reload(self) -> None:
        """The store holds a later state now: everybody goes on from its history."""
        newest = self.space.revision
        if newest <= self._revision:
            return
        reachable("watches met a snapshot that was installed")
        for cohort in (*self._arriving, self._live):
            if cohort.index.count:
                cohort.next_revision = self._revision + 1
                self._insert(cohort)
        for queue in self.queues:
            queue.behind = len(queue.watchers)
        self._arriving.clear()
        self._live = Cohort(0)
        self._revision = newest
        self._work()

    @property
    def has_work(self) -> bool:
        """Whether ``step`` would do anything."""
        return bool(self._closing or self._emptied or self._behind or self._arriving or self._marking)

    def step(self) -> bool:
        """A bounded piece of what is to be done for those who are not live; whether there is more."""
        if self._closing:
            self._close_some()
        if self._emptied:
            self._resume_some()
        if self._behind:
            self._read_slice()
        if self._arriving:
            self._move_some()
        more = bool(self._closing or self._emptied or self._arriving or self._behind)
        self._steps += 1
        if self._marking:
            self._mark_those_there(look_closely=not more or self._steps % MARK_STEPS == 0)
        return more

    def _publish(self, revision: int, events: Sequence[Event]) -> None:
        self._revision = revision
        for event in events:
            key = event.kv.key
            places = self._live.index.find(key)
            for cohort in self._arriving:
                places += cohort.index.find(key)
            if places:
                self._tell(places, SharedEvent(event), revision, 0)
        if self._stalling:
            self._stall()

    def _tell(self, places: list[Place], shared: SharedEvent, revision: int, header: int) -> int:
        """One event for all who stand in these places; how many it was for. ``header``: as for ``WatchQueue.tell``."""
        event = shared.event
        kind = event.kind
        size = size_of(event)
        room = self._room
        count = 0
        for place in places:
            for watcher in (place,) if isinstance(place, Watcher) else place:
                if revision < watcher.start or kind not in watcher.kinds:
                    continue
                queue = watcher.queue
                if queue.bytes > room and watcher.told != revision:
                    watcher.stalled, watcher.start = revision, NEVER
                    self._stalling.append(watcher)
                    continue
                count += 1
                if queue.tell(watcher, shared, size, revision, header):
                    self._woken.append(queue)
        self.told += count
        return count

    def _stall(self) -> None:
        """Those for whom a queue had no room leave; not earlier, since places are gone through."""
        stalling, self._stalling = self._stalling, []
        for watcher in stalling:
            cohort, queue = watcher.cohort, watcher.queue
            assert cohort is not None
            cohort.remove(watcher)
            queue.behind += cohort is self._live
            queue.stalled[watcher] = None

    def _end(self, watcher: Watcher) -> None:
        queue, cohort = watcher.queue, watcher.cohort
        if cohort is None:
            del queue.stalled[watcher]
        else:
            cohort.remove(watcher)
        queue.behind -= cohort is not self._live
        del queue.watchers[watcher.number]
        queue.progress.pop(watcher, None)
        self.count -= 1
        if queue.wanted_marks and not queue.behind:
            self._work()

    def _look_for_room(self, queue: WatchQueue) -> None:
        if queue.stalled and queue.bytes <= self._room >> 1 and queue not in self._emptied:
            self._emptied[queue] = None
            self._work()

    def _stirred(self, queue: WatchQueue, to_be_woken: bool) -> None:
        if to_be_woken:
            self._woken.append(queue)

    # --- those who are not live -----------------------------------------------------------------------------

    def _read_slice(self) -> None:
        """Tell one cohort of some of its history."""
        self._furthest = not self._furthest
        cohort = self._behind.pop(0 if self._furthest else -1)
        if not cohort.index.count:
            return
        if cohort.next_revision < self.space.compacted:
            reachable("a watch fell behind a compaction")
            self._leave_behind(cohort)
            return
        # Not past another cohort: they go on together.
        reachable("a watch read on from history")
        last = self._revision
        if self._behind and self._behind[0].next_revision > cohort.next_revision:
            last = min(last, self._behind[0].next_revision - 1)
        cohort.next_revision = self._read(cohort, last)
        self._place(cohort)

    def _read(self, cohort: Cohort, last: int) -> int:
        """Tell a cohort of what is in the tables, up to ``last`` at most; the first revision that was not read."""
        space, index = self.space, cohort.index
        cost = 0
        for revision, changes in self._revisions(cohort.next_revision, last):
            if cost > SLICE_COST:
                return revision
            for change in changes:
                cost += COST_CHANGE
                kind, turn, key = decode_change(change)
                places = index.find(key)
                if not places:
                    continue
                event = past_event(space, revision, kind, turn, key, previous=index.previous > 0)
                if event is not None:
                    cost += COST_READ + (size_of(event) >> 10)
                    cost += self._tell(places, SharedEvent(event), revision, self._revision)
            if self._stalling:
                self._stall()
        return last + 1

    def _revisions(self, first: int, last: int) -> Iterator[tuple[int, list[bytes]]]:
        """Each revision from ``first`` to ``last`` with its changes as REVISIONS has them."""
        space = self.space
        prefix = space.prefix
        current = 0
        changes: list[bytes] = []
        start, end = revision_key(prefix, first, 0), revision_key(prefix, last + 1, 0)
        for place, change in space.store.scan(Table.REVISIONS, start, end):
            revision, _ = split_revision_key(place)
            if revision != current:
                if changes:
                    yield current, changes
                current, changes = revision, []
            changes.append(change)
        if changes:
            yield current, changes

    def _place(self, cohort: Cohort) -> None:
        """Put a cohort where it belongs now."""
        if not cohort.index.count:
            return
        if cohort.next_revision > self._revision:
            self._arriving.append(cohort)
            return
        other = self._find(cohort.next_revision)
        if other is not None and min(other.index.count, cohort.index.count) <= MOVED_MAX:
            if other.index.count < cohort.index.count:
                self._behind.remove(other)
                self._insert(cohort)
                cohort, other = other, cohort
            while cohort.index.count:  # not all come at once
                for watcher in cohort.index.some(MOVED_MAX):
                    cohort.move(watcher, other)
            return
        self._insert(cohort)

    def _insert(self, cohort: Cohort) -> None:
        behind = self._behind
        behind.insert(bisect_left(behind, cohort.next_revision, key=_next_revision), cohort)

    def _find(self, next_revision: int) -> Cohort | None:
        behind = self._behind
        at = bisect_left(behind, next_revision, key=_next_revision)
        if at < len(behind) and behind[at].next_revision == next_revision:
            return behind[at]
        return None

    def _cohort_at(self, next_revision: int) -> Cohort:
        """The cohort that is behind up to there, a new one if need be."""
        cohort = self._find(next_revision)
        if cohort is None:
            cohort = Cohort(next_revision)
            self._insert(cohort)
        return cohort

    def _leave_behind(self, cohort: Cohort) -> None:
        """What the cohort would read next is gone. Some of it ends; who begins later may go on."""
        compacted = self.space.compacted
        for watcher in cohort.index.some(MOVED_MAX):
            if watcher.start < compacted:
                self._end(watcher)
                self._stirred(watcher.queue, watcher.queue.end(watcher, compacted))
            elif watcher.start > self._revision:
                cohort.move(watcher, self._live)
                watcher.queue.behind -= 1
            else:
                cohort.move(watcher, self._cohort_at(watcher.start))
        if cohort.index.count:
            self._insert(cohort)

    def _move_some(self) -> None:
        """Bring watches of a cohort that has arrived to the live one."""
        cohort = self._arriving[-1]
        for watcher in cohort.index.some(MOVED_MAX):
            cohort.move(watcher, self._live)
            watcher.queue.behind -= 1
        if not cohort.index.count:
            self._arriving.remove(cohort)

    def _resume_some(self) -> None:
        """Let stalled watches of an emptied queue go on."""
        queue = next(iter(self._emptied))
        for watcher in list(islice(queue.stalled, MOVED_MAX)):
            del queue.stalled[watcher]
            watcher.start, watcher.stalled = watcher.stalled, 0
            self._cohort_at(watcher.start).add(watcher)
        if not queue.stalled:
            del self._emptied[queue]

    def _close_some(self) -> None:
        queue = self._closing[-1]
        for watcher in list(islice(queue.watchers.values(), MOVED_MAX)):
            self._end(watcher)
        if not queue.watchers:
            self._closing.pop()

    def _mark_those_there(self, *, look_closely: bool) -> None:
        """Give the marks that were waited for to the streams that have been told enough.

        A stream that is never all live gets them too, if somewhat later: to look at all of its watches takes time.
        """
        for queue in list(self._marking):
            told = self._revision
            if queue.behind and not look_closely:
                continue
            if queue.behind:
                told = min(one.position() for one in queue.watchers.values() if one.cohort is not self._live) - 1
            while queue.wanted_marks and queue.wanted_marks[0] <= told:
                self._stirred(queue, queue.mark(None, queue.wanted_marks.pop(0)))
            if not queue.wanted_marks:
                del self._marking[queue]

    def _share_room(self) -> None:
        fair = self._all_queues_bytes // max(len(self.queues), 1)
        self._room = min(self._queue_bytes, max(fair, QUEUE_BYTES_LEAST))


def _next_revision(cohort: Cohort) -> int:
    return cohort.next_revision
