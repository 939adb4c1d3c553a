# SPDX-License-Identifier: Apache-2.0
"""Read committed (Adya 1999, PL-2): no G0, G1a, G1b, G1c.

Transactions may be put in one order in which each comes after those whose writes it read, and after those that wrote
the earlier versions of a list: then no chain of writes and reads goes round. Such an order is found or excluded in one
pass, whatever values repeat: a transaction is placed as soon as each of its reads has a writer that is placed.
The order of a client's own operations and real time play no part.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import pairwise

from tricord.check.anomalies import WR, WW, Edge, circle
from tricord.check.assumptions import decide
from tricord.check.finding import Finding, Limits, Verdict
from tricord.check.history import History
from tricord.check.list_orders import INITIAL
from tricord.check.real_time import settled
from tricord.check.transactions import Value, parse, violated
from tricord.check.versions import Seen, Story


def check(history: History, limits: Limits) -> Finding:
    """Whether all committed transactions read committed values, and no information flowed in a circle."""
    return settled(decide(parse(history), limits, judge), history, limits)


def judge(story: Story, limits: Limits) -> Finding:
    """The verdict of a story whose reads have writers."""
    placing = _Placing(story)
    placing.run()
    if placing.left():
        return placing.cycle()
    return Finding(Verdict.HOLDS, statistics={"transactions": len(story.transactions)})


class _Placing:
    """Transactions placed one after the other, each when what it read is there."""

    def __init__(self, story: Story) -> None:
        self.story = story
        count = len(story.transactions)
        self.missing = [0] * count
        self.placed = [False] * count
        self.for_value: dict[tuple[int, Value], list[int]] = {}
        self.for_others: dict[int, list[tuple[int, Seen]]] = {}
        self.for_writer: list[list[int]] = [[] for _ in range(count)]
        for number, reads in enumerate(story.seen):
            for seen in reads:
                self._wait(number, seen)
        for _, before, after in _orders(story):
            self.for_writer[before].append(after)
            self.missing[after] += 1

    def _wait(self, number: int, seen: Seen) -> None:
        if seen.writers is not None and INITIAL in seen.writers:
            return
        if seen.writers is not None and len(seen.writers) == 1:
            self.for_writer[seen.writers[0]].append(number)
        elif seen.read is not None and seen.read.equal:
            for value in seen.read.values:
                self.for_value.setdefault((seen.key, value), []).append(number)
        elif seen.read is not None and not seen.read.fits(None):
            self.for_others.setdefault(seen.key, []).append((number, seen))
        else:
            return
        self.missing[number] += 1

    def run(self) -> None:
        ready = deque(number for number, missing in enumerate(self.missing) if not missing)
        while ready:
            number = ready.popleft()
            self.placed[number] = True
            waiting = list(self.for_writer[number])
            one = self.story.transactions[number]
            for key in (*one.writes, *((one.suffix[0],) if one.suffix else ())):
                value = self.story.values[key][number]
                waiting += self.for_value.pop((key, value), ())
                if key in self.for_others:
                    waiting += self._others(key, number)
            for reader in waiting:
                self.missing[reader] -= 1
                if not self.missing[reader]:
                    ready.append(reader)

    def _others(self, key: int, writer: int) -> list[int]:
        """Failed compare-and-swaps of this key that this writer's value explains."""
        waiting = self.for_others[key]
        self.for_others[key] = [(n, seen) for n, seen in waiting if not self.story.may_have_written(writer, seen)]
        return [n for n, seen in waiting if self.story.may_have_written(writer, seen)]

    def left(self) -> list[int]:
        """Transactions that took effect and could not be placed."""
        return [n for n, placed in enumerate(self.placed) if not placed and self.story.certain[n]]

    def cycle(self) -> Finding:
        """A circle among what is left: a shortest one of writes alone, if there is one."""
        story = self.story
        writes = [Edge(a, b, WW, key) for key, a, b in _orders(story) if not self.placed[a] and not self.placed[b]]
        reads = []
        for number in [n for n, placed in enumerate(self.placed) if not placed]:
            for seen in story.seen[number]:
                writers = story.writers(seen.key, seen, number)
                if INITIAL not in writers and not any(self.placed[writer] for writer in writers):
                    reads.append(Edge(writers[0], number, WR, seen.key))
        found = circle(story, writes, "read committed") or circle(story, writes + reads, "read committed")
        return found or _nothing(story, self.left())


def _nothing(story: Story, left: list[int]) -> Finding:
    """No single cycle says it: each read has several writers, and each of them leads back."""
    names = [story.names[number] for number in left]
    return violated("G1c", f"no order puts a writer before each read of #{', #'.join(map(str, names))}", names)


def _orders(story: Story) -> Iterator[tuple[int, int, int]]:
    """Key, earlier and later writer: what the reads of lists say about the order of versions."""
    for key, runs in story.sequence.items():
        for before, after in pairwise(runs):
            yield key, before, after
        if runs:
            known = set(runs)
            for writer in story.values[key]:
                if writer not in known and story.certain[writer]:
                    yield key, runs[-1], writer
