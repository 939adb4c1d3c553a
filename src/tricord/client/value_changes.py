# SPDX-License-Identifier: Apache-2.0
"""The words of an update: what becomes of keys of a causal or eventual keyspace, each by the type that it holds.

    carts.update([add("visits", 1), add_element("alice", "milk", field="wanted")])

``field`` names a field of a map, or a path of fields through maps in maps: the change is carried out there. ``seen`` is
what a read gave (or its ``context``): the change then replaces exactly what that read saw. ``ttl`` is in seconds, for
eventual keyspaces.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from tricord.base import changes
from tricord.base.changes import Change
from tricord.base.typed import KeyChange
from tricord.base.values import DataType
from tricord.client.keys import Data, to_bytes


class Seen(Protocol):
    """A read's answer."""

    @property
    def context(self) -> bytes:
        """What was seen there, for a later write."""


Read: TypeAlias = Seen | bytes | None
Field: TypeAlias = Data | Sequence[Data]


def put(key: Data, value: Data, *, field: Field = (), seen: Read = None, ttl: float | None = None) -> KeyChange:
    """Put a register's value: concurrent ones stand side by side until somebody settles it."""
    return change(key, changes.Put(to_bytes(value)), field=field, seen=seen, ttl=ttl)


def put_last(key: Data, value: Data, *, field: Field = (), ttl: float | None = None) -> KeyChange:
    """Put a last-writer register's value: of concurrent ones the last wins."""
    return change(key, changes.PutLast(to_bytes(value)), field=field, ttl=ttl)


def add(key: Data, amount: int = 1, *, field: Field = ()) -> KeyChange:
    """Add to a counter; negative to subtract."""
    return change(key, changes.Add(amount), field=field)


def add_element(key: Data, element: Data, *, field: Field = (), ttl: float | None = None) -> KeyChange:
    """Add to a set."""
    return change(key, changes.AddElement(to_bytes(element)), field=field, ttl=ttl)


def remove_element(key: Data, element: Data, *, field: Field = ()) -> KeyChange:
    """Take from a set. One that is not there is no error."""
    return change(key, changes.RemoveElement(to_bytes(element)), field=field)


def remove_field(key: Data, name: Data, *, field: Field = ()) -> KeyChange:
    """Take a field from a map; ``field`` says in which map of maps."""
    return change(key, changes.RemoveField(to_bytes(name)), field=field)


def remove(key: Data, *, seen: Read = None) -> KeyChange:
    """Take away all that the key holds."""
    return change(key, changes.Remove(), seen=seen)


def keep_only(key: Data, kind: DataType) -> KeyChange:
    """Of the types that a key holds, since two were written at the same time, keep one."""
    return change(key, changes.KeepOnly(kind))


def change(key: Data, what: Change, *, field: Field = (), seen: Read = None, ttl: float | None = None) -> KeyChange:
    """Any change, as ``base.changes`` has it. Raises ValueError for a time to live that is over already."""
    for name in reversed(path_of(field)):
        what = changes.ChangeField(name, what)
    context = seen if isinstance(seen, bytes) else b"" if seen is None else seen.context
    return KeyChange(to_bytes(key), what, context, _milliseconds(ttl))


def path_of(field: Field) -> tuple[bytes, ...]:
    """The names of fields on the way to what is meant."""
    return (to_bytes(field),) if isinstance(field, str | bytes) else tuple(map(to_bytes, field))


def _milliseconds(ttl: float | None) -> int:
    if ttl is None:
        return 0
    if not 0 < ttl < 1e12:
        raise ValueError(f"a time to live is a number of seconds above 0, not {ttl}")
    return max(1, round(ttl * 1000))
