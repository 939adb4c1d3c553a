# SPDX-License-Identifier: Apache-2.0
"""A map of named fields, each a value of any type, maps included. Fields merge by themselves.

A map is there while it has fields. Removing a field takes away what was seen of it; what another writes into it at the
same time stays.
"""

from __future__ import annotations

from collections.abc import Callable

from tricord.base.values import DataType
from tricord.crdt.cell import Cell, Delta, Write, check_depth, check_type, depth_of, replaced

TAG = int(DataType.MAP)


def change(cell: Cell, write: Write, name: bytes, mutate: Callable[[Cell], Delta]) -> Delta:
    """Write into a field: ``mutate`` gets what the field holds and gives a delta of it, as any type's writes do.

    ``change(cell, write, b"visits", lambda field: counter.add(field, write, 1))``. Raises ``TypeMismatch``, here or
    from ``mutate``, and ``NestedTooDeep``.
    """
    check_type(cell, TAG, write)
    inner = mutate(field(cell, name))
    wrapped: Cell = {TAG: {name: inner.cell}} if inner.cell else {}
    check_depth(depth_of(wrapped))
    return Delta(wrapped, inner.dots)


def remove_field(cell: Cell, write: Write, name: bytes) -> Delta:
    """Take a field away, as the writer has seen it. One that is not there is no error. Raises ``TypeMismatch``."""
    check_type(cell, TAG, write)
    return Delta({}, replaced(field(cell, name), write.seen) | {write.dot})


def field(cell: Cell, name: bytes) -> Cell:
    """What a field holds; ``{}`` where it is not there."""
    fields: dict[bytes, Cell] = cell.get(TAG, {})
    return fields.get(name, {})
