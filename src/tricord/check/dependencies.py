# SPDX-License-Identifier: Apache-2.0
"""The graph of dependencies of transactions, where the versions of each key have an order (Adya 1999).

For snapshot isolation each transaction is two points, its start and its commit: a write or read dependency leads from
a commit to a start, an anti-dependency (rw) from a start to a commit. A cycle of these points is a cycle of
dependencies without two rw next to each other, which is what snapshot isolation excludes (Cerone and Gotsman 2016).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise

from tricord.check.anomalies import CLIENT, RW, WR, WW, Edge
from tricord.check.client_order import client_order
from tricord.check.list_orders import INITIAL
from tricord.check.version_orders import VersionOrders


class Dependencies:
    """The dependencies between some transactions, as their orders are now."""

    def __init__(self, orders: VersionOrders, split: bool, numbers: Iterable[int] | None = None) -> None:
        self.orders, self.story, self.split = orders, orders.story, split
        every = range(len(orders.active)) if numbers is None else numbers
        self.numbers = sorted(number for number in every if orders.active[number])
        self.place = {number: place for place, number in enumerate(self.numbers)}
        self.lines: dict[int, list[int]] = {}
        self.at: dict[int, dict[int, int]] = {}
        self._placed = {key: frozenset(line) for key, line in self.story.sequence.items()} if numbers is None else {}
        """Writers of a list whose place is known: any other comes after all of them."""
        self._lines()
        self.targets: list[list[int]] = [[] for _ in range(len(self.numbers) * (2 if split else 1))]
        self._fill()

    def start(self, number: int) -> int:
        """The point where a transaction begins."""
        return 2 * self.place[number] if self.split else self.place[number]

    def commit(self, number: int) -> int:
        """The point where what it wrote is there; the same where transactions are one point."""
        return 2 * self.place[number] + 1 if self.split else self.place[number]

    def number_of(self, point: int) -> int:
        """The transaction of a point."""
        return self.numbers[point >> 1 if self.split else point]

    def _lines(self) -> None:
        for number in self.numbers:
            for key in self.orders.written[number]:
                self.lines.setdefault(key, []).append(number)
        for key, line in self.lines.items():
            line.sort(key=self.orders.slot[key].__getitem__)
            self.at[key] = {writer: place for place, writer in enumerate(line)}

    def following(self, key: int, writer: int) -> int | None:
        """Who, of those looked at, wrote the key next after this version."""
        line = self.lines.get(key)
        if line is None:
            return None
        if writer == INITIAL:
            place = 0
        elif writer in self.at[key]:
            place = self.at[key][writer] + 1
        else:
            slot = self.orders.slot[key]
            place = bisect_right(line, slot[writer], key=slot.__getitem__)
        return line[place] if place < len(line) else None

    def _fill(self) -> None:
        targets, place = self.targets, self.place
        double, one = (2, 1) if self.split else (1, 0)
        for line in self.lines.values():
            for before, after in pairwise(line):
                targets[double * place[before] + one].append(double * place[after])
        for number in self.numbers:
            here = double * place[number]
            if self.split:
                targets[here].append(here + 1)
            for seen, writer in zip(self.story.seen[number], self.orders.choice[number], strict=True):
                if writer in place:
                    targets[double * place[writer] + one].append(here)
                following = self.following(seen.key, writer)
                if following is not None and following != number:
                    targets[here].append(double * place[following] + one)
        if self.story.ordered:
            for earlier, later in client_order(self.story.transactions, self.numbers):
                targets[place[earlier]].append(place[later])

    def edges(self, numbers: Iterable[int]) -> list[Edge]:
        """All dependencies between these."""
        found, among = [], set(numbers)
        for key, line in self.lines.items():
            found += [Edge(a, b, WW, key) for a, b in pairwise(line) if a in among and b in among]
        for number in sorted(among):
            for seen, writer in zip(self.story.seen[number], self.orders.choice[number], strict=True):
                if writer in among:
                    found.append(Edge(writer, number, WR, seen.key))
                after = self.following(seen.key, writer)
                if after is not None and after != number and after in among:
                    found.append(Edge(number, after, RW, seen.key, version=writer))
        if self.story.ordered:
            those = client_order(self.story.transactions, self.numbers)
            found += [Edge(a, b, CLIENT) for a, b in those if a in among and b in among]
        return found

    def sure(self, edge: Edge) -> bool:
        """Whether reads alone say that this dependency exists, whatever order the versions have."""
        certain = self.story.certain
        if not (certain[edge.before] and certain[edge.after]):
            return False
        if edge.kind == CLIENT:
            return True
        if edge.kind == WR:
            return self._surely_read(edge.after, edge.key, edge.before)
        version = edge.before if edge.kind == WW else edge.version
        if edge.kind == RW and not self._surely_read(edge.before, edge.key, version):
            return False
        if version == INITIAL or self._surely_read(edge.after, edge.key, version):
            return True
        return version in self._placed.get(edge.key, ())

    def _surely_read(self, reader: int, key: int, writer: int) -> bool:
        return any(seen.key == key and seen.writers == (writer,) for seen in self.story.seen[reader])
