# SPDX-License-Identifier: Apache-2.0
"""Typed values for code that blocks: the calls of ``ValueCalls``, and its watch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tricord.base.levels import ReadLevel
from tricord.base.typed import KeyChange
from tricord.client.blocking_value_handles import (
    BlockingCounterHandle,
    BlockingLastWriterHandle,
    BlockingMapHandle,
    BlockingRegisterHandle,
    BlockingSetHandle,
)
from tricord.client.keys import Data
from tricord.client.value_results import FetchReply, Found, UpdateReply, ValueBatch

if TYPE_CHECKING:
    from types import TracebackType

    from tricord.client.asynchronous import AsyncClient
    from tricord.client.loop_thread import LoopThread
    from tricord.client.value_watching import ValueWatch


class BlockingValueCalls:
    """The part of ``Client`` that knows typed values: see ``ValueCalls``."""

    _thread: LoopThread
    _store: AsyncClient

    def update(self, changes: Sequence[KeyChange], *, acks: int = 1, timeout: float | None = None) -> UpdateReply:
        """Change keys: in a causal keyspace all at once, in an eventual one a single key. Words: ``tricord.values``.

        Answered when it is durable at ``acks`` replicas. Raises TypeMismatch, NotOfThisModel, SiblingLimit;
        TooFewReplicas, where the write stands all the same.
        """
        return self._thread.run(self._store.update, changes, acks=acks, timeout=timeout)

    def fetch(
        self, key: Data, *, replicas: int = 1, at_least: ReadLevel | None = None, timeout: float | None = None
    ) -> Found:
        """What a key holds, whatever its type. Of an eventual keyspace as so many replicas have it, merged."""
        return self._thread.run(self._store.fetch, key, replicas=replicas, at_least=at_least, timeout=timeout)

    def fetch_range(
        self,
        start: Data = b"",
        end: Data | None = None,
        *,
        limit: int = 0,
        at_least: ReadLevel | None = None,
        timeout: float | None = None,
    ) -> FetchReply:
        """The keys from ``start`` to before ``end`` (None: to the last), as one causal cut in a causal keyspace."""
        return self._thread.run(self._store.fetch_range, start, end, limit=limit, at_least=at_least, timeout=timeout)

    def fetch_prefix(
        self, prefix: Data, *, limit: int = 0, at_least: ReadLevel | None = None, timeout: float | None = None
    ) -> FetchReply:
        """The keys that begin with ``prefix``, as one causal cut in a causal keyspace."""
        return self._thread.run(self._store.fetch_prefix, prefix, limit=limit, at_least=at_least, timeout=timeout)

    def register(self, key: Data) -> BlockingRegisterHandle:
        """A key that holds a register: nothing written at the same time is lost."""
        return BlockingRegisterHandle(self._thread, self._store.register(key))

    def last_writer(self, key: Data) -> BlockingLastWriterHandle:
        """A key that holds a last-writer register."""
        return BlockingLastWriterHandle(self._thread, self._store.last_writer(key))

    def counter(self, key: Data) -> BlockingCounterHandle:
        """A key that holds a counter."""
        return BlockingCounterHandle(self._thread, self._store.counter(key))

    def set(self, key: Data) -> BlockingSetHandle:
        """A key that holds a set."""
        return BlockingSetHandle(self._thread, self._store.set(key))

    def map(self, key: Data) -> BlockingMapHandle:
        """A key that holds a map."""
        return BlockingMapHandle(self._thread, self._store.map(key))

    def watch_values(
        self,
        key: Data | None = None,
        *,
        prefix: Data | None = None,
        start: Data | None = None,
        end: Data | None = None,
        resume: str = "",
        timeout: float | None = None,
    ) -> BlockingValueWatch:
        """What becomes of a key, a prefix (empty: all keys) or the keys from ``start`` to before ``end``, typed.

        It begins with what is there now, or behind the batch whose ``resume`` is given. ``timeout`` is for the making.
        """

        async def make() -> ValueWatch:
            return self._store.watch_values(key, prefix=prefix, start=start, end=end, resume=resume, timeout=timeout)

        return BlockingValueWatch(self._thread, self._thread.run(make))


class BlockingValueWatch:
    """Batches of what keys hold: see ``aio.ValueWatch``. For one reader at a time; another thread may close it."""

    def __init__(self, thread: LoopThread, watch: ValueWatch) -> None:
        self._thread = thread
        self._watch = watch

    def __enter__(self) -> BlockingValueWatch:
        self._thread.run(self._watch.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give it up; a thread that reads gets the end. Closing twice is fine."""
        if not self._thread.stopped:
            self._thread.run(_closing, self._watch)

    @property
    def resume(self) -> str:
        """What a later watch is given to begin behind all that this one has told; empty: it told nothing."""
        return self._watch.resume

    def __iter__(self) -> Iterator[ValueBatch]:
        return self

    def __next__(self) -> ValueBatch:
        batch = self._thread.run(_next, self._watch)
        if batch is None:
            raise StopIteration
        return batch

    def take(self, timeout: float) -> ValueBatch | None:
        """The next, or None when nothing came in ``timeout`` seconds, or the watch was closed. Nothing is lost."""
        return self._thread.run(self._watch.take, timeout)


async def _closing(watch: ValueWatch) -> None:
    watch.close()


async def _next(watch: ValueWatch) -> ValueBatch | None:
    return await anext(watch, None)
