# SPDX-License-Identifier: Apache-2.0
"""What a replica has: a version vector that does not grow with restarts.

A replica takes a higher incarnation at each start, so vectors would get an entry for each. An incarnation that ended
and whose writes all active replicas have is *closed*, and leaves the vector. The rule:

- of an origin that is named, so many writes are here;
- of one that is absent, all are here if its incarnation is at or below its replica's closed one, and none if above.

Beside the closed incarnation stands a sum over all that were closed with their last counters. Who takes over another's
mark compares it with its own: one that lacks something (its disk was restored) sees it, although no vector says so.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from xxhash import xxh3_64_intdigest

from tricord.base.dots import INCARNATION_MAX, Dot, Origin, VersionVector
from tricord.base.encoding import Reader, put_number
from tricord.base.errors import MalformedEncoding

FORMAT_VERSION = 1

START_BITS = 20
"""An incarnation is the number of the start, and 28 random bits that tell copies of one disk apart."""
_RANDOM_BITS = 48 - START_BITS

_ENDED = Struct(">IQQ")
_SUM = 1 << 64


def may_start_after(incarnation: int) -> bool:
    """Whether there is a higher one. After a million starts there is none, nor after the word of one who lies: then the
    replica comes back under a new id, as one that was retired does."""
    return (incarnation >> _RANDOM_BITS) + 1 < 1 << START_BITS


def next_incarnation(highest: int, random_bits: int) -> int:
    """An incarnation above ``highest``, the highest that the replica knows of itself. ``random_bits``: any number."""
    incarnation = ((highest >> _RANDOM_BITS) + 1) << _RANDOM_BITS | random_bits % (1 << _RANDOM_BITS)
    assert incarnation <= INCARNATION_MAX, "no incarnation is left: may_start_after would have said so"
    return incarnation


class Closed(NamedTuple):
    """All incarnations up to this one are over and everywhere; and the sum over those that wrote."""

    incarnation: int
    total: int


class Past:
    """A set of writes without holes. Changed in place by its owner; others keep a ``copy``."""

    __slots__ = ("closed", "entries")

    def __init__(self, entries: dict[Origin, int] | None = None, closed: dict[int, Closed] | None = None) -> None:
        self.entries = {} if entries is None else entries
        self.closed = {} if closed is None else closed

    def __contains__(self, dot: Dot) -> bool:
        origin: Origin = dot[:2]  # type: ignore[assignment]  # a plain tuple finds it as well, and costs less
        return dot[2] <= self.entries.get(origin, 0) or self.is_closed(origin)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Past):
            return NotImplemented
        return self.entries == other.entries and self.closed == other.closed

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"Past({self.entries}, {self.closed})"

    def is_closed(self, origin: Origin) -> bool:
        """Whether all writes of the origin are here, and no more will come."""
        closed = self.closed.get(origin[0])
        return closed is not None and origin[1] <= closed[0]

    def has(self, origin: Origin, counter: int) -> bool:
        """Whether so many writes of the origin are here."""
        return counter <= self.entries.get(origin, 0) or self.is_closed(origin)

    def includes(self, other: Past) -> bool:
        """Whether each write of ``other`` is here, those of its closed incarnations included."""
        for origin, counter in other.entries.items():
            if not self.has(origin, counter):
                return False
        return all(self.agrees(replica, closed) for replica, closed in other.closed.items())

    def agrees(self, replica: int, closed: Closed) -> bool:
        """Whether what is here of the replica up to the closed incarnation is what the other closed."""
        mine = self.closed.get(replica)
        if mine is not None and mine.incarnation >= closed.incarnation:
            return mine.incarnation > closed.incarnation or mine.total == closed.total
        return self.total_to(replica, closed.incarnation) == closed.total

    def total_to(self, replica: int, incarnation: int) -> int:
        """The sum if all up to that incarnation were closed now."""
        mine = self.closed.get(replica)
        total = mine.total if mine is not None else 0
        for origin, counter in self.entries.items():
            if origin[0] == replica and origin[1] <= incarnation:
                total += xxh3_64_intdigest(_ENDED.pack(*origin, counter))
        return total % _SUM

    def close(self, replica: int, incarnation: int, total: int) -> dict[Origin, int]:
        """Change it: close the replica's incarnations up to that one. Gives the entries that left."""
        left = {
            origin: counter
            for origin, counter in self.entries.items()
            if origin[0] == replica and origin[1] <= incarnation
        }
        for origin in left:
            del self.entries[origin]
        self.closed[replica] = Closed(incarnation, total)
        return left

    def merge(self, other: Past) -> None:
        """Change it: all that ``other`` has is here as well, and what it closed is as it closed it."""
        for replica, closed in other.closed.items():
            mine = self.closed.get(replica)
            if mine is None or mine.incarnation <= closed.incarnation:
                self.close(replica, *closed)
        for origin, counter in other.entries.items():
            if counter > self.entries.get(origin, 0) and not self.is_closed(origin):
                self.entries[origin] = counter

    def vector(self) -> VersionVector:
        """For a token: what is not closed. What is, all active replicas have."""
        return VersionVector(dict(self.entries))

    def copy(self) -> Past:
        """A new one with the same writes."""
        return Past(dict(self.entries), dict(self.closed))

    def write(self, out: bytearray) -> None:
        """Append it to a message: the vector, then for each replica in order its closed incarnation and the sum."""
        VersionVector(self.entries).write(out)
        put_number(out, len(self.closed))
        for replica in sorted(self.closed):
            put_number(out, replica)
            put_number(out, self.closed[replica].incarnation)
            put_number(out, self.closed[replica].total)

    @classmethod
    def read(cls, reader: Reader) -> Past:
        """The next of a message. Raises ``MalformedEncoding``."""
        past = cls(VersionVector.read(reader).entries)
        closed: dict[int, Closed] = {}
        last = -1
        for _ in range(reader.count(3)):
            replica = reader.number()
            if replica <= last:
                raise MalformedEncoding(f"closed replicas are out of order before {reader.offset}")
            closed[replica] = Closed(reader.number(INCARNATION_MAX), reader.number())
            last = replica
        past.closed = closed
        if any(past.is_closed(origin) for origin in past.entries):
            raise MalformedEncoding(f"an origin is named and closed before {reader.offset}")
        return past
