# SPDX-License-Identifier: Apache-2.0
"""What one client's watches of a causal or eventual keyspace have to tell, until it is taken."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from tricord.auth.authorise import authorise
from tricord.base.context import Context
from tricord.base.errors import InvalidRequest, KeyNotProvided
from tricord.base.operations import Range
from tricord.server.replicas.ranges import bounds
from tricord.server.replicas.watching import Batch, ReplicaHub, Told, Watcher

QUEUE_BYTES = 4 << 20
"""What a stream may hold that is not taken."""

T = TypeVar("T")


class Watch(Generic[T]):
    """One watch: what it has still to tell. ``T``: what its stream makes of that."""

    def __init__(self, stream: HubStream[T], number: int, key: bytes, range_end: bytes) -> None:
        start, end = bounds(key, range_end)
        self._stream = stream
        self.number = number
        self.watcher = Watcher(start, end, self.offer)
        self.items: deque[tuple[Batch, list[Told]]] = deque()
        self.held = 0

    def offer(self, batch: Batch, changes: list[Told]) -> None:
        """Take its share of what became durable, or lose all if the client takes too slowly."""
        stream = self._stream
        size = sum(one.bytes for one in changes)
        if stream.held + size > QUEUE_BYTES and stream.held:
            stream.overflow(self)
        else:
            self.items.append((batch, changes))
            self.held += size
            stream.held += size
        stream.stir(self)

    def next(self) -> tuple[Batch, list[Told]]:
        """The oldest share."""
        batch, changes = self.items.popleft()
        size = sum(one.bytes for one in changes)
        self.held -= size
        self._stream.held -= size
        return batch, changes

    def clear(self) -> None:
        """Forget what was not taken."""
        self.items.clear()
        self._stream.held -= self.held
        self.held = 0


W = TypeVar("W", bound=Watch)  # type: ignore[type-arg]


class HubStream(ABC, Generic[T]):
    """Several watches of one client; ``wake`` runs once when there is something at first, or after an empty take."""

    def __init__(self, hub: ReplicaHub, context: Context, wake: Callable[[], None]) -> None:
        self.hub = hub
        self.held = 0
        self._context = context
        self._wake = wake
        self._next_number = 0
        self._stirred: dict[Watch[T], None] = {}
        """Those that have something to tell."""
        self._is_asleep = True
        self._is_closed = False
        hub.open(self)

    def _number(self, key: bytes, range_end: bytes) -> int:
        """Of a watch that begins. Raises why it may not."""
        self.hub.check()
        if not key:
            raise KeyNotProvided
        start, end = bounds(key, range_end)
        if end is not None and end <= start:
            raise InvalidRequest("the range to watch is empty")
        authorise(self._context, Range(key, range_end))
        self._next_number += 1
        return self._next_number - 1

    def stir(self, watch: Watch[T]) -> None:
        """It has something to tell. Who is to be woken is, when the hub is done."""
        self._stirred[watch] = None

    def take(self, budget_bytes: int) -> list[T]:
        """What there is to tell, of about that size."""
        self.hub.check()
        found: list[T] = []
        size = 0
        stirred = self._stirred
        while stirred and size < budget_bytes:
            watch = next(iter(stirred))
            told = self._tell(watch)
            if told is None:
                stirred.pop(watch, None)
            else:
                item, cost = told
                size += cost
                found.append(item)
        if not stirred:
            found += self._marks()
        self._is_asleep = not found
        return found

    @abstractmethod
    def _tell(self, watch: Watch[T]) -> tuple[T, int] | None:
        """The next thing that a watch tells, and its size; None: there is nothing."""

    @abstractmethod
    def overflow(self, watch: Watch[T]) -> None:
        """The client takes too slowly: what waits for it is too much."""

    @abstractmethod
    def resync(self) -> None:
        """Keys changed that are not told one by one."""

    def _marks(self) -> list[T]:
        """What is told when all else was."""
        return []

    @property
    def wants_waking(self) -> bool:
        """Whether there is something, and nobody was told."""
        return self._is_asleep and (bool(self._stirred) or self.hub.error is not None)

    def rouse(self) -> None:
        """Tell the client that there is something to take."""
        self._is_asleep = False
        self._wake()

    def close(self) -> None:
        """End all."""
        if not self._is_closed:
            self._is_closed = True
            self.hub.close(self)
            self._stirred.clear()
            self._wake = _nobody


def _nobody() -> None:
    """Else the stream and whoever it woke would wait for the garbage collector."""
