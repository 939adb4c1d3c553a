# SPDX-License-Identifier: Apache-2.0
"""``CounterHandle``, ``SetHandle`` and the others, for code that blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from tricord.base.levels import ReadLevel
from tricord.client.keys import Data
from tricord.client.value_changes import Read
from tricord.client.value_handles import (
    CounterHandle,
    Handle,
    LastWriterHandle,
    MapHandle,
    RegisterHandle,
    SetHandle,
)
from tricord.client.value_results import PlainValue, RegisterValue, UpdateReply

if TYPE_CHECKING:
    from tricord.client.loop_thread import LoopThread

H = TypeVar("H", bound=Handle)


class BlockingHandle(Generic[H]):
    """What all have in common."""

    __slots__ = ("_handle", "_thread")

    def __init__(self, thread: LoopThread, handle: H) -> None:
        self._thread = thread
        self._handle = handle

    @property
    def key(self) -> bytes:
        """The key."""
        return self._handle.key

    @property
    def path(self) -> tuple[bytes, ...]:
        """Names of fields on the way, where it is in a map."""
        return self._handle.path

    def remove(self, *, acks: int = 1, timeout: float | None = None) -> UpdateReply:
        """Take it away, whatever it holds. What others write at the same time stays."""
        return self._thread.run(self._handle.remove, acks=acks, timeout=timeout)


class BlockingRegisterHandle(BlockingHandle[RegisterHandle]):
    """A value. Concurrent ones stand side by side until somebody settles it."""

    __slots__ = ()

    def get(
        self, *, replicas: int = 1, at_least: ReadLevel | None = None, timeout: float | None = None
    ) -> RegisterValue | None:
        """The value, and all that stand beside it; None where there is none."""
        return self._thread.run(self._handle.get, replicas=replicas, at_least=at_least, timeout=timeout)

    def put(
        self,
        value: Data,
        *,
        seen: Read = None,
        ttl: float | None = None,
        acks: int = 1,
        timeout: float | None = None,
    ) -> UpdateReply:
        """Put a value in place of what the replica has, or of exactly what was ``seen`` (what ``get`` gave)."""
        return self._thread.run(self._handle.put, value, seen=seen, ttl=ttl, acks=acks, timeout=timeout)

    def resolve(
        self, merge: Callable[[list[bytes]], Data], *, acks: int = 1, timeout: float | None = None
    ) -> bytes | None:
        """Where several values stand, put what ``merge`` makes of them in their place. Gives the value then.

        ``merge`` is called on the client's thread: it must not call the client.
        """
        return self._thread.run(self._handle.resolve, merge, acks=acks, timeout=timeout)


class BlockingLastWriterHandle(BlockingHandle[LastWriterHandle]):
    """A value. Of concurrent ones the last wins."""

    __slots__ = ()

    def get(
        self, *, replicas: int = 1, at_least: ReadLevel | None = None, timeout: float | None = None
    ) -> bytes | None:
        """The value; None where there is none."""
        return self._thread.run(self._handle.get, replicas=replicas, at_least=at_least, timeout=timeout)

    def put(self, value: Data, *, ttl: float | None = None, acks: int = 1, timeout: float | None = None) -> UpdateReply:
        """Put a value."""
        return self._thread.run(self._handle.put, value, ttl=ttl, acks=acks, timeout=timeout)


class BlockingCounterHandle(BlockingHandle[CounterHandle]):
    """A number: all additions count."""

    __slots__ = ()

    def get(self, *, replicas: int = 1, at_least: ReadLevel | None = None, timeout: float | None = None) -> int:
        """The sum; 0 where nothing was added."""
        return self._thread.run(self._handle.get, replicas=replicas, at_least=at_least, timeout=timeout)

    def add(self, amount: int = 1, *, acks: int = 1, timeout: float | None = None) -> UpdateReply:
        """Add; negative to subtract. Raises CounterOverflow beyond 64 bits."""
        return self._thread.run(self._handle.add, amount, acks=acks, timeout=timeout)


class BlockingSetHandle(BlockingHandle[SetHandle]):
    """A set of bytes: an addition wins over a removal that did not see it."""

    __slots__ = ()

    def get(
        self, *, replicas: int = 1, at_least: ReadLevel | None = None, timeout: float | None = None
    ) -> frozenset[bytes]:
        """The elements; empty where there is no set."""
        return self._thread.run(self._handle.get, replicas=replicas, at_least=at_least, timeout=timeout)

    def has(self, element: Data, *, at_least: ReadLevel | None = None, timeout: float | None = None) -> bool:
        """Whether an element is there."""
        return self._thread.run(self._handle.has, element, at_least=at_least, timeout=timeout)

    def add(
        self, element: Data, *, ttl: float | None = None, acks: int = 1, timeout: float | None = None
    ) -> UpdateReply:
        """Add an element."""
        return self._thread.run(self._handle.add, element, ttl=ttl, acks=acks, timeout=timeout)

    def discard(self, element: Data, *, acks: int = 1, timeout: float | None = None) -> UpdateReply:
        """Take an element out. One that is not there is no error."""
        return self._thread.run(self._handle.discard, element, acks=acks, timeout=timeout)


class BlockingMapHandle(BlockingHandle[MapHandle]):
    """Fields with names, each of a type of its own. ``counter``, ``set`` and so on give handles of fields."""

    __slots__ = ()

    def get(
        self, *, replicas: int = 1, at_least: ReadLevel | None = None, timeout: float | None = None
    ) -> dict[bytes, PlainValue]:
        """All fields as Python; empty where there is no map."""
        return self._thread.run(self._handle.get, replicas=replicas, at_least=at_least, timeout=timeout)

    def discard(self, name: Data, *, acks: int = 1, timeout: float | None = None) -> UpdateReply:
        """Take a field out. What others write there at the same time stays."""
        return self._thread.run(self._handle.discard, name, acks=acks, timeout=timeout)

    def register(self, name: Data) -> BlockingRegisterHandle:
        """A field that is a register."""
        return BlockingRegisterHandle(self._thread, self._handle.register(name))

    def last_writer(self, name: Data) -> BlockingLastWriterHandle:
        """A field that is a last-writer register."""
        return BlockingLastWriterHandle(self._thread, self._handle.last_writer(name))

    def counter(self, name: Data) -> BlockingCounterHandle:
        """A field that is a counter."""
        return BlockingCounterHandle(self._thread, self._handle.counter(name))

    def set(self, name: Data) -> BlockingSetHandle:
        """A field that is a set."""
        return BlockingSetHandle(self._thread, self._handle.set(name))

    def map(self, name: Data) -> BlockingMapHandle:
        """A field that is a map."""
        return BlockingMapHandle(self._thread, self._handle.map(name))
