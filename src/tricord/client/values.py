# SPDX-License-Identifier: Apache-2.0
"""The part of ``AsyncClient`` that knows typed values, which the keys of causal and eventual keyspaces hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar, cast

from tricord.base.levels import ReadLevel
from tricord.base.typed import KeyChange, TypedWatch
from tricord.client import value_steps
from tricord.client.caller import Caller
from tricord.client.keys import Data, prefix_range, span, to_bytes
from tricord.client.value_handles import CounterHandle, LastWriterHandle, MapHandle, RegisterHandle, SetHandle
from tricord.client.value_results import FetchReply, Found, UpdateReply
from tricord.client.value_steps import ValueStep

if TYPE_CHECKING:
    from tricord.client.asynchronous import AsyncClient
    from tricord.client.value_watching import ValueWatch

R = TypeVar("R")


class ValueCalls:
    """Calls that know the types of values. In a strong keyspace, keys hold registers (over a network only)."""

    _timeout: float

    async def _open(self) -> Caller:
        raise NotImplementedError

    async def ask(self, step: ValueStep[R], *, at_least: ReadLevel | None = None, timeout: float | None = None) -> R:
        raise NotImplementedError

    async def update(self, changes: Sequence[KeyChange], *, acks: int = 1, timeout: float | None = None) -> UpdateReply:
        """Change keys: in a causal keyspace all at once, in an eventual one a single key. Words: ``tricord.values``.

        Answered when it is durable at ``acks`` replicas. Raises TypeMismatch, NotOfThisModel, SiblingLimit;
        TooFewReplicas, where the write stands all the same.
        """
        return await self.ask(value_steps.update(changes, acks), timeout=timeout)

    async def fetch(
        self, key: Data, *, replicas: int = 1, at_least: ReadLevel | None = None, timeout: float | None = None
    ) -> Found:
        """What a key holds, whatever its type. Of an eventual keyspace as so many replicas have it, merged."""
        return await self.ask(value_steps.fetch(key, replicas), at_least=at_least, timeout=timeout)

    async def fetch_range(
        self,
        start: Data = b"",
        end: Data | None = None,
        *,
        limit: int = 0,
        at_least: ReadLevel | None = None,
        timeout: float | None = None,
    ) -> FetchReply:
        """The keys from ``start`` to before ``end`` (None: to the last), as one causal cut in a causal keyspace."""
        return await self.ask(value_steps.fetch_range(span(start, end), limit), at_least=at_least, timeout=timeout)

    async def fetch_prefix(
        self, prefix: Data, *, limit: int = 0, at_least: ReadLevel | None = None, timeout: float | None = None
    ) -> FetchReply:
        """The keys that begin with ``prefix``, as one causal cut in a causal keyspace."""
        step = value_steps.fetch_range(prefix_range(prefix), limit)
        return await self.ask(step, at_least=at_least, timeout=timeout)

    def register(self, key: Data) -> RegisterHandle:
        """A key that holds a register: nothing written at the same time is lost."""
        return RegisterHandle(self._self(), key)

    def last_writer(self, key: Data) -> LastWriterHandle:
        """A key that holds a last-writer register."""
        return LastWriterHandle(self._self(), key)

    def counter(self, key: Data) -> CounterHandle:
        """A key that holds a counter."""
        return CounterHandle(self._self(), key)

    def set(self, key: Data) -> SetHandle:
        """A key that holds a set."""
        return SetHandle(self._self(), key)

    def map(self, key: Data) -> MapHandle:
        """A key that holds a map."""
        return MapHandle(self._self(), key)

    def watch_values(
        self,
        key: Data | None = None,
        *,
        prefix: Data | None = None,
        start: Data | None = None,
        end: Data | None = None,
        resume: str = "",
        timeout: float | None = None,
    ) -> ValueWatch:
        """What becomes of a key, a prefix (empty: all keys) or the keys from ``start`` to before ``end``, typed.

        It begins with what is there now, or behind the batch whose ``resume`` is given. ``timeout`` is for the making.
        """
        from tricord.client.value_watching import ValueWatch

        bounded = start is not None or end is not None
        if (key is not None) + (prefix is not None) + bounded != 1:
            raise ValueError("watch one of: a key, a prefix (empty: all keys), or start and end")
        if key is not None:
            bounds = to_bytes(key), b""
        elif prefix is not None:
            bounds = prefix_range(prefix)
        else:
            bounds = span(start or b"", end)
        patience = self._timeout if timeout is None else timeout
        return ValueWatch(self._open, TypedWatch(*bounds), resume=resume, timeout=patience)

    def _self(self) -> AsyncClient:
        return cast("AsyncClient", self)
