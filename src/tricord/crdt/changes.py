# SPDX-License-Identifier: Apache-2.0
"""What a client asks of a key, as values: each is carried out by the type that it is of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from tricord.base.message import message
from tricord.crdt import add_wins_set, counter, last_writer, map, register, removal
from tricord.crdt.cell import Cell, Delta, Write


@message
class Put:
    """Put a register's value."""

    value: bytes


@message
class PutLast:
    """Put a last-writer register's value."""

    value: bytes


@message
class Add:
    """Add to a counter; negative to subtract."""

    amount: int


@message
class AddElement:
    """Add to a set."""

    element: bytes


@message
class RemoveElement:
    """Take from a set."""

    element: bytes


@message
class ChangeField:
    """Change a field of a map as any type is changed."""

    name: bytes
    change: Change


@message
class RemoveField:
    """Take a field from a map."""

    name: bytes


@message
class Remove:
    """Take away all that the key holds."""


@message
class KeepOnly:
    """Of a key's types keep one."""

    tag: int


Change: TypeAlias = Put | PutLast | Add | AddElement | RemoveElement | ChangeField | RemoveField | Remove | KeepOnly


def mutate(cell: Cell, write: Write, change: Change) -> Delta:
    """What the change does to the cell. Raises what its type does."""
    return _MUTATORS[type(change)](cell, write, change)


def _change_field(cell: Cell, write: Write, change: ChangeField) -> Delta:
    return map.change(cell, write, change.name, lambda inner: mutate(inner, write, change.change))


_MUTATORS: dict[type, Callable[[Cell, Write, Any], Delta]] = {
    Put: lambda cell, write, change: register.put(cell, write, change.value),
    PutLast: lambda cell, write, change: last_writer.put(cell, write, change.value),
    Add: lambda cell, write, change: counter.add(cell, write, change.amount),
    AddElement: lambda cell, write, change: add_wins_set.add(cell, write, change.element),
    RemoveElement: lambda cell, write, change: add_wins_set.remove(cell, write, change.element),
    ChangeField: _change_field,
    RemoveField: lambda cell, write, change: map.remove_field(cell, write, change.name),
    Remove: lambda cell, write, change: removal.remove(cell, write),
    KeepOnly: lambda cell, write, change: removal.keep_only(cell, write, change.tag),
}
