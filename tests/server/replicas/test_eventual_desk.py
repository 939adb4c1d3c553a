# SPDX-License-Identifier: Apache-2.0
"""Requests about an eventual keyspace and its watches: what differs from those of a causal one."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from tests.server.replicas.company import Company, play
from tests.server.replicas.desk import Desk, EtcdWatcher, Watcher
from tricord.base.changes import Add
from tricord.base.changes import Put as PutRegister
from tricord.base.dots import Origin, VersionVector
from tricord.base.errors import InvalidRequest, NotOfThisModel, TokenDamaged, TooFewReplicas
from tricord.base.keyspaces import Model
from tricord.base.levels import Level
from tricord.base.operations import DeleteRange, Put, Range, Txn
from tricord.base.token import Token
from tricord.base.typed import TTL_MAX, Fetch, FetchResult, KeyChange, TypedWatch, Update, UpdateResult
from tricord.base.watching import WatchEvents, WatchSpec
from tricord.server.replicas.typed_stream import TypedWatchStream

ALL = TypedWatch(b"\0", b"\0")


def at_two(story: Callable[[Company, Desk, Desk], Coroutine[Any, Any, None]]) -> None:
    async def whole(company: Company) -> None:
        await company.start()
        await story(company, *map(Desk, company.places))

    play(Company(Model.EVENTUAL, 2), whole)


def test_etcds_requests_put_read_and_delete() -> None:
    async def story(company: Company, one: Desk, two: Desk) -> None:
        stamp = await one.put("a", "1")
        assert (stamp.level, stamp.age, stamp.vectors) == (Level.EVENTUAL, None, None)
        assert stamp.token == Token(77, 5)
        await one.put("b", "2")
        await company.until(company.are_equal)
        found, read = await two.ask(Range(b"a", b"\0"))
        assert ([kv.value for kv in found.kvs], read.level) == ([b"1", b"2"], Level.EVENTUAL)
        gone, _ = await two.ask(DeleteRange(b"a", b"\0", previous=True))
        assert (gone.deleted, [kv.value for kv in gone.previous]) == (2, [b"1", b"2"])
        await company.until(company.are_equal)
        assert (await one.ask(Range(b"a", b"\0", count_only=True)))[0].count == 0

    at_two(story)


def test_acks_replicas_and_times_to_live() -> None:
    async def story(company: Company, one: Desk, two: Desk) -> None:
        both, _ = await one.ask(Update([KeyChange(b"a", PutRegister(b"1"))], acks=2))
        assert isinstance(both, UpdateResult)
        assert both.acks == 2
        merged, _ = await two.ask(Fetch(b"a", replicas=2))
        assert isinstance(merged, FetchResult)
        assert merged.keys[0].value is not None
        company.partition(1)
        few = await one.refusal(Update([KeyChange(b"a", PutRegister(b"2"))], acks=2))
        assert type(few) is TooFewReplicas
        assert await one.get("a") == "2", "it stands where it was made"
        assert type(await one.refusal(Fetch(b"a", replicas=2))) is TooFewReplicas
        await one.update(KeyChange(b"t", PutRegister(b"soon gone"), ttl=1000))
        assert await one.get("t") == "soon gone"
        await company.pass_time(1.5)
        assert await one.get("t") is None, "it is not kept for readers beyond its end"
        await one.update(KeyChange(b"t", PutRegister(b"stays"), ttl=TTL_MAX))
        for ttl in (-1, TTL_MAX + 1, (1 << 64) - 1):
            refused = await one.refusal(Update([KeyChange(b"t", PutRegister(b"x"), ttl=ttl)]))
            assert type(refused) is InvalidRequest
        assert await one.get("t") == "stays"

    at_two(story)


def test_what_an_eventual_keyspace_cannot_promise_is_refused() -> None:
    async def story(company: Company, one: Desk, two: Desk) -> None:
        pair = Update([KeyChange(b"a", Add(1)), KeyChange(b"b", Add(1))])
        for request in (pair, Txn([], [], []), Put(b"a", b"", lease=3), Range(b"a", revision=1)):
            assert type(await one.refusal(request)) is NotOfThisModel
        for level in (Level.CAUSAL, Level.LINEARIZABLE, Level.SEQUENTIAL):
            refused = await one.refusal(Range(b"a"), one.context(level=level, level_named=True))
            assert type(refused) is NotOfThisModel
        assert type(await one.refusal(Fetch(b"a", b"b", replicas=2))) is InvalidRequest

    at_two(story)


def test_tokens_are_looked_at_and_promise_nothing() -> None:
    async def story(company: Company, one: Desk, two: Desk) -> None:
        seen = Token(77, 5, {0: 10**9}, {one.record.id: VersionVector({Origin(9, 9): 9})}).encode()
        assert await one.get("a", token=seen) is None
        assert type(await one.refusal(Range(b"a"), one.context(token=b"damaged"))) is TokenDamaged

    at_two(story)


def test_watches_tell_what_comes_and_go_on_at_the_same_replica() -> None:
    async def story(company: Company, one: Desk, two: Desk) -> None:
        typed, etcd = Watcher(two, ALL), EtcdWatcher(two, WatchSpec(b"a"))
        first = typed.take()
        assert Watcher.shown(first) == [{}]
        assert first[0].vector is None
        await one.put("a", "1")
        await company.until(company.are_equal)
        told = typed.take()
        assert Watcher.shown(told) == [{"a": b"1"}]
        assert [len(item.events) for item in etcd.take() if isinstance(item, WatchEvents)] == [1]
        await two.put("b", "2")
        again = Watcher(two, TypedWatch(b"\0", b"\0", position=told[-1].position))
        assert isinstance(again.stream, TypedWatchStream)
        missed = again.take()
        assert (Watcher.shown(missed), missed[0].resynced) == ([{"b": b"2"}], False)
        elsewhere = Watcher(one, TypedWatch(b"\0", b"\0", position=told[-1].position)).take()
        assert elsewhere[0].resynced

    at_two(story)
