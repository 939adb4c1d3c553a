# SPDX-License-Identifier: Apache-2.0
"""Messages between replicas as bytes. Whatever comes in is a message or raises a typed error; nothing of it is taken in
before all of it was read.

Layout: format version (1), cluster, keyspace (8 each), sender (4), its incarnation (8), receiver (4), its incarnation
(8), kind (1), all big-endian; then the kind's fields in the order of their records. Numbers there are varints, sums 8
bytes each (big-endian); keys, deltas and cells have their length before them, so what cannot be read of one key is
passed over (``Unread``).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from struct import Struct
from typing import Any, TypeVar

from tricord.base.dots import INCARNATION_MAX, REPLICA_MAX, read_dots, write_dots
from tricord.base.encoding import Reader, put_bytes, put_number
from tricord.base.errors import MalformedEncoding, TricordError
from tricord.crdt.encoding import decode_cell, decode_delta, encode_cell
from tricord.eventual.known import Known
from tricord.eventual.messages import (
    AskCells,
    AskKeys,
    AskParts,
    AskRoot,
    Cells,
    Deltas,
    Have,
    Head,
    Keys,
    Message,
    Parts,
    Rejected,
    Rejection,
    Root,
    Stored,
    Unread,
)
from tricord.eventual.tree import LEAVES, LEVELS, PARTS

FORMAT_VERSION = 1
MESSAGE_BYTES_MAX = 1 << 25
"""A message beyond this is refused before it is read. A key's whole cell is never split: it has at most
``CELL_BYTES_MAX`` where it is written, but several that did not know of each other may meet in it."""
KNOWN_BYTES_MAX = 1 << 20
"""Room for what a replica says that it has seen (``Known.write``)."""
RANGES_MAX = 64
"""Ranges or leaves asked for at once."""
HOPS_MAX = 8
_HEAD = Struct(">BQQIQIQB")
_SUMS = Struct(f">{PARTS}Q")
T = TypeVar("T")


def encode_message(head: Head, sent: Message) -> bytes:
    """The bytes of a message."""
    kind, write = _WRITERS[type(sent)]
    out = bytearray(_head_bytes(head, kind))
    write(out, sent)
    return bytes(out)


def decode_message(data: bytes) -> tuple[Head, Message]:
    """From the bytes of ``encode_message``. Raises MalformedEncoding."""
    if len(data) > MESSAGE_BYTES_MAX:
        raise MalformedEncoding(f"a message of {len(data)} bytes, at most {MESSAGE_BYTES_MAX} are read")
    _, cluster, keyspace, sender, incarnation, receiver, receiver_incarnation, kind = _read_head(data)
    head = Head(cluster, keyspace, sender, incarnation, receiver, receiver_incarnation)
    read = _READERS.get(kind)
    if read is None or max(incarnation, receiver_incarnation) > INCARNATION_MAX:
        raise MalformedEncoding(f"a message of kind {kind}, of incarnation {incarnation}: there is none")
    reader = Reader(data, _HEAD.size)
    received = read(reader)
    reader.finish()
    return head, received


def sender_of(data: bytes) -> int:
    """Who says in a message that it is of him. Raises MalformedEncoding."""
    return _read_head(data)[3]


def _head_bytes(head: Head, kind: int) -> bytes:
    sender, receiver = (head.sender, head.incarnation), (head.receiver, head.receiver_incarnation)
    return _HEAD.pack(FORMAT_VERSION, head.cluster, head.keyspace, *sender, *receiver, kind)


def _read_head(data: bytes) -> tuple[int, ...]:
    if len(data) < _HEAD.size:
        raise MalformedEncoding(f"a message of {len(data)} bytes has no head")
    if data[0] != FORMAT_VERSION:
        raise MalformedEncoding(f"format version {data[0]}; this version of tricord reads {FORMAT_VERSION}")
    return _HEAD.unpack_from(data)


def delta_bytes(key: bytes, delta: bytes) -> bytes:
    """One write of ``Deltas``: the key, then ``encode_delta``'s bytes."""
    out = bytearray()
    put_bytes(out, key)
    put_bytes(out, delta)
    return bytes(out)


def encode_deltas(head: Head, number: int, hops: int, awaited: bool, deltas: list[bytes]) -> bytes:
    """A ``Deltas`` of writes that are bytes already (``delta_bytes``)."""
    out = bytearray(_head_bytes(head, _WRITERS[Deltas][0]))
    _begin_deltas(out, number, hops, awaited, len(deltas))
    return bytes(out) + b"".join(deltas)


def _begin_deltas(out: bytearray, number: int, hops: int, awaited: bool, count: int) -> None:
    put_number(out, number)
    put_number(out, hops)
    out.append(awaited)
    put_number(out, count)


def _write_deltas(out: bytearray, sent: Deltas) -> None:
    _begin_deltas(out, sent.number, sent.hops, sent.awaited, len(sent.deltas))
    for key, _, encoded in sent.deltas:
        out += delta_bytes(key, encoded)


def _read_deltas(reader: Reader) -> Deltas:
    received = Deltas(reader.number(), reader.number(HOPS_MAX), bool(reader.number(1)), [])
    for _ in range(reader.count(2)):
        key, data = reader.bytes(), reader.bytes()
        delta = _read_one(key, data, decode_delta, received.unread)
        if delta is not None:
            received.deltas.append((key, delta, data))
    return received


def _read_one(key: bytes, data: bytes, decode: Callable[[bytes], T], unread: list[Unread]) -> T | None:
    try:
        return decode(data)
    except TricordError as error:
        unread.append(Unread(key, error))
        return None


def _write_stored(out: bytearray, sent: Stored) -> None:
    put_number(out, sent.number)


def _read_stored(reader: Reader) -> Stored:
    return Stored(reader.number())


def _write_ask_root(out: bytearray, sent: AskRoot) -> None:
    put_number(out, sent.number)


def _read_ask_root(reader: Reader) -> AskRoot:
    return AskRoot(reader.number())


def _write_root(out: bytearray, sent: Root) -> None:
    put_number(out, sent.number)
    out += _SUMS.pack(*sent.sums)
    put_number(out, sent.joined)
    put_number(out, len(sent.ages))
    for replica, age in sent.ages:
        put_number(out, replica)
        put_number(out, age)
    sent.known.write(out, KNOWN_BYTES_MAX)


def _read_root(reader: Reader) -> Root:
    number, sums = reader.number(), _read_sums(reader)
    joined = bool(reader.number(1))
    ages = [(reader.number(REPLICA_MAX), reader.number()) for _ in range(reader.count(2))]
    return Root(number, Known.read(reader), sums, joined, ages)


def _read_sums(reader: Reader) -> list[int]:
    return list(_SUMS.unpack(reader.take(_SUMS.size)))


def _write_ranges(out: bytearray, ranges: list[int]) -> None:
    put_number(out, len(ranges))
    for number in ranges:
        put_number(out, number)


def _read_ranges(reader: Reader, most: int) -> list[int]:
    ranges = [reader.number(most - 1) for _ in range(reader.count(1))]
    if not 0 < len(ranges) <= RANGES_MAX or any(a >= b for a, b in pairwise(ranges)):
        raise MalformedEncoding(f"ranges are out of order, none or more than {RANGES_MAX} before {reader.offset}")
    return ranges


def _write_ask_parts(out: bytearray, sent: AskParts) -> None:
    put_number(out, sent.number)
    put_number(out, sent.level)
    _write_ranges(out, sent.ranges)


def _read_ask_parts(reader: Reader) -> AskParts:
    number, level = reader.number(), reader.number(LEVELS - 1)
    return AskParts(number, level, _read_ranges(reader, PARTS**level))


def _write_parts(out: bytearray, sent: Parts) -> None:
    put_number(out, sent.number)
    put_number(out, len(sent.sums))
    for sums in sent.sums:
        out += _SUMS.pack(*sums)


def _read_parts(reader: Reader) -> Parts:
    return Parts(reader.number(), [_read_sums(reader) for _ in range(reader.count(_SUMS.size))])


def _write_ask_cells(out: bytearray, sent: AskCells) -> None:
    put_number(out, sent.number)
    _write_ranges(out, sent.leaves)
    put_bytes(out, sent.after)


def _read_ask_cells(reader: Reader) -> AskCells:
    return AskCells(reader.number(), _read_ranges(reader, LEAVES), reader.bytes())


def _write_cells(out: bytearray, sent: Cells) -> None:
    put_number(out, sent.number)
    put_number(out, sent.finished)
    put_bytes(out, sent.last)
    put_number(out, len(sent.cells))
    for key, cell in sent.cells:
        put_bytes(out, key)
        put_bytes(out, encode_cell(cell))


def _read_cells(reader: Reader) -> Cells:
    received = Cells(reader.number(), reader.number(RANGES_MAX), reader.bytes(), [])
    for _ in range(reader.count(2)):
        key, data = reader.bytes(), reader.bytes()
        cell = _read_one(key, data, decode_cell, received.unread)
        if cell is not None:
            received.cells.append((key, cell))
    return received


def _write_have(out: bytearray, sent: Have) -> None:
    put_number(out, sent.floor)
    put_number(out, len(sent.counters))
    for incarnation, counter in sent.counters:
        put_number(out, incarnation)
        put_number(out, counter)


def _read_have(reader: Reader) -> Have:
    floor = reader.number(INCARNATION_MAX)
    return Have(floor, [(reader.number(INCARNATION_MAX), reader.number()) for _ in range(reader.count(2))])


def _write_ask_keys(out: bytearray, sent: AskKeys) -> None:
    put_number(out, sent.number)
    put_number(out, len(sent.keys))
    for key, dots in sent.keys:
        put_bytes(out, key)
        write_dots(out, dots)


def _read_ask_keys(reader: Reader) -> AskKeys:
    return AskKeys(reader.number(), [(reader.bytes(), read_dots(reader)) for _ in range(reader.count(2))])


def _write_keys(out: bytearray, sent: Keys) -> None:
    put_number(out, sent.number)
    put_number(out, len(sent.keys))
    for key, cell, seen in sent.keys:
        put_bytes(out, key)
        put_bytes(out, encode_cell(cell))
        write_dots(out, seen)


def _read_keys(reader: Reader) -> Keys:
    received = Keys(reader.number(), [])
    for _ in range(reader.count(3)):
        key, data, seen = reader.bytes(), reader.bytes(), read_dots(reader)
        cell = _read_one(key, data, decode_cell, received.unread)
        if cell is not None:
            received.keys.append((key, cell, seen))
    return received


def _write_rejected(out: bytearray, sent: Rejected) -> None:
    put_number(out, sent.why)
    put_number(out, sent.incarnation)


def _read_rejected(reader: Reader) -> Rejected:
    why = reader.number()
    if why not in set(Rejection):
        raise MalformedEncoding(f"rejected for reason {why}, which is none")
    return Rejected(Rejection(why), reader.number(INCARNATION_MAX))


_CODECS: tuple[tuple[int, type, Callable[[bytearray, Any], None], Callable[[Reader], Message]], ...] = (
    (1, Deltas, _write_deltas, _read_deltas),
    (2, Stored, _write_stored, _read_stored),
    (3, AskRoot, _write_ask_root, _read_ask_root),
    (4, Root, _write_root, _read_root),
    (5, AskParts, _write_ask_parts, _read_ask_parts),
    (6, Parts, _write_parts, _read_parts),
    (7, AskCells, _write_ask_cells, _read_ask_cells),
    (8, Cells, _write_cells, _read_cells),
    (9, Have, _write_have, _read_have),
    (10, AskKeys, _write_ask_keys, _read_ask_keys),
    (11, Keys, _write_keys, _read_keys),
    (12, Rejected, _write_rejected, _read_rejected),
)
"""Kinds by number. Numbers are part of the protocol, and given once."""

_WRITERS = {record: (kind, write) for kind, record, write, _ in _CODECS}
_READERS = {kind: read for kind, _, _, read in _CODECS}
