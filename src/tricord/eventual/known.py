# SPDX-License-Identifier: Apache-2.0
"""All dots that a replica has seen, without an entry for each start of each replica.

The incarnations of one replica grow. Once all have what it wrote in former ones, a floor says so: each dot of that
replica whose incarnation is at or below it counts as seen, and the vector has no entry for it. A delta that comes late
is thereby known as ever.
"""

from __future__ import annotations

from collections.abc import Iterable

from tricord.base.dots import INCARNATION_MAX, REPLICA_MAX, CausalContext, Dot, Origin
from tricord.base.encoding import Reader, put_number
from tricord.base.errors import MalformedEncoding

BEYOND_MAX = 16_384
"""Writes of one start of a replica beyond a hole. They are written with each change, so there is a bound."""


class Known:
    """A causal context over floors. ``changed`` and ``raised`` are what the store has to learn."""

    __slots__ = ("changed", "context", "floors", "raised")

    def __init__(self) -> None:
        self.context = CausalContext()
        self.floors: dict[int, int] = {}
        self.changed: set[Origin] = set()
        self.raised: set[int] = set()

    def __contains__(self, dot: Dot) -> bool:
        return dot in self.context or dot[1] <= self.floors.get(dot[0], -1)

    def is_far_ahead(self, dots: Iterable[Dot]) -> bool:
        """Whether they are behind a hole with as much beyond it as is kept. Repair fills holes, but one that stands for
        what this version cannot read stays; it brings what keys hold all the same."""
        cloud = self.context.cloud
        return any(len(cloud.get(Origin(dot[0], dot[1]), ())) >= BEYOND_MAX and dot not in self for dot in dots)

    def add_all(self, dots: Iterable[Dot]) -> None:
        """Change it: all of ``dots`` are here."""
        seen, floors = self.context.vector.entries, self.floors
        for dot in dots:
            if dot[2] > seen.get(dot[:2], 0) and dot[1] > floors.get(dot[0], -1):  # type: ignore[call-overload]
                self.context.add(dot)
                self.changed.add(Origin(dot[0], dot[1]))

    def merge(self, other: Known) -> None:
        """Change it: add all that ``other`` has."""
        for replica, incarnation in other.floors.items():
            self.raise_floor(replica, incarnation)
        mine = self.context.vector.entries
        theirs = {
            origin: counter
            for origin, counter in other.context.vector.entries.items()
            if counter > mine.get(origin, 0) and origin[1] > self.floors.get(origin[0], -1)
        }
        if theirs:
            self.changed.update(theirs)
            self.context.merge_vector(type(self.context.vector)(theirs))
        self.add_all(other.context.cloud_dots())

    def raise_floor(self, replica: int, incarnation: int) -> None:
        """Change it: all that the replica wrote up to that incarnation is here."""
        if incarnation <= self.floors.get(replica, -1):
            return
        self.floors[replica] = incarnation
        self.raised.add(replica)
        for part in (self.context.vector.entries, self.context.cloud):
            for origin in [each for each in part if each[0] == replica and each[1] <= incarnation]:
                del part[origin]
                self.changed.add(origin)

    def entries(self) -> int:
        """How many numbers it takes: what must not grow with starts."""
        return len(self.context.vector) + len(self.context.cloud) + len(self.floors)

    def copy(self) -> Known:
        """A new one with the same dots."""
        result = Known()
        result.context = self.context.copy()
        result.floors = dict(self.floors)
        return result

    def write(self, out: bytearray, most: int) -> None:
        """Append it to a message. Where it takes more than ``most`` bytes what is beyond holes is left out: a context
        that says less is as right."""
        put_number(out, len(self.floors))
        for replica in sorted(self.floors):
            put_number(out, replica)
            put_number(out, self.floors[replica])
        whole = bytearray()
        self.context.write(whole)
        if len(whole) > most:
            whole = bytearray()
            CausalContext(vector=self.context.vector).write(whole)
        out += whole

    @classmethod
    def read(cls, reader: Reader) -> Known:
        """The next of a message. Raises ``MalformedEncoding``."""
        known = cls()
        last = -1
        for _ in range(reader.count(2)):
            replica = reader.number(REPLICA_MAX)
            if replica <= last:
                raise MalformedEncoding(f"floors are out of order before {reader.offset}")
            known.floors[replica] = reader.number(INCARNATION_MAX)
            last = replica
        known.context = CausalContext.read(reader)
        return known
