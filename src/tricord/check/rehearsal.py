# SPDX-License-Identifier: Apache-2.0
"""A likely order of transactions: runs them as a store might have, soonest finished first.

A transaction runs when it was called before all others that are still to run had returned, when what it read is there,
and when nobody is left who still has to read what it writes over. Where nothing can run any more, the one that should
have returned first runs all the same. The result is a guess that is good where the store kept to real time, and it is
checked and repaired later (``one_order``).
"""

from __future__ import annotations

from heapq import heappop, heappush

from tricord.check.client_order import client_order
from tricord.check.list_orders import INITIAL
from tricord.check.transactions import NEVER, Value
from tricord.check.versions import Seen, Story

Waiting = dict[tuple[int, int], list[int]]


class Rehearsal:
    """One run. ``done`` is the order then, ``lines`` that of the writers of each key, ``choice`` who wrote what was
    read."""

    def __init__(self, story: Story, written: list[list[int]]) -> None:
        self.story, self.written = story, written
        self.done: list[int] = []
        self.lines: list[list[int]] = [[] for _ in story.keys]
        self.choice = [[INITIAL] * len(reads) for reads in story.seen]
        self.now = [INITIAL] * len(story.keys)
        """The last writer of each key."""
        self.ran = [False] * len(story.transactions)
        self.readers: dict[tuple[int, int], int] = {}
        """By key and writer: how many have to read it still."""
        self.last_of: dict[tuple[int, Value], int] = {}
        self.wait_for_write: Waiting = {}
        self.wait_for_any: dict[int, list[int]] = {}
        self.wait_for_readers: dict[int, list[int]] = {}
        self.wait_for_client: dict[int, list[int]] = {}
        self.ready: list[tuple[int, int, int]] = []
        self._prepare()

    def _prepare(self) -> None:
        story = self.story
        self.latest = latest_moments(story)
        self.until = [one.call if self.written[n] else -NEVER for n, one in enumerate(story.transactions)]
        """When the last one was called that read what it wrote: nobody may write over it before."""
        self.read_until: dict[tuple[int, int], int] = {}
        """The same by key and writer."""
        sure = [number for number, certain in enumerate(story.certain) if certain]
        for number in sure:
            for seen in story.seen[number]:
                if seen.writers is not None and len(seen.writers) == 1:
                    place = seen.key, seen.writers[0]
                    self.readers[place] = self.readers.get(place, 0) + 1
                    if place[1] != INITIAL:
                        call = story.transactions[number].call
                        self.until[place[1]] = max(self.until[place[1]], call)
                        self.read_until[place] = max(self.read_until.get(place, 0), call)
        self.by_call = sorted(sure, key=lambda n: (story.transactions[n].call, n))
        self.by_back = sorted(sure, key=lambda n: (self.latest[n], n))
        self.called = self.returned = 0
        self.previous = {later: earlier for earlier, later in client_order(story.transactions, sure)}
        if not story.ordered:
            self.previous = {}
        self.follows: list[dict[int, int]] = []
        """By key, the writer that each writer follows, where an order is known or told by revisions."""
        for key in range(len(story.keys)):
            line = story.sequence.get(key) or self._by_revision(key)
            follows = dict(zip(line, [INITIAL, *line], strict=False))
            if key in story.sequence and line:
                follows |= {n: NEVER for n in story.values[key] if n not in follows}
            self.follows.append(follows)
        self.by_latest = [
            sorted((n for n in values if story.certain[n]), key=self.latest.__getitem__) for values in story.values
        ]
        self.first = [0] * len(story.keys)
        self.ends = {key: line[-1] for key, line in story.sequence.items() if line}

    def _by_revision(self, key: int) -> list[int]:
        """The writers of a key as the store's revisions have them, if each has its own."""
        sure = [number for number in self.story.values[key] if self.story.certain[number]]
        revisions = {self.story.transactions[number].revision for number in sure}
        if 0 in revisions or len(revisions) < len(sure):
            return []
        return sorted(sure, key=lambda number: self.story.transactions[number].revision)

    def run(self) -> None:
        """Runs all that certainly took effect, and what they need of the others."""
        self._admit()
        while len(self.done) < len(self.by_call) or self.ready:
            if not self.ready:
                self._run_the_latest()
                continue
            number = heappop(self.ready)[2]
            if not self.ran[number] and not self._blocked(number):
                self._execute(number)

    def _admit(self) -> None:
        """Those called before all others returned may run."""
        by_back, by_call = self.by_back, self.by_call
        while self.returned < len(by_back) and self.ran[by_back[self.returned]]:
            self.returned += 1
        until = self.latest[by_back[self.returned]] if self.returned < len(by_back) else NEVER
        while self.called < len(by_call) and self.story.transactions[by_call[self.called]].call <= until:
            self._wake(by_call[self.called])
            self.called += 1

    def _wake(self, number: int) -> None:
        heappush(self.ready, (self.until[number], self.latest[number], number))

    def _blocked(self, number: int) -> bool:
        """Whether it cannot run now; it is woken when what it waits for has happened."""
        earlier = self.previous.get(number)
        if earlier is not None and not self.ran[earlier]:
            self.wait_for_client.setdefault(earlier, []).append(number)
            return True
        for seen in self.story.seen[number]:
            writer = self.now[seen.key]
            if seen.writers is not None and len(seen.writers) == 1:
                if seen.writers[0] != writer:
                    self.wait_for_write.setdefault((seen.key, seen.writers[0]), []).append(number)
                    return True
            elif not self._fits(writer, seen):
                self.wait_for_any.setdefault(seen.key, []).append(number)
                return True
        for key in self.written[number]:
            writer = self.now[key]
            left = self.readers.get((key, writer), 0)
            if left and (left > 1 or not self._reads(number, key, writer)):
                self.wait_for_readers.setdefault(key, []).append(number)
                return True
            follows = self.follows[key].get(number)
            if follows == NEVER:
                follows = writer if writer not in self.follows[key] or writer == self.ends[key] else self.ends[key]
            if follows is not None and follows != writer:
                self.wait_for_write.setdefault((key, follows), []).append(number)
                return True
            before = self._earlier_writer(key, number)
            if before is not None:
                self.wait_for_write.setdefault((key, before), []).append(number)
                return True
        return False

    def _earlier_writer(self, key: int, number: int) -> int | None:
        """One still to run that wrote before this: what it wrote was seen, or it returned, before this was still
        read, or called."""
        line, place = self.by_latest[key], self.first[key]
        while place < len(line) and self.ran[line[place]]:
            place += 1
        self.first[key] = place
        while place < len(line) and (line[place] == number or self.ran[line[place]]):
            place += 1
        until = max(self.read_until.get((key, number), 0), self.story.transactions[number].call)
        return line[place] if place < len(line) and self.latest[line[place]] < until else None

    def _fits(self, writer: int, seen: Seen) -> bool:
        assert seen.read is not None
        return seen.read.fits(None if writer == INITIAL else self.story.values[seen.key][writer])

    def _reads(self, number: int, key: int, writer: int) -> bool:
        return any(seen.key == key and seen.writers == (writer,) for seen in self.story.seen[number])

    def _execute(self, number: int) -> None:
        self.ran[number] = True
        self.done.append(number)
        for place, seen in enumerate(self.story.seen[number]):
            writer = self._writer_of(number, seen)
            self.choice[number][place] = writer
            left = self.readers.get((seen.key, writer))
            if left and seen.writers is not None and len(seen.writers) == 1:
                self.readers[seen.key, writer] = left - 1
                if left <= 2 and writer == self.now[seen.key]:  # of one left the writer itself may be the reader
                    self._wake_all(self.wait_for_readers.pop(seen.key, ()))
        for key in self.written[number]:
            self.now[key] = number
            self.lines[key].append(number)
            self.last_of[key, self.story.values[key][number]] = number
            self._wake_all(self.wait_for_write.pop((key, number), ()))
            self._wake_all(self.wait_for_any.pop(key, ()))
            if not self.readers.get((key, number)):
                self._wake_all(self.wait_for_readers.pop(key, ()))
        self._wake_all(self.wait_for_client.pop(number, ()))
        self._admit()

    def _wake_all(self, numbers: list[int] | tuple[()]) -> None:
        for number in numbers:
            self._wake(number)

    def _writer_of(self, number: int, seen: Seen) -> int:
        """The writer of what it read: the last one if that fits, otherwise the last that does."""
        if seen.writers is not None and len(seen.writers) == 1:
            return seen.writers[0]
        if self._fits(self.now[seen.key], seen):
            return self.now[seen.key]
        assert seen.read is not None
        if seen.read.equal:
            ran = [self.last_of.get((seen.key, value), INITIAL) for value in seen.read.values]
            ran = [writer for writer in ran if self.story.may_have_written(writer, seen)]
        else:
            line = reversed(self.lines[seen.key])
            ran = [next((w for w in line if w != number and self._fits(w, seen)), INITIAL)]
            ran = ran if ran[0] != INITIAL or self._fits(INITIAL, seen) else []
        return max(ran) if ran else self.story.writers(seen.key, seen, number)[0]

    def _run_the_latest(self) -> None:
        """Nothing can run: one that nobody knows of helps, or the one that should have returned runs as it is."""
        self._admit()
        if self.ready:
            return
        number = self.by_back[self.returned]
        for seen in self.story.seen[number]:
            if seen.writers is None or len(seen.writers) > 1:
                for writer in self.story.writers(seen.key, seen, number)[:100]:
                    idle = writer != INITIAL and not (self.ran[writer] or self.story.certain[writer])
                    if idle and self._reads_fit(writer) and not self._fits(self.now[seen.key], seen):
                        self._execute(writer)
                        self.by_call.append(writer)
                        self._wake(number)
                        return
        self._execute(number)

    def _reads_fit(self, number: int) -> bool:
        return all(
            self.now[seen.key] == seen.writers[0]
            if seen.writers is not None and len(seen.writers) == 1
            else self._fits(self.now[seen.key], seen)
            for seen in self.story.seen[number]
        )


def latest_moments(story: Story) -> list[int]:
    """When each can have taken effect at the latest: it, or one that read what it wrote, had returned."""
    latest = [one.back for one in story.transactions]
    for number in sorted((n for n, certain in enumerate(story.certain) if certain), key=latest.__getitem__):
        todo = [number]
        while todo:
            reader = todo.pop()
            for seen in story.seen[reader]:
                if seen.writers is not None and len(seen.writers) == 1 and seen.writers[0] != INITIAL:
                    writer = seen.writers[0]
                    if latest[writer] > latest[reader]:
                        latest[writer] = latest[reader]
                        todo.append(writer)
    return latest
