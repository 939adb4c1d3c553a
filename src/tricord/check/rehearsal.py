# SPDX-License-Identifier: Apache-2.0
"""A likely order of transactions: runs them as a store might have, each as late as it can have been.

Each runs when it must have taken effect: it, or what read its writes, returned. Before it run those that wrote what it
read, that still have to read what it writes over, and that wrote earlier. What only reads runs as soon as what it read
is there. A transaction whose turn has come runs even where that is impossible. So the result is a guess; it is good
where the store kept to real time, and it is checked and repaired later (``one_order``).
"""

from __future__ import annotations

from itertools import islice

from tricord.check.client_order import client_order
from tricord.check.list_orders import INITIAL
from tricord.check.transactions import NEVER, Value
from tricord.check.versions import Seen, Story

DEPTH = 60
"""How many transactions wait for each other before one runs as it is."""
SEVERAL = 8
"""Writers of one value that are tried."""


class Rehearsal:
    """One run. ``done`` is the order then, ``choice`` who wrote what was read."""

    def __init__(self, story: Story, written: list[list[int]]) -> None:
        self.story, self.written = story, written
        self.done: list[int] = []
        self.choice = [[INITIAL] * len(reads) for reads in story.seen]
        self.now = [INITIAL] * len(story.keys)
        """The last writer of each key."""
        self.ran = [False] * len(story.transactions)
        self.readers: dict[tuple[int, int], list[int]] = {}
        """By key and writer: who has to read it, those that have not yet at the end."""
        self.read_until: dict[tuple[int, int], int] = {}
        """By key and writer: when the last of them was called."""
        self.writers: dict[tuple[int, Value], list[int]] = {}
        """By key and value, where several wrote it: who did, the first that had to at the end."""
        self.last_of: dict[tuple[int, Value], int] = {}
        self.lines: list[list[int]] = [[] for _ in story.keys]
        self.waiting: dict[int, list[int]] = {}
        """By key: transactions that only read, and run as soon as they can."""
        self._prepare()

    def _prepare(self) -> None:
        story = self.story
        self.latest = latest_moments(story)
        sure = [number for number, certain in enumerate(story.certain) if certain]
        for number in sure:
            call = story.transactions[number].call
            for seen in story.seen[number]:
                if seen.writers is not None and len(seen.writers) == 1:
                    place = seen.key, seen.writers[0]
                    self.readers.setdefault(place, []).append(number)
                    self.read_until[place] = max(self.read_until.get(place, 0), call)
        self.by_call = sorted(sure, key=lambda n: (story.transactions[n].call, n))
        self.by_back = sorted(sure, key=lambda n: (self.latest[n], n))
        self.called = self.returned = 0
        self.until = 0
        """Those called by now may run."""
        earlier = client_order(story.transactions, sure) if story.ordered else []
        self.previous = {later: before for before, later in earlier}
        for key, values in enumerate(story.values):
            for writer in sorted(values, key=lambda n: (self.latest[n], n), reverse=True):
                self.writers.setdefault((key, values[writer]), []).append(writer)
        self._prepare_orders()

    def _prepare_orders(self) -> None:
        story = self.story
        self.follows: list[dict[int, int]] = []
        """By key, the writer that each writer follows, where an order is known or told by revisions."""
        self.by_latest: list[list[int]] = []
        """By key, the writers that certainly wrote it, those that had to be the first ones at the end."""
        for key, values in enumerate(story.values):
            line = story.sequence.get(key) or self._by_revision(key)
            follows = dict(zip(line, [INITIAL, *line], strict=False))
            if key in story.sequence and line:
                follows |= {writer: line[-1] for writer in values if writer not in follows}
            self.follows.append(follows)
            sure = [writer for writer in values if story.certain[writer]]
            self.by_latest.append(sorted(sure, key=lambda n: (self.latest[n], n), reverse=True))

    def _by_revision(self, key: int) -> list[int]:
        """The writers of a key as the store's revisions have them, if each has its own."""
        sure = [number for number in self.story.values[key] if self.story.certain[number]]
        revisions = {self.story.transactions[number].revision for number in sure}
        if 0 in revisions or len(revisions) < len(sure):
            return []
        return sorted(sure, key=lambda number: self.story.transactions[number].revision)

    def run(self) -> None:
        """Runs all that certainly took effect, and what they need of the others."""
        for number in self.by_back:
            self._admit()
            if not self.ran[number]:
                self._try(number, set())
                if not self.ran[number]:
                    self._execute(number)

    def _admit(self) -> None:
        """Those called before all others returned may run; those that only read do as soon as they can."""
        by_back, by_call, calls = self.by_back, self.by_call, self.story.transactions
        while self.returned < len(by_back) and self.ran[by_back[self.returned]]:
            self.returned += 1
        self.until = self.latest[by_back[self.returned]] if self.returned < len(by_back) else NEVER
        while self.called < len(by_call) and calls[by_call[self.called]].call <= self.until:
            number = by_call[self.called]
            self.called += 1
            if not self.written[number]:
                self._look(number)

    def _look(self, number: int) -> None:
        """Runs what only reads, if it can; otherwise it waits for a write."""
        if self.ran[number]:
            return
        earlier = self.previous.get(number)
        if earlier is not None and not self.ran[earlier]:
            return  # it is tried when it should have returned
        for seen in self.story.seen[number]:
            if not self._is_there(seen):
                self.waiting.setdefault(seen.key, []).append(number)
                return
        self._execute(number)

    def _is_there(self, seen: Seen) -> bool:
        writer = self.now[seen.key]
        if seen.writers is not None and len(seen.writers) == 1:
            return seen.writers[0] == writer
        return self._fits(writer, seen)

    def _fits(self, writer: int, seen: Seen) -> bool:
        assert seen.read is not None
        return seen.read.fits(None if writer == INITIAL else self.story.values[seen.key][writer])

    def _try(self, number: int, trying: set[int]) -> bool:
        """Runs a transaction, and before it what has to come before; whether it ran."""
        if self.ran[number]:
            return True
        if number in trying or len(trying) > DEPTH or self.story.transactions[number].call > self.until:
            return False
        trying.add(number)
        fine = self._try_before(number, trying)
        trying.discard(number)
        if fine and not self.ran[number]:
            self._execute(number)
        return self.ran[number]

    def _try_before(self, number: int, trying: set[int]) -> bool:
        earlier = self.previous.get(number)
        if earlier is not None and not self._try(earlier, trying):
            return False
        for key in self.written[number]:
            for before in self._earlier_writers(key, number):
                if not self._try(before, trying):
                    return False
        for seen in self.story.seen[number]:
            if not self._is_there(seen) and not self._try_writer(number, seen, trying):
                return False
        for key in self.written[number]:
            for reader in self._left(key):
                if reader != number and not self._try(reader, trying):
                    return False
        return all(map(self._is_there, self.story.seen[number]))

    def _try_writer(self, number: int, seen: Seen, trying: set[int]) -> bool:
        """Lets somebody write what this reads."""
        if seen.writers is not None and len(seen.writers) == 1:
            writer = seen.writers[0]
            return writer != INITIAL and not self.ran[writer] and self._try(writer, trying)
        if seen.read is None or not seen.read.equal:
            return False
        for value in seen.read.values:
            line = self.writers.get((seen.key, value), [])
            while line and self.ran[line[-1]]:
                line.pop()
            for writer in line[: -1 - SEVERAL : -1]:
                if writer != number and not self.ran[writer] and self._try(writer, trying):
                    return True
        return False

    def _left(self, key: int) -> list[int]:
        """Who has to read the last version of a key still."""
        line = self.readers.get((key, self.now[key]), [])
        while line and self.ran[line[-1]]:
            line.pop()
        return [reader for reader in line if not self.ran[reader]] if line else []

    def _earlier_writers(self, key: int, number: int) -> list[int]:
        """Those still to run that wrote before this: the one it follows, or what had returned, or was seen, before
        this was called, or read for the last time."""
        follows = self.follows[key].get(number, INITIAL)
        if follows != INITIAL and not self.ran[follows]:
            return [follows]
        line = self.by_latest[key]
        while line and self.ran[line[-1]]:
            line.pop()
        until = max(self.read_until.get((key, number), 0), self.story.transactions[number].call)
        found = []
        for writer in reversed(line):
            if self.latest[writer] >= until:
                break
            if writer != number and not self.ran[writer]:
                found.append(writer)
        return found

    def _execute(self, number: int) -> None:
        self.ran[number] = True
        self.done.append(number)
        for place, seen in enumerate(self.story.seen[number]):
            self.choice[number][place] = self._writer_of(number, seen)
        looked_at: list[int] = []
        for key in self.written[number]:
            self.now[key] = number
            self.lines[key].append(number)
            self.last_of[key, self.story.values[key][number]] = number
            looked_at += self.waiting.pop(key, ())
        for other in looked_at:
            self._look(other)

    def _writer_of(self, number: int, seen: Seen) -> int:
        """The writer of what it read: the last one if that fits, otherwise the last that does."""
        if seen.writers is not None and len(seen.writers) == 1:
            return seen.writers[0]
        if self.now[seen.key] != number and self._fits(self.now[seen.key], seen):
            return self.now[seen.key]
        assert seen.read is not None
        ran: list[int] = []
        if seen.read.equal:
            last = [self.last_of.get((seen.key, value), INITIAL) for value in seen.read.values]
            ran = [writer for writer in last if writer != number and self._fits(writer, seen)]
        else:
            line = reversed(self.lines[seen.key])
            ran = [writer for writer in islice(line, SEVERAL) if writer != number and self._fits(writer, seen)][:1]
        return max(ran) if ran else self.story.writers(seen.key, seen, number)[0]


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
