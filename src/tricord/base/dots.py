# SPDX-License-Identifier: Apache-2.0
"""Names of writes, and sets of them: dots, version vectors, causal contexts.

A write of a causal or eventual keyspace is named by a dot: which replica made it, in which incarnation, as its how
manyeth write. A replica that starts without being sure that it knows all it ever wrote takes a new incarnation, so no
two writes ever have one name. Almeida, Baquero, Goncalves, Preguica, Fonte, "Scalable and Accurate Causality Tracking
for Eventually Consistent Stores" (2014); Almeida, Shoker, Baquero, "Delta State Replicated Data Types" (2018), 7.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field
from struct import Struct
from typing import NamedTuple, Protocol

from tricord.base.encoding import NUMBER_BITS, Reader, put_number, read_whole
from tricord.base.errors import MalformedEncoding
from tricord.base.message import message

FORMAT_VERSION = 1
REPLICA_BITS = 32
INCARNATION_BITS = 48
"""An incarnation is a random number of so many bits: 10,000 starts of one replica meet by chance once in 5 million."""

REPLICA_MAX = (1 << REPLICA_BITS) - 1
INCARNATION_MAX = (1 << INCARNATION_BITS) - 1
_DOT = Struct(">IQQ")
pack_dot = _DOT.pack
"""The bytes of one dot, by its three numbers: they compare as dots do."""

PROVISIONAL = 0
"""The replica number of an edge that the catalogue does not know yet. Its dots stay good: incarnations differ."""


class Origin(NamedTuple):
    """Where writes come from: a replica (a small number of the catalogue) in one incarnation (a random number)."""

    replica: int
    incarnation: int


class Dot(NamedTuple):
    """The name of one write of one key: the ``counter``-th of its origin, from 1 on. Compares and hashes as a tuple."""

    replica: int
    incarnation: int
    counter: int

    @property
    def origin(self) -> Origin:
        """The replica and its incarnation."""
        return Origin(self.replica, self.incarnation)


class Seen(Protocol):
    """A set of dots that can be asked: a vector, a context, or a set or tuple of a few."""

    def __contains__(self, dot: Dot, /) -> bool:
        """Whether it has the dot."""
        ...


@message
class VersionVector:
    """For each origin how many of its writes, from the first on: a set of dots without holes.

    Entries are never 0. The methods that change it say so; keep a ``copy`` where others hold the same one.
    """

    entries: dict[Origin, int] = field(default_factory=dict)

    def __contains__(self, dot: Dot) -> bool:
        origin: Origin = dot[:2]  # type: ignore[assignment]  # a plain tuple finds it as well, and costs less
        return dot[2] <= self.entries.get(origin, 0)

    def __len__(self) -> int:
        return len(self.entries)

    def counter(self, origin: Origin) -> int:
        """How many writes of the origin; 0 where it is not named."""
        return self.entries.get(origin, 0)

    def includes(self, other: VersionVector) -> bool:
        """Whether each write of ``other`` is here too."""
        mine = self.entries.get
        return all(counter <= mine(origin, 0) for origin, counter in other.entries.items())

    def raise_to(self, origin: Origin, counter: int) -> None:
        """Change it: at least ``counter`` writes of the origin are here."""
        if counter > self.entries.get(origin, 0):
            self.entries[origin] = counter

    def merge(self, other: VersionVector) -> None:
        """Change it: add what ``other`` has."""
        entries = self.entries
        for origin, counter in other.entries.items():
            if counter > entries.get(origin, 0):
                entries[origin] = counter

    def joined(self, other: VersionVector) -> VersionVector:
        """A new one with what either has."""
        result = self.copy()
        result.merge(other)
        return result

    def since(self, previous: VersionVector) -> VersionVector:
        """The entries that are higher here than in ``previous``: ``previous.joined(v.since(previous)) == v`` where
        ``v`` includes ``previous``, as the dependencies of one origin's writes do."""
        before = previous.entries.get
        return VersionVector({origin: n for origin, n in self.entries.items() if n > before(origin, 0)})

    def copy(self) -> VersionVector:
        """A new one with the same entries."""
        return VersionVector(dict(self.entries))

    def write(self, out: bytearray) -> None:
        """Append it to a message: a count, then replica, incarnation and counter of each in order."""
        put_number(out, len(self.entries))
        for origin in sorted(self.entries):
            put_number(out, origin[0])
            put_number(out, origin[1])
            put_number(out, self.entries[origin])

    @classmethod
    def read(cls, reader: Reader) -> VersionVector:
        """The next of a message. Raises ``MalformedEncoding``."""
        entries: dict[Origin, int] = {}
        last = (-1, -1)
        for _ in range(reader.count(3)):
            origin = read_origin(reader)
            counter = reader.number()
            if origin <= last or not counter:
                raise MalformedEncoding(f"the entries of a vector are out of order, or empty, before {reader.offset}")
            entries[origin] = counter
            last = origin
        return cls(entries)

    def encode(self) -> bytes:
        """Its bytes by themselves: the format's version, then what ``write`` appends. Equal vectors, equal bytes."""
        out = bytearray((FORMAT_VERSION,))
        self.write(out)
        return bytes(out)

    @classmethod
    def decode(cls, data: bytes) -> VersionVector:
        """From the bytes of ``encode``. Raises ``MalformedEncoding``."""
        return read_whole(data, cls.read, FORMAT_VERSION)


def read_origin(reader: Reader) -> Origin:
    """The next origin of a message."""
    return Origin(reader.number(REPLICA_MAX), reader.number(INCARNATION_MAX))


class CausalContext:
    """A set of dots: a vector, and a cloud of those that are beyond a hole.

    The cloud folds into the vector as holes fill, so equal sets are equal objects and equal bytes.
    """

    __slots__ = ("cloud", "vector")

    def __init__(self, dots: Iterable[Dot] = (), vector: VersionVector | None = None) -> None:
        self.vector = VersionVector() if vector is None else vector
        self.cloud: dict[Origin, set[int]] = {}
        for dot in dots:
            self.add(dot)

    def __contains__(self, dot: Dot) -> bool:
        origin: Origin = dot[:2]  # type: ignore[assignment]  # a plain tuple finds it as well, and costs less
        if dot[2] <= self.vector.entries.get(origin, 0):
            return True
        return bool(self.cloud) and dot[2] in self.cloud.get(origin, ())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CausalContext):
            return NotImplemented
        return self.vector == other.vector and self.cloud == other.cloud

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"CausalContext({sorted(self.cloud_dots())}, {self.vector})"

    def cloud_dots(self) -> Iterator[Dot]:
        """The dots beyond a hole, in no order."""
        for origin, counters in self.cloud.items():
            for counter in counters:
                yield Dot(*origin, counter)

    def add(self, dot: Dot) -> None:
        """Change it: ``dot`` is here. Cost: 0.4 us, however many there are."""
        origin = Origin(dot[0], dot[1])
        counter = dot[2]
        known = self.vector.entries.get(origin, 0)
        if counter <= known:
            return
        beyond = self.cloud.get(origin)
        if counter != known + 1:
            if beyond is None:
                self.cloud[origin] = {counter}
            else:
                beyond.add(counter)
            return
        self.vector.entries[origin] = counter
        if beyond is not None:
            self._fold(origin, counter, beyond)

    def _fold(self, origin: Origin, counter: int, beyond: set[int]) -> None:
        """Take over from the cloud what follows ``counter`` without a hole."""
        beyond.discard(counter)
        while counter + 1 in beyond:
            counter += 1
            beyond.discard(counter)
        self.vector.entries[origin] = counter
        if not beyond:
            del self.cloud[origin]

    def add_all(self, dots: Iterable[Dot]) -> None:
        """Change it: all of ``dots`` are here."""
        for dot in dots:
            self.add(dot)

    def merge_vector(self, other: VersionVector) -> None:
        """Change it: add a set without holes."""
        self.vector.merge(other)
        for origin in [origin for origin in other.entries if origin in self.cloud]:
            counter = self.vector.entries[origin]
            beyond = {further for further in self.cloud[origin] if further > counter}
            self.cloud[origin] = beyond
            self._fold(origin, counter, beyond)

    def merge(self, other: CausalContext) -> None:
        """Change it: add what ``other`` has."""
        self.merge_vector(other.vector)
        self.add_all(other.cloud_dots())

    def includes(self, other: CausalContext) -> bool:
        """Whether each dot of ``other`` is here too."""
        mine = self.vector.entries.get
        for origin, counter in other.vector.entries.items():
            known = mine(origin, 0)
            if counter > known and not self._holds(origin, known + 1, counter):
                return False
        return all(dot in self for dot in other.cloud_dots())

    def _holds(self, origin: Origin, first: int, last: int) -> bool:
        """Whether the cloud has all of the origin from ``first`` to ``last``."""
        beyond = self.cloud.get(origin, set())
        return last - first < len(beyond) and all(counter in beyond for counter in range(first, last + 1))

    def newest(self, origin: Origin) -> int:
        """The highest counter of the origin that is here; 0 where there is none."""
        return max(self.cloud.get(origin, ()), default=self.vector.counter(origin))

    def copy(self) -> CausalContext:
        """A new one with the same dots."""
        result = CausalContext(vector=self.vector.copy())
        result.cloud = {origin: set(counters) for origin, counters in self.cloud.items()}
        return result

    def write(self, out: bytearray) -> None:
        """Append it to a message: the vector, then for each origin of the cloud its counters as distances."""
        self.vector.write(out)
        put_number(out, len(self.cloud))
        for origin in sorted(self.cloud):
            put_number(out, origin[0])
            put_number(out, origin[1])
            counters = sorted(self.cloud[origin])
            put_number(out, len(counters))
            last = self.vector.counter(origin) + 1  # a hole is there, or it would be of the vector
            for counter in counters:
                put_number(out, counter - last - 1)
                last = counter

    @classmethod
    def read(cls, reader: Reader) -> CausalContext:
        """The next of a message. Raises ``MalformedEncoding``."""
        context = cls(vector=VersionVector.read(reader))
        previous = (-1, -1)
        for _ in range(reader.count(4)):
            origin = read_origin(reader)
            count = reader.count(1)
            if origin <= previous or not count:
                raise MalformedEncoding(f"the cloud of a context is out of order, or empty, before {reader.offset}")
            last = context.vector.counter(origin) + 1
            counters = context.cloud[origin] = set()
            for _ in range(count):
                last += 1 + reader.number()
                counters.add(last)
            if last >> NUMBER_BITS:
                raise MalformedEncoding(f"a counter has more than 64 bits before {reader.offset}")
            previous = origin
        return context

    def encode(self) -> bytes:
        """Its bytes by themselves: the format's version, then what ``write`` appends. Equal sets, equal bytes."""
        out = bytearray((FORMAT_VERSION,))
        self.write(out)
        return bytes(out)

    @classmethod
    def decode(cls, data: bytes) -> CausalContext:
        """From the bytes of ``encode``. Raises ``MalformedEncoding``."""
        return read_whole(data, cls.read, FORMAT_VERSION)


def write_dots(out: bytearray, dots: Iterable[Dot]) -> None:
    """Append a few dots to a message, in order, each once: what a write replaces, what a reader has read. Each is 20
    bytes: replica (4), incarnation and counter (8 each), big-endian."""
    ordered = sorted(set(dots))
    put_number(out, len(ordered))
    for dot in ordered:
        out += pack_dot(*dot)


def dots_size(count: int) -> int:
    """How many bytes ``write_dots`` takes for so many different ones."""
    if count < 0x80:
        return 1 + count * _DOT.size
    out = bytearray()
    put_number(out, count)
    return len(out) + count * _DOT.size


def read_dots(reader: Reader) -> tuple[Dot, ...]:
    """The next dots of a message. Raises ``MalformedEncoding``."""
    data = reader.take(reader.count(_DOT.size) * _DOT.size)
    dots = tuple(map(Dot._make, _DOT.iter_unpack(data)))
    last: tuple[int, ...] = ()
    for dot in dots:
        if dot <= last or not dot[2] or dot[1] > INCARNATION_MAX:
            raise MalformedEncoding(f"dots are out of order, or none, before {reader.offset}")
        last = dot
    return dots
