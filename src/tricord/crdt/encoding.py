# SPDX-License-Identifier: Apache-2.0
"""Cells and deltas as bytes. Equal cells have equal bytes, so hashes of them compare; other forms are refused.

A cell: how many types, then for each in order its number and its store. Entries: a count, then for each dot in order
replica (4 bytes), incarnation, counter, stamp (8 each), payload length << 1 | whether it ends (4), all big-endian, the
time of its end if it has one (8), the payload. Fields and cells: a count, then for each name in order the name and what
is under it. A delta: format version, its dots, its cell.
"""

from __future__ import annotations

from struct import Struct
from typing import Any

from tricord.base.dots import INCARNATION_MAX, Dot, dots_size, read_dots, write_dots
from tricord.base.encoding import Reader, put_bytes, put_number, read_whole
from tricord.base.errors import MalformedEncoding
from tricord.base.hybrid_clock import HybridTime
from tricord.crdt import add_wins_set, counter
from tricord.crdt.cell import ENTRIES, FIELDS, Cell, Delta, Entries, Entry, Fields, check_depth, dots_of, shape_of

FORMAT_VERSION = 1
_ENTRY = Struct(">IQQQI")
_EXPIRES = Struct(">Q")
_ONE = Struct(">BBBIQQQI")
"""One type, its number, one entry that does not end: what most keys hold. Read and written in one step."""


HAVE_A_FORM = frozenset((counter.TAG, add_wins_set.TAG))
"""Types whose bytes have a form of their own."""


def encode_cell(cell: Cell) -> bytes:
    """The bytes of a cell. Cost: 1 us, and 0.7 us for each entry."""
    if len(cell) == 1:
        ((tag, store),) = cell.items()
        if tag & 3 == ENTRIES and tag < 0x80 and len(store) == 1:
            ((dot, (stamp, expires, payload)),) = store.items()
            if not expires:
                return _ONE.pack(1, tag, 1, *dot, stamp, len(payload) << 1) + payload  # type: ignore[no-any-return]
    out = bytearray()
    write_cell(out, cell)
    return bytes(out)


def decode_cell(data: bytes) -> Cell:
    """From the bytes of ``encode_cell``. Raises ``MalformedEncoding``, and ``UnknownType`` for a shape of later."""
    if len(data) >= _ONE.size:
        types, tag, entries, replica, incarnation, number, stamp, sized = _ONE.unpack_from(data)
        is_one = types == 1 == entries and tag & 0x83 == ENTRIES and sized == len(data) - _ONE.size << 1
        if is_one and number and incarnation <= INCARNATION_MAX:
            payload = data[_ONE.size :]
            if tag in HAVE_A_FORM:
                _check(tag, payload)
            return {tag: {Dot(replica, incarnation, number): Entry(stamp, 0, payload)}}
    return read_whole(data, read_cell)


def encode_delta(delta: Delta) -> bytes:
    """The bytes of a delta."""
    out = bytearray((FORMAT_VERSION,))
    write_dots(out, delta.dots)
    out += encode_cell(delta.cell)
    return bytes(out)


def cell_within(encoded: bytes, delta: Delta) -> bytes:
    """The bytes of the delta's cell, as they stand within its own: what need not be encoded again."""
    return encoded[1 + dots_size(len(delta.dots)) :]


def decode_delta(data: bytes) -> Delta:
    """From the bytes of ``encode_delta``. Raises as ``decode_cell`` does: then nothing of it may be taken in."""
    reader = Reader(data)
    reader.version(FORMAT_VERSION)
    dots = frozenset(read_dots(reader))
    delta = Delta(decode_cell(data[reader.offset :]), dots)
    if not dots_of(delta.cell) <= dots:
        raise MalformedEncoding("a delta has entries that are not among its dots")
    return delta


def write_cell(out: bytearray, cell: Cell) -> None:
    """Append a cell to a message."""
    put_number(out, len(cell))
    for tag in sorted(cell):
        put_number(out, tag)
        store = cell[tag]
        shape = shape_of(tag)
        if shape == ENTRIES:
            _write_entries(out, store)
            continue
        put_number(out, len(store))
        for name in sorted(store):
            put_bytes(out, name)
            if shape == FIELDS:
                _write_entries(out, store[name])
            else:
                write_cell(out, store[name])


def _write_entries(out: bytearray, entries: Entries) -> None:
    put_number(out, len(entries))
    for dot in sorted(entries) if len(entries) > 1 else entries:
        stamp, expires, payload = entries[dot]
        out += _ENTRY.pack(*dot, stamp, len(payload) << 1 | (expires != 0))
        if expires:
            out += _EXPIRES.pack(expires)
        out += payload


def read_cell(reader: Reader, depth: int = 0) -> Cell:
    """The next cell of a message; of a map's field where ``depth`` says in how many maps."""
    cell: Cell = {}
    last = -1
    for _ in range(reader.count(3)):
        tag = reader.number()
        if tag <= last:
            raise MalformedEncoding(f"the types of a cell are out of order before {reader.offset}")
        shape = shape_of(tag)
        if shape == ENTRIES:
            cell[tag] = _read_entries(reader, tag)
        elif shape == FIELDS:
            cell[tag] = _read_fields(reader, tag)
        else:
            check_depth(depth + 1)
            cell[tag] = _read_inner(reader, depth + 1)
        last = tag
    return cell


def _read_entries(reader: Reader, tag: int) -> Entries:
    entries: Entries = {}
    last: Any = ()
    for _ in range(_some(reader, _ENTRY.size)):
        replica, incarnation, number, stamp, sized = _ENTRY.unpack(reader.take(_ENTRY.size))
        dot = Dot(replica, incarnation, number)
        if dot <= last or not number or incarnation > INCARNATION_MAX:
            raise MalformedEncoding(f"entries are out of order, or have no name, before {reader.offset}")
        expires = 0
        if sized & 1:
            (expires,) = _EXPIRES.unpack(reader.take(_EXPIRES.size))
            if not expires:
                raise MalformedEncoding(f"an entry that ends has no end before {reader.offset}")
        payload = reader.take(sized >> 1)
        if tag in HAVE_A_FORM:
            _check(tag, payload)
        entries[dot] = Entry(HybridTime(stamp), expires, payload)
        last = dot
    return entries


def _check(tag: int, payload: bytes) -> None:
    """What a type relies on when it is shown is looked at when it comes in."""
    if tag == counter.TAG:
        counter.total_of(payload)
    elif payload:
        raise MalformedEncoding("an element of a set has a value")


def _read_fields(reader: Reader, tag: int) -> Fields:
    fields: Fields = {}
    last: bytes | None = None
    data, end = reader.data, reader.end
    for _ in range(_some(reader, 2 + _ENTRY.size)):
        at = reader.offset + 1
        size = data[at - 1] if at <= end else 0x80
        behind = at + size + 1 + _ENTRY.size
        if size < 0x80 and behind <= end and data[at + size] == 1:
            # A short name with one entry: a set's element, of which there may be thousands. About half the cost.
            name = data[at : at + size]
            replica, incarnation, number, stamp, sized = _ENTRY.unpack_from(data, at + size + 1)
            in_order = last is None or last < name
            if not sized and number and incarnation <= INCARNATION_MAX and in_order:
                fields[name] = {Dot(replica, incarnation, number): Entry(stamp, 0, b"")}
                reader.offset, last = behind, name
                continue
        last = _next_name(reader, last)
        fields[last] = _read_entries(reader, tag)
    return fields


def _read_inner(reader: Reader, depth: int) -> dict[bytes, Cell]:
    fields: dict[bytes, Cell] = {}
    last: bytes | None = None
    for _ in range(_some(reader, 4)):
        last = _next_name(reader, last)
        fields[last] = read_cell(reader, depth)
        if not fields[last]:
            raise MalformedEncoding(f"a field holds nothing before {reader.offset}")
    return fields


def _next_name(reader: Reader, last: bytes | None) -> bytes:
    name = reader.bytes()
    if last is not None and name <= last:
        raise MalformedEncoding(f"names are out of order before {reader.offset}")
    return name


def _some(reader: Reader, each: int) -> int:
    """A count that is not 0: what is empty is left out."""
    count = reader.count(each)
    if not count:
        raise MalformedEncoding(f"a store is empty before {reader.offset}")
    return count
