# SPDX-License-Identifier: Apache-2.0
"""Writes as a later version of tricord would make them, for hosts of this version to meet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast

import pytest

from tricord.base.changes import Change
from tricord.base.errors import TricordError
from tricord.base.values import DataType
from tricord.causal.messages import Operations, decode_message, encode_operations
from tricord.crdt import changes
from tricord.crdt.cell import Cell, Delta, Entry, Write

OF_LATER = "of a later version"
"""A register with such a value becomes, on its way, one of a type whose shape nobody here can merge."""
UNREADABLE_TAG = 9 << 2 | 3
LATER_TAG = 9 << 2
"""A type that this version does not know, of a shape that it can merge."""

_REGISTERS = re.compile(
    rb"\x01" + bytes((DataType.REGISTER,)) + rb"\x01(?=.{32}" + OF_LATER.encode() + rb")", re.DOTALL
)


def as_of_later(data: bytes) -> bytes:
    """A message in which those registers are of the unreadable type."""
    return _REGISTERS.sub(bytes((1, UNREADABLE_TAG, 1)), data)


def of_later_format(data: bytes) -> bytes:
    """A message of a causal replica in which operations with such a value are in a format of a later version."""
    try:
        message = decode_message(data)
    except TricordError:
        return data
    if not isinstance(message, Operations):
        return data
    operations = [b"\x02" + one[1:] if OF_LATER.encode() in one else one for one in message.operations]
    return encode_operations(operations)


@dataclass(slots=True)
class _PutOfLater:
    value: bytes


def put_of_later(value: bytes) -> Change:
    """Put a value of the type that is merged and not shown: ``know_later_type`` first."""
    return cast(Change, _PutOfLater(value))


def _put(cell: Cell, write: Write, change: _PutOfLater) -> Delta:
    entry = Entry(write.stamp, write.expires, change.value)
    gone = frozenset(cell.get(LATER_TAG, {}))
    return Delta({LATER_TAG: {write.dot: entry}}, gone | {write.dot})


def know_later_type(patch: pytest.MonkeyPatch) -> None:
    """``put_of_later`` is carried out from now on."""
    patch.setitem(changes._MUTATORS, _PutOfLater, _put)
