# SPDX-License-Identifier: Apache-2.0
"""What comes after what among a few points, kept closed while edges are added; and why."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tricord.check.anomalies import Edge


class Premise(NamedTuple):
    """An edge must be so because one point leads to another."""

    source: int
    target: int


@dataclass(slots=True)
class Link:
    """An edge between points. None of Edge: within a transaction, or from the beginning."""

    source: int
    target: int
    edge: Edge | None
    premise: Premise | None
    age: int
    """How many links there were before it."""


class Reachability:
    """Points and what they lead to, as bits of a number each."""

    def __init__(self, points: int) -> None:
        self.after = [0] * points
        self.before = [0] * points
        self.links: list[Link] | None = []
        """None in copies: only what is forced is explained."""
        self.conflict: Link | None = None

    def copy(self) -> Reachability:
        """To try something with."""
        twin = Reachability.__new__(Reachability)
        twin.after, twin.before, twin.links, twin.conflict = self.after[:], self.before[:], None, None
        return twin

    def leads(self, source: int, target: int) -> bool:
        """Whether the target comes after the source."""
        return bool(self.after[source] >> target & 1)

    def add(self, source: int, target: int, edge: Edge | None = None, premise: Premise | None = None) -> bool:
        """Adds an edge. False: it closes a cycle, which ``conflict`` has then."""
        if source == target or self.leads(target, source):
            self.conflict = Link(source, target, edge, premise, len(self.links or ()))
            return False
        if self.leads(source, target):
            return True
        if self.links is not None:
            self.links.append(Link(source, target, edge, premise, len(self.links)))
        later, earlier = self.after[target] | 1 << target, self.before[source] | 1 << source
        for point in bits(earlier):
            self.after[point] |= later
        for point in bits(later):
            self.before[point] |= earlier
        return True

    def cycle(self) -> tuple[list[Edge], list[Edge]]:
        """The cycle of the conflict, and the edges that explain why its edges must be so."""
        assert self.conflict is not None
        around = [self.conflict, *self._way(self.conflict.target, self.conflict.source, self.conflict.age)]
        because: list[Link] = []
        seen = {id(link) for link in around}
        todo = deque(around)
        while todo:
            link = todo.popleft()
            if link.premise is not None:
                for other in self._way(*link.premise, link.age):
                    if id(other) not in seen:
                        seen.add(id(other))
                        because.append(other)
                        todo.append(other)
        because.sort(key=lambda link: link.age)
        return [x.edge for x in around if x.edge is not None], [x.edge for x in because if x.edge is not None]

    def _way(self, source: int, target: int, age: int) -> list[Link]:
        """A shortest way by links older than this."""
        if source == target:
            return []
        outgoing: dict[int, list[Link]] = {}
        for link in (self.links or ())[:age]:
            outgoing.setdefault(link.source, []).append(link)
        came_by: dict[int, Link] = {}
        todo = deque((source,))
        while todo and target not in came_by:
            for link in outgoing.get(todo.popleft(), ()):
                if link.target not in came_by and link.target != source:
                    came_by[link.target] = link
                    todo.append(link.target)
        way = []
        while target != source:
            way.append(came_by[target])
            target = came_by[target].source
        return way[::-1]


def bits(number: int) -> Iterator[int]:
    """The places of the ones."""
    while number:
        lowest = number & -number
        yield lowest.bit_length() - 1
        number ^= lowest
