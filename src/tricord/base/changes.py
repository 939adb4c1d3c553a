# SPDX-License-Identifier: Apache-2.0
"""What a client asks of a key of a causal or eventual keyspace, as values: each is carried out by the type of it."""

from __future__ import annotations

from typing import TypeAlias

from tricord.base.message import message


@message
class Put:
    """Put a register's value."""

    value: bytes


@message
class PutLast:
    """Put a last-writer register's value."""

    value: bytes


@message
class Overwrite:
    """Put the value of a register, or of a last-writer register where the key is one: the put of who knows no types,
    as etcd's clients do."""

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


Change: TypeAlias = (
    Put | PutLast | Overwrite | Add | AddElement | RemoveElement | ChangeField | RemoveField | Remove | KeepOnly
)

_TAKES_AWAY: frozenset[type] = frozenset((Remove, RemoveElement, RemoveField))


def size_of(change: Change) -> int:
    """About how many bytes it brings."""
    if isinstance(change, Put | PutLast | Overwrite):
        return len(change.value)
    if isinstance(change, AddElement | RemoveElement):
        return len(change.element)
    if isinstance(change, ChangeField):
        return len(change.name) + size_of(change.change)
    return len(change.name) if isinstance(change, RemoveField) else 16


def takes_away(change: Change) -> bool:
    """Whether it only takes away, in a field of a map too: such changes are made where there is no room for others."""
    while isinstance(change, ChangeField):
        change = change.change
    return type(change) in _TAKES_AWAY
