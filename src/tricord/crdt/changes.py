# SPDX-License-Identifier: Apache-2.0
"""Which type carries out what a client asks of a key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tricord.base.changes import (
    Add,
    AddElement,
    Change,
    ChangeField,
    KeepOnly,
    Overwrite,
    Put,
    PutLast,
    Remove,
    RemoveElement,
    RemoveField,
)
from tricord.crdt import add_wins_set, counter, last_writer, map, register, removal
from tricord.crdt.cell import Cell, Delta, Write
from tricord.crdt.plain import PlainPut


def mutate(cell: Cell, write: Write, change: Change) -> Delta:
    """What the change does to the cell. Raises what its type does."""
    return _MUTATORS[type(change)](cell, write, change)


def plain_put(change: Change) -> PlainPut | None:
    """The change as a plain put, where it can be one. It replaces all that the key holds."""
    kind = type(change)
    return PlainPut(change.value, _PLAIN[kind]) if kind in _PLAIN else None  # type: ignore[union-attr]


def _overwrite(cell: Cell, write: Write, change: Overwrite) -> Delta:
    tag = last_writer.TAG if cell.keys() == {last_writer.TAG} else register.TAG
    return register.put_entry(cell, write, tag, change.value)


def _change_field(cell: Cell, write: Write, change: ChangeField) -> Delta:
    return map.change(cell, write, change.name, lambda inner: mutate(inner, write, change.change))


_PLAIN: dict[type, tuple[int, ...]] = {
    Overwrite: (register.TAG, last_writer.TAG),
    Put: (register.TAG,),
    PutLast: (last_writer.TAG,),
}
_MUTATORS: dict[type, Callable[[Cell, Write, Any], Delta]] = {
    Put: lambda cell, write, change: register.put(cell, write, change.value),
    PutLast: lambda cell, write, change: last_writer.put(cell, write, change.value),
    Overwrite: _overwrite,
    Add: lambda cell, write, change: counter.add(cell, write, change.amount),
    AddElement: lambda cell, write, change: add_wins_set.add(cell, write, change.element),
    RemoveElement: lambda cell, write, change: add_wins_set.remove(cell, write, change.element),
    ChangeField: _change_field,
    RemoveField: lambda cell, write, change: map.remove_field(cell, write, change.name),
    Remove: lambda cell, write, change: removal.remove(cell, write),
    KeepOnly: lambda cell, write, change: removal.keep_only(cell, write, change.tag),
}
