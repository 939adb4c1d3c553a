# SPDX-License-Identifier: Apache-2.0
"""One key of a causal or eventual keyspace, or one field of a map there, by its type. Made by the client's ``counter``,
``set`` and so on. What each type promises: docs/types.md.

``acks``: how many replicas are to have a write before it is answered, ``replicas``: how many are read and merged,
``ttl``: seconds until it ends (all three: eventual keyspaces only).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from tricord.base.levels import ReadLevel
from tricord.base.typed import KeyChange
from tricord.client import value_changes, value_steps
from tricord.client.keys import Data, to_bytes
from tricord.client.value_changes import Read
from tricord.client.value_results import PlainValue, RegisterValue, UpdateReply
from tricord.client.value_steps import ValueStep

if TYPE_CHECKING:
    from tricord.client.asynchronous import AsyncClient

R = TypeVar("R")


class Handle:
    """What all have in common. ``path``: names of fields on the way, where it is in a map."""

    __slots__ = ("_client", "key", "path")

    def __init__(self, client: AsyncClient, key: Data, path: tuple[bytes, ...] = ()) -> None:
        self._client = client
        self.key = to_bytes(key)
        self.path = path

    async def remove(self, *, acks: int = 1, timeout: float | None = None) -> UpdateReply:
        """Take it away, whatever it holds. What others write at the same time stays."""
        if not self.path:
            return await self._update(value_changes.remove(self.key), acks, timeout)
        removal = value_changes.remove_field(self.key, self.path[-1], field=self.path[:-1])
        return await self._update(removal, acks, timeout)

    async def _update(self, change: KeyChange, acks: int, timeout: float | None) -> UpdateReply:
        return await self._client.update([change], acks=acks, timeout=timeout)

    async def _ask(self, step: ValueStep[R], at_least: ReadLevel | None, timeout: float | None) -> R:
        return await self._client.ask(step, at_least=at_least, timeout=timeout)


class RegisterHandle(Handle):
    """A value. Concurrent ones stand side by side until somebody settles it."""

    __slots__ = ()

    async def get(
        self, *, replicas: int = 1, at_least: ReadLevel | None = None, timeout: float | None = None
    ) -> RegisterValue | None:
        """The value, and all that stand beside it; None where there is none."""
        return await self._ask(value_steps.register(self.key, self.path, replicas), at_least, timeout)

    async def put(
        self,
        value: Data,
        *,
        seen: Read = None,
        ttl: float | None = None,
        acks: int = 1,
        timeout: float | None = None,
    ) -> UpdateReply:
        """Put a value in place of what the replica has, or of exactly what was ``seen`` (what ``get`` gave)."""
        change = value_changes.put(self.key, value, field=self.path, seen=seen, ttl=ttl)
        return await self._update(change, acks, timeout)

    async def resolve(
        self, merge: Callable[[list[bytes]], Data], *, acks: int = 1, timeout: float | None = None
    ) -> bytes | None:
        """Where several values stand, put what ``merge`` makes of them in their place. Gives the value then."""
        found = await self.get(timeout=timeout)
        if found is None or not found.conflict:
            return None if found is None else found.value
        settled = to_bytes(merge(found.siblings))
        await self.put(settled, seen=found, acks=acks, timeout=timeout)
        return settled


class LastWriterHandle(Handle):
    """A value. Of concurrent ones the last wins."""

    __slots__ = ()

    async def get(
        self, *, replicas: int = 1, at_least: ReadLevel | None = None, timeout: float | None = None
    ) -> bytes | None:
        """The value; None where there is none."""
        return await self._ask(value_steps.last_writer(self.key, self.path, replicas), at_least, timeout)

    async def put(
        self, value: Data, *, ttl: float | None = None, acks: int = 1, timeout: float | None = None
    ) -> UpdateReply:
        """Put a value."""
        return await self._update(value_changes.put_last(self.key, value, field=self.path, ttl=ttl), acks, timeout)


class CounterHandle(Handle):
    """A number: all additions count."""

    __slots__ = ()

    async def get(self, *, replicas: int = 1, at_least: ReadLevel | None = None, timeout: float | None = None) -> int:
        """The sum; 0 where nothing was added."""
        return await self._ask(value_steps.counter(self.key, self.path, replicas), at_least, timeout)

    async def add(self, amount: int = 1, *, acks: int = 1, timeout: float | None = None) -> UpdateReply:
        """Add; negative to subtract. Raises CounterOverflow beyond 64 bits."""
        return await self._update(value_changes.add(self.key, amount, field=self.path), acks, timeout)


class SetHandle(Handle):
    """A set of bytes: an addition wins over a removal that did not see it."""

    __slots__ = ()

    async def get(
        self, *, replicas: int = 1, at_least: ReadLevel | None = None, timeout: float | None = None
    ) -> frozenset[bytes]:
        """The elements; empty where there is no set."""
        return await self._ask(value_steps.elements(self.key, self.path, replicas), at_least, timeout)

    async def has(self, element: Data, *, at_least: ReadLevel | None = None, timeout: float | None = None) -> bool:
        """Whether an element is there."""
        return to_bytes(element) in await self.get(at_least=at_least, timeout=timeout)

    async def add(
        self, element: Data, *, ttl: float | None = None, acks: int = 1, timeout: float | None = None
    ) -> UpdateReply:
        """Add an element."""
        change = value_changes.add_element(self.key, element, field=self.path, ttl=ttl)
        return await self._update(change, acks, timeout)

    async def discard(self, element: Data, *, acks: int = 1, timeout: float | None = None) -> UpdateReply:
        """Take an element out. One that is not there is no error."""
        return await self._update(value_changes.remove_element(self.key, element, field=self.path), acks, timeout)


class MapHandle(Handle):
    """Fields with names, each of a type of its own. ``counter``, ``set`` and so on give handles of fields."""

    __slots__ = ()

    async def get(
        self, *, replicas: int = 1, at_least: ReadLevel | None = None, timeout: float | None = None
    ) -> dict[bytes, PlainValue]:
        """All fields as Python; empty where there is no map."""
        return await self._ask(value_steps.fields(self.key, self.path, replicas), at_least, timeout)

    async def discard(self, name: Data, *, acks: int = 1, timeout: float | None = None) -> UpdateReply:
        """Take a field out. What others write there at the same time stays."""
        return await self._update(value_changes.remove_field(self.key, name, field=self.path), acks, timeout)

    def register(self, name: Data) -> RegisterHandle:
        """A field that is a register."""
        return RegisterHandle(self._client, self.key, (*self.path, to_bytes(name)))

    def last_writer(self, name: Data) -> LastWriterHandle:
        """A field that is a last-writer register."""
        return LastWriterHandle(self._client, self.key, (*self.path, to_bytes(name)))

    def counter(self, name: Data) -> CounterHandle:
        """A field that is a counter."""
        return CounterHandle(self._client, self.key, (*self.path, to_bytes(name)))

    def set(self, name: Data) -> SetHandle:
        """A field that is a set."""
        return SetHandle(self._client, self.key, (*self.path, to_bytes(name)))

    def map(self, name: Data) -> MapHandle:
        """A field that is a map."""
        return MapHandle(self._client, self.key, (*self.path, to_bytes(name)))
