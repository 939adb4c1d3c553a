# SPDX-License-Identifier: Apache-2.0
"""Typed values through both clients, over replicas in memory on the real types."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from tests.api.native.model_engine import CARTS, MILLISECONDS, PRESENCE, ModelEngine
from tricord.base import changes
from tricord.base.context import Context
from tricord.base.dots import Dot
from tricord.base.errors import (
    Cancelled,
    InvalidRequest,
    KeyspaceNotFound,
    NotOfThisModel,
    TricordError,
    TypeMismatch,
    Unavailable,
)
from tricord.base.hybrid_clock import hybrid_time
from tricord.base.keyspaces import KeyspaceRecord
from tricord.base.levels import Level, Stamp
from tricord.base.operations import Request, Result
from tricord.base.typed import Fetch, KeyChange
from tricord.client.asynchronous import AsyncClient
from tricord.client.blocking import Client
from tricord.client.caller import Caller
from tricord.crdt.cell import Write
from tricord.crdt.changes import mutate
from tricord.crdt.keyspace_state import KeyspaceState
from tricord.embedded.member_caller import MemberCaller, start
from tricord.server.engine import Engine
from tricord.values import DataType, add, add_element, change, keep_only, put, put_last, remove, remove_element

ELSEWHERE = 2, 5
"""Another replica and its incarnation."""


class Answering(ModelEngine):
    """As a client in the same process calls it."""

    async def ask(self, request: Request, context: Context) -> tuple[Result, Stamp]:
        answers: asyncio.Queue[tuple[Any, Stamp]] = asyncio.Queue()
        self.call(request, context, lambda outcome, stamp: answers.put_nowait((outcome, stamp)))
        outcome, stamp = await answers.get()
        if isinstance(outcome, TricordError):
            raise outcome
        return outcome, stamp


class Place:
    """A client, the engine that it works on, and another replica."""

    def __init__(self, caller: MemberCaller, engine: ModelEngine, record: KeyspaceRecord) -> None:
        self.engine = engine
        self.caller = caller
        self.keyspace = engine.keyspaces[record.name]
        self.store = AsyncClient(self.open)
        self._other = KeyspaceState()
        self._count = 0

    async def open(self) -> Caller:
        return self.caller

    def elsewhere(self, key: bytes, what: changes.Change) -> None:
        """Another replica writes, without having seen anything from here; and both hear of each other."""
        self._count += 1
        write = Write(Dot(*ELSEWHERE, self._count), hybrid_time(MILLISECONDS + 500 + self._count))
        delta = mutate(self._other.cell(key), write, what)
        self._other.apply([(key, delta)])
        self.keyspace.state.apply([(key, delta)])


async def place(record: KeyspaceRecord) -> Place:
    member = await start("memory://", None, None)
    engine = Answering(cast(Engine, member._engine))
    member._engine = cast(Any, engine)
    return Place(cast(MemberCaller, member.within(record)), engine, record)


def play(story: Callable[[Place], Awaitable[None]], record: KeyspaceRecord = CARTS) -> None:
    async def told() -> None:
        here = await place(record)
        try:
            await story(here)
        finally:
            await here.caller._base.close()

    asyncio.run(told())


def test_each_type_has_a_handle() -> None:
    async def story(here: Place) -> None:
        store = here.store
        visits, tags = store.counter("visits"), store.set("tags")
        name, seen = store.register("name"), store.last_writer("seen")
        assert (await visits.get(), await tags.get()) == (0, frozenset())
        assert (await name.get(), await seen.get()) == (None, None)
        await visits.add()
        assert (await visits.add(-3)).sequence == 2
        await tags.add("a")
        await tags.add(b"b")
        await tags.discard("a")
        assert await tags.get() == {b"b"}
        assert (await tags.has("b"), await tags.has("a")) == (True, False)
        await name.put("alice")
        found = await name.get()
        assert found is not None
        assert (found.value, found.text, found.siblings, found.conflict) == (b"alice", "alice", [b"alice"], False)
        await seen.put("now")
        assert await seen.get() == b"now"
        assert await visits.get() == -2
        await visits.remove()
        assert await visits.get() == 0

    play(story)


def test_fields_of_maps_are_handles_too() -> None:
    async def story(here: Place) -> None:
        profile = here.store.map("profile")
        assert await profile.get() == {}
        await profile.register("name").put("alice")
        await profile.counter("visits").add(2)
        await profile.set("tags").add("new")
        address = profile.map("address")
        await address.last_writer("city").put("Porto")
        assert await profile.get() == {
            b"address": {b"city": b"Porto"},
            b"name": b"alice",
            b"tags": frozenset((b"new",)),
            b"visits": 2,
        }
        assert await address.last_writer("city").get() == b"Porto"
        assert await address.map("none").counter("n").get() == 0
        await address.discard("city")
        assert await address.get() == {}
        await profile.counter("visits").remove()
        assert b"visits" not in await profile.get()
        with pytest.raises(TypeMismatch, match="a register, not a map"):
            await profile.map("name").get()
        with pytest.raises(TypeMismatch, match="a map, not a counter"):
            await here.store.counter("profile").get()

    play(story)


def test_siblings_stand_side_by_side_until_they_are_settled() -> None:
    async def story(here: Place) -> None:
        cart = here.store.register("cart")
        assert await cart.resolve(b" ".join) is None
        await cart.put("milk")
        assert await cart.resolve(b" ".join) == b"milk"
        here.elsewhere(b"cart", changes.Put(b"eggs"))
        found = await cart.get()
        assert found is not None
        assert (found.value, found.siblings, found.conflict) == (b"eggs", [b"eggs", b"milk"], True)
        here.elsewhere(b"cart", changes.Put(b"tea"))
        await cart.put("milk eggs", seen=found)
        found = await cart.get()
        assert found is not None
        assert found.siblings == [b"tea", b"milk eggs"], "what was not seen stays"
        assert await cart.resolve(lambda values: b",".join(sorted(values))) == b"milk eggs,tea"
        whole = await here.store.fetch("cart")
        assert (whole.text, whole.siblings, whole.conflict, whole.type) == (
            "milk eggs,tea",
            [b"milk eggs,tea"],
            False,
            DataType.REGISTER,
        )

    play(story)


def test_two_types_at_the_same_time() -> None:
    async def story(here: Place) -> None:
        await here.store.counter("key").add(5)
        here.elsewhere(b"key", changes.AddElement(b"x"))
        assert await here.store.counter("key").get() == 5
        assert await here.store.set("key").get() == {b"x"}
        assert (await here.store.fetch("key")).conflict
        with pytest.raises(TypeMismatch, match="a counter, not a map"):
            await here.store.map("key").get()
        await here.store.update([keep_only("key", DataType.SET)])
        assert (await here.store.fetch("key")).value == frozenset((b"x",))

    play(story)


def test_an_update_changes_several_keys_at_once() -> None:
    async def story(here: Place) -> None:
        reply = await here.store.update(
            [put("a", "1"), put_last("b", "2"), add("c", 3), add_element("d", "x"), add("m", 4, field=("n", "o"))]
        )
        assert (reply.acks, reply.stamp.level) == (1, Level.CAUSAL)
        found = await here.store.fetch_range("a", "d")
        assert [(one.key, one.value) for one in found] == [(b"a", b"1"), (b"b", b"2"), (b"c", 3)]
        assert (len(found), found.more, found.sequence) == (3, False, reply.sequence)
        assert [one.value for one in await here.store.fetch_prefix("m")] == [{b"n": {b"o": 4}}]
        limited = await here.store.fetch_range(limit=2)
        assert (len(limited), limited.more) == (2, True)
        await here.store.update([remove("a"), remove_element("d", "x"), change("c", changes.Add(1))])
        assert not await here.store.fetch("a")
        absent = await here.store.fetch("d")
        assert (absent.value, absent.type, absent.siblings, absent.conflict) == (None, None, [], False)
        with pytest.raises(TypeMismatch, match="a counter, which is no text"):
            assert (await here.store.fetch("c")).text

    play(story)


def test_words_are_what_the_wire_asks() -> None:
    context = b"what was seen"
    assert put("k", "v", seen=context, ttl=1.5) == KeyChange(b"k", changes.Put(b"v"), context, 1500)
    assert add_element("k", "e", field="f", ttl=0.0001) == KeyChange(
        b"k", changes.ChangeField(b"f", changes.AddElement(b"e")), b"", 1
    )
    for never in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="seconds above 0"):
            put("k", "v", ttl=never)


def test_the_level_is_the_models_own_unless_one_is_named() -> None:
    async def story(here: Place) -> None:
        await here.store.counter("n").add()
        await here.store.fetch("n")
        await here.store.fetch("n", at_least=Level.ANY)
        await here.store.fetch("n", at_least=Level.LINEARIZABLE)
        assert [(one.level, one.level_named) for one in here.engine.contexts] == [
            (Level.CAUSAL, True),
            (Level.CAUSAL, True),
            (Level.ANY, True),
            (Level.LINEARIZABLE, True),
        ]

    play(story)


def test_a_session_carries_what_it_has_seen() -> None:
    async def story(here: Place) -> None:
        assert here.store.token == ""
        await here.store.counter("n").add()
        first = here.caller.token
        assert first is not None
        assert first.keyspaces == {CARTS.id: here.keyspace.vector}
        await here.store.counter("n").add()
        assert here.caller.token != first
        carried = here.store.session(here.store.token)
        await carried.counter("n").get()
        assert here.engine.contexts[-1].token
        assert carried.token == here.store.token

    play(story)


def test_a_watch_tells_what_is_there_and_what_becomes_of_it() -> None:
    async def story(here: Place) -> None:
        await here.store.counter("a/n").add()
        async with here.store.watch_values(prefix="a/") as watch:
            assert watch.resume == ""
            first = await anext(watch)
            assert ([(one.key, one.value) for one in first], first.resynced) == ([(b"a/n", 1)], False)
            await here.store.update([add("a/n", 4), add_element("a/s", "x"), put("b", "other")])
            second = await anext(watch)
            assert [one.value for one in second] == [5, frozenset((b"x",))]
            assert len(second) == 2
            assert second.resume == watch.resume != first.resume
            token = here.caller.token
            assert token is not None
            assert token.keyspaces[CARTS.id] == here.keyspace.vector
            assert await watch.take(0.001) is None
        async with here.store.watch_values(prefix="a/", resume=second.resume) as watch:
            await here.store.counter("a/n").add()
            assert [one.value for one in await anext(watch)] == [6]
        async with here.store.watch_values(prefix="a/", resume=first.resume) as watch:
            assert (await anext(watch)).resynced
        assert [batch async for batch in watch] == []

    play(story)


@pytest.mark.parametrize("record", [CARTS, PRESENCE])
def test_a_watch_outlives_its_member_and_begins_behind_what_it_told(record: KeyspaceRecord) -> None:
    async def story(here: Place) -> None:
        await here.store.counter("n").add()
        async with here.store.watch_values("n") as watch:
            await anext(watch)
            for stream in here.keyspace.streams:
                stream.failure = Unavailable("gone")
                stream.wake()
            await here.store.counter("n").add()
            assert [one.value for one in await anext(watch)] == [2]

    play(story, record)


def test_what_ends_a_watch() -> None:
    async def story(here: Place) -> None:
        async with here.store.watch_values("n") as watch:
            await anext(watch)
            (stream,) = here.keyspace.streams
            stream.failure = KeyspaceNotFound()
            stream.wake()
            with pytest.raises(KeyspaceNotFound):
                await anext(watch)
        assert not here.keyspace.streams
        for wrong in ("a", "!", "AAAA____", "CQA"):
            with pytest.raises(InvalidRequest, match="not what a watch gave"):
                here.store.watch_values("n", resume=wrong)
        for none in ({}, {"key": "a", "prefix": "b"}):
            with pytest.raises(ValueError, match="watch one of"):
                here.store.watch_values(**none)  # type: ignore[arg-type]  # on purpose

    play(story)


def test_what_a_model_does_not_have_is_refused() -> None:
    async def story(here: Place) -> None:
        with pytest.raises(NotOfThisModel):
            await here.store.update([add("n")], acks=2)

    play(story)


@contextmanager
def blocking() -> Iterator[Client]:
    async def opener() -> Caller:
        return (await place(CARTS)).caller

    async def close(store: AsyncClient) -> None:
        caller = store._caller
        assert isinstance(caller, MemberCaller)
        await caller._base.close()

    with Client(lambda: AsyncClient(opener), asyncio.new_event_loop) as store:
        try:
            yield store
        finally:
            store._thread.run(close, store._store)


def test_the_blocking_client_has_them_all() -> None:
    with blocking() as store:
        store.update([add("n", 2), put("name", "alice")])
        counter, name, tags = store.counter("n"), store.register("name"), store.set("tags")
        counter.add()
        assert (counter.get(), counter.key, counter.path) == (3, b"n", ())
        found = name.get()
        assert found is not None
        name.put("bob", seen=found)
        assert name.resolve(b"".join) == b"bob"
        tags.add("x")
        tags.add("y")
        tags.discard("x")
        assert tags.get() == {b"y"}
        assert tags.has("y")
        store.last_writer("seen").put("now")
        assert store.last_writer("seen").get() == b"now"
        profile = store.map("profile")
        profile.register("name").put("x")
        profile.last_writer("seen").put("now")
        profile.counter("n").add(1)
        profile.set("tags").add("x")
        profile.map("deep").counter("n").add(7)
        profile.discard("name")
        assert profile.get() == {b"deep": {b"n": 7}, b"n": 1, b"seen": b"now", b"tags": frozenset((b"x",))}
        assert store.fetch("n").value == 3
        assert [one.key for one in store.fetch_prefix("n")] == [b"n", b"name"]
        assert [one.key for one in store.fetch_range("s", "u")] == [b"seen", b"tags"]
        counter.remove()
        with store.watch_values("n") as watch:
            assert not watch.resume
            store.counter("n").add(9)
            batch = next(watch)
            while not batch.keys or not batch.keys[0]:
                batch = next(watch)
            assert batch.keys[0].value == 9
            assert watch.take(0.001) is None
            assert watch.resume
        with pytest.raises(StopIteration):
            next(watch)
    watch.close()
    with pytest.raises(Cancelled):
        store.counter("n").get()


def test_a_fetch_asks_as_many_replicas_as_it_is_told() -> None:
    asked = []

    async def story(here: Place) -> None:
        call = here.engine.call

        def seen(request: object, *rest: object) -> None:
            asked.append(request)
            call(request, *rest)  # type: ignore[arg-type]  # as it came

        here.engine.call = seen  # type: ignore[assignment, method-assign]  # to listen
        await here.store.counter("n").get(replicas=2)

    play(story, PRESENCE)
    assert asked == [Fetch(b"n", replicas=2)]
