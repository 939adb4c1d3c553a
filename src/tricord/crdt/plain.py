# SPDX-License-Identifier: Apache-2.0
"""Plain puts: one value takes the place of nothing, or of the only one there is. Most writes of most keyspaces.

They are made and taken in as bytes, without a cell or a delta coming into being: a third of the cost. What is not plain
gives None here and goes the long way (``changes.mutate``, ``join.apply_delta``); both ways give the same bytes.
"""

from __future__ import annotations

from struct import Struct

from tricord.base.dots import Dot, pack_dot
from tricord.base.hybrid_clock import HybridTime
from tricord.base.message import message
from tricord.crdt.cell import ENTRIES
from tricord.crdt.encoding import FORMAT_VERSION, HAVE_A_FORM

_HEAD = Struct(">BBB20sQI")
"""Of a cell with one entry: one type, its number, one entry, its dot, stamp and length << 1 | whether it ends."""
_HEAD_BYTES = _HEAD.size
_ONE_DOT, _TWO_DOTS = bytes((FORMAT_VERSION, 1)), bytes((FORMAT_VERSION, 2))
_DOT_FROM, _DOT_TO = 3, 23
"""Where the dot stands in such a cell."""


@message
class PlainPut:
    """A value for a key that holds one entry of one of these types, and keeps its type; or nothing: then it is of the
    first."""

    value: bytes
    tags: tuple[int, ...]


def put_plainly(put: PlainPut, current: bytes | None, dot: Dot, stamp: HybridTime) -> tuple[bytes, bytes] | None:
    """The bytes of the delta and of the cell after it, where the key holds ``current`` (None: nothing) and the put
    replaces all there is. None: it is not that simple."""
    name = pack_dot(*dot)
    before_cell = _before_cell(current, name)
    tag = put.tags[0] if current is None else current[1]
    if before_cell is None or tag not in put.tags:
        return None
    cell = _HEAD.pack(1, tag, 1, name, stamp, len(put.value) << 1) + put.value
    return before_cell + cell, cell


def take_plainly(delta: bytes, current: bytes | None, dot: Dot) -> bytes | None:
    """The bytes of the cell after a delta that came from anywhere, where the key holds ``current`` and the delta's dot
    is new here. None: it is not that simple, or not well formed."""
    name = pack_dot(*dot)
    before_cell = _before_cell(current, name)
    if before_cell is None or not delta.startswith(before_cell):
        return None
    cell = delta[len(before_cell) :]
    if len(cell) < _HEAD_BYTES:
        return None
    types, tag, entries, of, _, sized = _HEAD.unpack_from(cell)
    if types != 1 or entries != 1 or tag & 0x83 != ENTRIES or tag in HAVE_A_FORM:
        return None
    return cell if of == name and sized == len(cell) - _HEAD_BYTES << 1 else None


def _before_cell(current: bytes | None, name: bytes) -> bytes | None:
    """What stands before the cell in the delta of a write that replaces all of ``current``. None: that is more than one
    entry, or is below a name."""
    if current is None:
        return _ONE_DOT + name
    known = current[_DOT_FROM:_DOT_TO]
    if current[0] != 1 or current[2] != 1 or current[1] & 0x83 != ENTRIES or known == name:
        return None
    return _TWO_DOTS + (known + name if known < name else name + known)
