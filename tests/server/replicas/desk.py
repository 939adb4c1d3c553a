# SPDX-License-Identifier: Apache-2.0
"""Requests about a keyspace at one place of a company, as doors send them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.server.replicas.company import CLUSTER, Place
from tricord.base.context import Context
from tricord.base.errors import ReplicaCatchingUp, TricordError
from tricord.base.keyspaces import KeyspaceRecord
from tricord.base.levels import Stamp
from tricord.base.metrics import Metrics
from tricord.base.operations import DeleteRange, Put, Range, RangeResult, Request
from tricord.base.typed import KeyChange, TypedEvents, TypedStream, TypedWatch, Update
from tricord.base.watching import WatchItem, WatchSpec, WatchStream
from tricord.server.engine import Outcome
from tricord.server.replicas.keyspace_replica import KeyspaceReplica
from tricord.server.replicas.requests import ReplicaRequests

HISTORY = 5


class Desk:
    """``ReplicaRequests`` over the host of a place."""

    def __init__(self, place: Place, *, waiting_max: int = 100, request_bytes_max: int = 1 << 20) -> None:
        self.place = place
        self.record = place.record
        self.faults: list[BaseException] = []
        self.metrics = Metrics()
        self.requests = ReplicaRequests(
            place.environment,
            self.metrics,
            find=self._find,
            cluster=CLUSTER,
            member=place.number,
            history=HISTORY,
            term=lambda: 3,
            report=lambda error, where: self.faults.append(error),
            waiting_max=waiting_max,
            request_bytes_max=request_bytes_max,
            progress_seconds=10.0,
        )

    def _find(self, record: KeyspaceRecord) -> KeyspaceReplica:
        if self.place.host is None:
            raise ReplicaCatchingUp
        host: KeyspaceReplica = self.place.host
        return host

    def begin(self, request: Request, context: Context | None = None) -> asyncio.Future[tuple[Outcome, Stamp]]:
        """Ask; the answer comes once."""
        loop = self.place.company.loop
        answered: asyncio.Future[tuple[Outcome, Stamp]] = loop.create_future()
        self.requests.call(self.record, request, context or self.context(), lambda *told: answered.set_result(told))
        return answered

    def begin_put(self, key: str, value: str) -> asyncio.Future[tuple[Outcome, Stamp]]:
        return self.begin(Put(key.encode(), value.encode()))

    async def ask(self, request: Request, context: Context | None = None) -> tuple[Any, Stamp]:
        """The answer. Raises it where it is an error."""
        outcome, stamp = await self.begin(request, context)
        if isinstance(outcome, TricordError):
            raise outcome
        return outcome, stamp

    async def refusal(self, request: Request, context: Context | None = None) -> TricordError:
        with pytest.raises(TricordError) as caught:
            await self.ask(request, context)
        return caught.value

    def context(self, **given: Any) -> Context:
        given.setdefault("deadline", self.place.company.loop.time() + 2.0)
        return Context(self.record.name, **given)

    async def put(self, key: str, value: str, **given: Any) -> Stamp:
        return (await self.ask(Put(key.encode(), value.encode()), self.context(**given)))[1]

    async def get(self, key: str, **given: Any) -> str | None:
        result, _ = await self.ask(Range(key.encode()), self.context(**given))
        assert isinstance(result, RangeResult)
        return result.kvs[0].value.decode() if result.kvs else None

    async def delete(self, key: str) -> Stamp:
        return (await self.ask(DeleteRange(key.encode())))[1]

    async def update(self, *changes: KeyChange) -> Stamp:
        return (await self.ask(Update(list(changes))))[1]


class Watcher:
    """A typed watch and what it told."""

    def __init__(self, desk: Desk, *specs: TypedWatch, token: bytes = b"") -> None:
        self.woken = 0
        context = desk.context(token=token)
        self.stream: TypedStream = desk.requests.open_typed_watch(desk.record, context, self._wake)
        self.told: list[TypedEvents] = []
        for spec in specs:
            self.stream.add(spec)

    def _wake(self) -> None:
        self.woken += 1

    def take(self) -> list[TypedEvents]:
        """All there is."""
        found: list[TypedEvents] = []
        while batch := self.stream.take(1 << 20):
            found += batch
        self.told += found
        return found

    @staticmethod
    def shown(events: list[TypedEvents]) -> list[dict[str, Any]]:
        """By batch: key and value."""
        return [
            {one.key.decode(): None if one.value is None else one.value.value for one in event.keys} for event in events
        ]


class EtcdWatcher:
    """A watch as etcd's clients make it, and what it told."""

    def __init__(self, desk: Desk, *specs: WatchSpec) -> None:
        self.woken = 0
        self.stream: WatchStream = desk.requests.open_watch(desk.record, desk.context(), self._wake)
        for spec in specs:
            self.stream.add(spec)

    def _wake(self) -> None:
        self.woken += 1

    def take(self) -> list[WatchItem]:
        found: list[WatchItem] = []
        while items := self.stream.take(1 << 20):
            found += items
        return found
