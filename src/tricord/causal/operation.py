# SPDX-License-Identifier: Apache-2.0
"""One atomic write of one or more keys, as it is logged and travels.

Bytes: format version, replica (4), incarnation, counter of the first key's dot, stamp (8 each), how many keys and how
many origins it needs (4 each); then replica (4), incarnation and counter (8 each) of each that it needs in order, all
big-endian; then each key and its delta. The keys' dots are consecutive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import TypeAlias

from tricord.base.dots import INCARNATION_MAX, Dot, Origin
from tricord.base.encoding import Reader, put_bytes
from tricord.base.errors import MalformedEncoding
from tricord.base.hybrid_clock import HybridTime
from tricord.base.message import message
from tricord.crdt.cell import Delta, dots_of
from tricord.crdt.encoding import decode_delta

FORMAT_VERSION = 1
OPERATION_BYTES_MAX = 2 * 1024 * 1024

_HEAD = Struct(">BIQQQII")
_NEED = Struct(">IQQ")
HEAD_BYTES, NEED_BYTES = _HEAD.size, _NEED.size
_pack_head = _HEAD.pack
_unpack_head = _HEAD.unpack_from

Needs: TypeAlias = tuple[tuple[Origin, int], ...]
"""For each origin how many of its writes have to be there first."""


@message
class Operation:
    """``needs`` lists only what changed since the same replica's operation before: what that needed was there then."""

    origin: Origin
    first: int
    """Counter of the first key's dot."""
    stamp: HybridTime
    needs: Needs
    writes: list[tuple[bytes, bytes]]
    """(key, encoded delta); the n-th has the dot with the counter ``first + n``."""
    data: bytes
    """All of it as bytes."""

    @property
    def last(self) -> int:
        """Counter of the last key's dot."""
        return self.first + len(self.writes) - 1


@message
class Head:
    """What can be said of an operation's bytes without reading them all."""

    origin: Origin
    first: int
    last: int


def make_operation(
    origin: Origin,
    first: int,
    stamp: HybridTime,
    needs: Sequence[tuple[Origin, int]],
    writes: list[tuple[bytes, bytes]],
) -> Operation:
    """An operation and its bytes. Cost: 2 us, 0.5 us for each key, and 0.5 us for each that it needs."""
    ordered = tuple(sorted(needs)) if needs else ()
    out = bytearray(_pack_head(FORMAT_VERSION, origin[0], origin[1], first, stamp, len(writes), len(ordered)))
    for needed, counter in ordered:
        out += _NEED.pack(needed[0], needed[1], counter)
    for key, delta in writes:
        put_bytes(out, key)
        put_bytes(out, delta)
    return Operation(origin, first, stamp, ordered, writes, bytes(out))


def head_of(data: bytes) -> Head:
    """Of bytes that were decoded once."""
    _, replica, incarnation, first, _, count, _ = _unpack_head(data)
    return Head(Origin(replica, incarnation), first, first + count - 1)


def may_be_read(data: bytes) -> bool:
    """Whether ``head_of`` can look at bytes that may be anybody's. What it says of them is not checked then."""
    return len(data) >= _HEAD.size


def decode_operation(data: bytes) -> Operation:
    """From its bytes, which may be anybody's. Raises ``MalformedEncoding``. Deltas are looked at by ``deltas_of``."""
    if not _HEAD.size <= len(data) <= OPERATION_BYTES_MAX:
        raise MalformedEncoding(f"an operation of {len(data)} bytes")
    version, replica, incarnation, first, stamp, count, needed = _unpack_head(data)
    if version != FORMAT_VERSION:
        raise MalformedEncoding(f"format version {version}; this version of tricord reads {FORMAT_VERSION}")
    if not count or not first or incarnation > INCARNATION_MAX or (first + count) >> 64:
        raise MalformedEncoding("an operation without keys, or with dots that cannot be")
    reader = Reader(data, _HEAD.size)
    needs = _read_needs(reader, needed) if needed else ()
    if 2 * count > reader.end - reader.offset:
        raise MalformedEncoding(f"{count} keys announced, there is no room for them")
    writes = [(reader.bytes(), reader.bytes()) for _ in range(count)]
    reader.finish()
    return Operation(Origin(replica, incarnation), first, HybridTime(stamp), needs, writes, data)


def _read_needs(reader: Reader, count: int) -> Needs:
    needs: list[tuple[Origin, int]] = []
    last = (-1, -1)
    for replica, incarnation, counter in _NEED.iter_unpack(reader.take(count * _NEED.size)):
        origin = Origin(replica, incarnation)
        if origin <= last or not counter or incarnation > INCARNATION_MAX:
            raise MalformedEncoding("what an operation needs is out of order, or nothing")
        needs.append((origin, counter))
        last = origin
    return tuple(needs)


def deltas_of(operation: Operation) -> list[Delta]:
    """What it does to each key. Raises ``MalformedEncoding``, ``UnknownType`` and ``NestedTooDeep``: then nothing of
    it may be taken in."""
    return [delta_of(dot, data) for dot, (_, data) in zip(dots_in(operation), operation.writes, strict=True)]


def dots_in(operation: Operation) -> Iterator[Dot]:
    """The dots of its keys, in order."""
    replica, incarnation = operation.origin
    for counter in range(operation.first, operation.first + len(operation.writes)):
        yield Dot(replica, incarnation, counter)


def delta_of(dot: Dot, data: bytes) -> Delta:
    """What it does to the key of that dot. It brings what its own write left, and nothing under another's name. Raises
    as ``deltas_of`` does."""
    delta = decode_delta(data)
    if dot not in delta.dots or not dots_of(delta.cell) <= {dot}:
        raise MalformedEncoding(f"the delta of {dot} has another's entries, or lacks its own name")
    return delta
