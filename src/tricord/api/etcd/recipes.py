# SPDX-License-Identifier: Apache-2.0
"""What the services Lock and Election share: a queue of keys under one name, in the order of their create revisions.

Each contender has a key ``name/<lease in hex>``, bound to its lease. Who has the oldest one is served; each other waits
for the key before its own to go. This is the layout of etcd's Go client (clientv3/concurrency), so that whoever uses
that library stands in the same queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, cast

from tricord.api.answering import answer_later
from tricord.api.etcd.errors import describe
from tricord.api.keyspaces import keyspace_of, open_watch
from tricord.base.context import Context
from tricord.base.errors import TricordError
from tricord.base.leases import LeaseGrant, LeaseGrantResult
from tricord.base.levels import Stamp
from tricord.base.message import message
from tricord.base.operations import (
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    EventKind,
    KeyValue,
    Put,
    Range,
    RangeResult,
    SortOrder,
    SortTarget,
    Txn,
    TxnResult,
)
from tricord.base.watching import WatchCompacted, WatchEvents, WatchItem, WatchSpec
from tricord.server.engine import Engine
from tricord.wire.grpc.service import StreamCall, UnaryCall
from tricord.wire.grpc.status import GrpcError, Status

SESSION_SECONDS = 60
"""Time to live of the lease that is made for a caller who brings none."""
TAKE_BYTES = 64 << 10


@message
class Place:
    """A contender's place in the queue. ``header`` is the answer's that led to it; ``value`` what its key held."""

    key: bytes
    revision: int
    value: bytes
    owner_revision: int
    header: Stamp


class Queue:
    """The keys of one name, for one call."""

    def __init__(self, engine: Engine, name: bytes, call: UnaryCall | StreamCall) -> None:
        self.engine = engine
        self.name = name
        self.prefix = name + b"/"
        self.end = name + b"0"  # the byte behind the slash
        self._deadline = call.deadline
        self._keyspace = keyspace_of(call.metadata)

    def context(self) -> Context:
        """For one request of this call."""
        return Context(self._keyspace, deadline=self._deadline)

    async def lease(self, given: int) -> int:
        """The caller's lease, or a new one that nobody renews."""
        if given:
            return given
        result, _ = await self.engine.ask(LeaseGrant(SESSION_SECONDS), self.context())
        return cast(LeaseGrantResult, result).id

    async def enter(self, lease: int, value: bytes) -> Place:
        """Put the contender's key, unless it is there already, and see who is first."""
        key = self.prefix + b"%x" % lease
        first = self._first(SortOrder.ASCEND)
        request = Txn([created_at(key, 0)], [Put(key, value, lease), first], [Range(key), first])
        result, header = await self.engine.ask(request, self.context())
        answer = cast(TxnResult, result)
        owners = cast(RangeResult, answer.results[1]).kvs
        revision, held = header.revision, value
        if not answer.succeeded:
            own = cast(RangeResult, answer.results[0]).kvs[0]
            revision, held = own.create_revision, own.value
        return Place(key, revision, held, owners[0].create_revision, header)

    async def first(self) -> tuple[KeyValue | None, Stamp]:
        """The oldest key of the queue."""
        result, header = await self.engine.ask(self._first(SortOrder.ASCEND), self.context())
        kvs = cast(RangeResult, result).kvs
        return (kvs[0] if kvs else None), header

    async def until_first(self, place: Place) -> Stamp:
        """Wait until no older key is there; the header of the answer that said so."""
        older = self._first(SortOrder.DESCEND, max_create_revision=place.revision - 1)
        while True:
            result, header = await self.engine.ask(older, self.context())
            kvs = cast(RangeResult, result).kvs
            if not kvs:
                return header
            await self._until_deleted(kvs[0].key, header.revision)

    async def leave(self, place: Place) -> None:
        """Give up a place in the queue, whatever became of the caller."""
        request = Txn([created_at(place.key, place.revision)], [DeleteRange(place.key)], [])
        try:
            await self.engine.ask(request, Context(self._keyspace))
        except TricordError:
            return  # the lease ends it

    def _first(self, order: SortOrder, max_create_revision: int = 0) -> Range:
        return Range(
            self.prefix,
            self.end,
            limit=1,
            sort_order=order,
            sort_target=SortTarget.CREATE,
            max_create_revision=max_create_revision,
        )

    async def _until_deleted(self, key: bytes, revision: int) -> None:
        """Return when the key was deleted at or after ``revision``, or when nobody can say any more whether it was."""
        async with aclosing(watched(self.engine, self.context(), WatchSpec(key, start_revision=revision))) as items:
            async for item in items:
                if isinstance(item, WatchCompacted):
                    return
                if isinstance(item, WatchEvents) and any(one.event.kind == EventKind.DELETE for one in item.events):
                    return


async def watched(engine: Engine, context: Context, spec: WatchSpec) -> AsyncGenerator[WatchItem, None]:
    """What a watch tells, one by one; close it."""
    news = asyncio.Event()
    stream = await open_watch(engine, context, news.set)
    try:
        stream.add(spec)
        while True:
            news.clear()
            items = stream.take(TAKE_BYTES)
            if not items:
                await news.wait()
            for item in items:
                yield item
    finally:
        stream.close()


def answer(call: UnaryCall, work: Coroutine[Any, Any, bytes]) -> None:
    """Reply with what ``work`` returns, or raises."""
    answer_later(call, work, _fail)


def _fail(call: UnaryCall, error: TricordError) -> None:
    failure = in_words(error, call.deadline)
    call.fail(failure.status, failure.text)


def in_words(error: TricordError, deadline: float | None) -> GrpcError:
    """The error as these services tell it: etcd runs them over a client of its own, whose errors lose their codes on
    the way and keep their texts."""
    return GrpcError(Status.UNKNOWN, describe(error, deadline)[1])


def created_at(key: bytes, revision: int) -> Compare:
    """That the key was created at the revision (0: that it is not there)."""
    return Compare(key, CompareTarget.CREATE, CompareResult.EQUAL, revision)
