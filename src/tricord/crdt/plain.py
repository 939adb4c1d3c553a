# SPDX-License-Identifier: Apache-2.0
"""Plain puts: one value takes the place of nothing, or of the only one there is. Most writes of most keyspaces.

They are made and taken in as bytes, without a cell or a delta coming into being: a fifth of the cost. What is not plain
gives None here and goes the long way (``changes.mutate``, ``join.apply_delta``); both ways give the same bytes.
"""

from __future__ import annotations

from struct import Struct

from tricord.base.dots import Dot
from tricord.base.hybrid_clock import HybridTime
from tricord.base.message import message
from tricord.crdt.cell import ENTRIES
from tricord.crdt.encoding import FORMAT_VERSION, HAVE_A_FORM

_DOT = Struct(">IQQ")
_HEAD = Struct(">BBB20sQI")
"""Of a cell with one entry: one type, its number, one entry, its dot, stamp and length << 1 | whether it ends."""
_HEAD_BYTES = _HEAD.size
_ONE_DOT, _TWO_DOTS = bytes((FORMAT_VERSION, 1)), bytes((FORMAT_VERSION, 2))
_DOT_FROM, _DOT_TO = 3, 23
"""Where the dot stands in such a cell."""
_AFTER_ONE, _AFTER_TWO = 22, 42
"""Where the cell begins in a delta of one dot, and of two."""


@message
class PlainPut:
    """A value for a key that holds one entry of one of these types, and keeps its type; or nothing: then it is of the
    first."""

    value: bytes
    tags: tuple[int, ...]


def put_plainly(put: PlainPut, current: bytes | None, dot: Dot, stamp: HybridTime) -> tuple[bytes, bytes] | None:
    """The bytes of the delta and of the cell after it, where the key holds ``current`` (None: nothing) and the put
    replaces all there is. None: it is not that simple."""
    name = _DOT.pack(*dot)
    if current is None:
        tag = put.tags[0]
        head = _ONE_DOT + name
    else:
        tag = current[1]
        if not _has_one(current) or tag not in put.tags:
            return None
        known = current[_DOT_FROM:_DOT_TO]
        head = _TWO_DOTS + (known + name if known < name else name + known)
    cell = _HEAD.pack(1, tag, 1, name, stamp, len(put.value) << 1) + put.value
    return head + cell, cell


def take_plainly(delta: bytes, current: bytes | None, dot: Dot) -> bytes | None:
    """The bytes of the cell after a delta that came from anywhere, where the key holds ``current`` and the delta's dot
    is new here. None: it is not that simple, or not well formed."""
    name = _DOT.pack(*dot)
    if current is None:
        if delta[:_AFTER_ONE] != _ONE_DOT + name:
            return None
        cell = delta[_AFTER_ONE:]
    else:
        if not _has_one(current):
            return None
        known = current[_DOT_FROM:_DOT_TO]
        if known == name or delta[:_AFTER_TWO] != _TWO_DOTS + (known + name if known < name else name + known):
            return None
        cell = delta[_AFTER_TWO:]
    if len(cell) < _HEAD_BYTES:
        return None
    types, tag, entries, of, _, sized = _HEAD.unpack_from(cell)
    if types != 1 or entries != 1 or tag & 0x83 != ENTRIES or tag in HAVE_A_FORM:
        return None
    return cell if of == name and sized == len(cell) - _HEAD_BYTES << 1 else None


def _has_one(cell: bytes) -> bool:
    """Whether a cell of this store has one entry, not below a name."""
    return cell[0] == 1 == cell[2] and cell[1] & 0x83 == ENTRIES
