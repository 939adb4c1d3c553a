# SPDX-License-Identifier: Apache-2.0
"""Read levels and sessions through clients: what a session has seen is seen again, wherever it reads next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from tricord import aio
from tricord.base.errors import (
    BoundNotMet,
    InvalidRequest,
    NotOfThisModel,
    TokenAhead,
    TokenDamaged,
    TokenOfAnotherCluster,
)
from tricord.base.levels import Bounded, Level, ReadLevel, Stamp
from tricord.base.operations import Range
from tricord.base.token import Token
from tricord.client.session import Session
from tricord.sim.wide.world import World

SEQUENTIAL = Level.SEQUENTIAL


def play(story: Callable[[World], Coroutine[Any, Any, None]], names: tuple[str, ...] = ("n1", "n2", "n3")) -> None:
    World(seed=5, names=names).play(story)


async def read(store: aio.AsyncClient, level: ReadLevel, timeout: float = 2.0) -> tuple[str, Stamp]:
    reply = await store.range("k", "k\0", at_least=level, timeout=timeout)
    return "".join(kv.text for kv in reply), reply.stamp


def test_a_session_moves_between_members_and_clients_by_its_token() -> None:
    async def story(world: World) -> None:
        await world.start()
        leader, follower = await world.leader_and_follower()
        async with world.client(leader) as one, world.client(follower) as other:
            writer = one.session()
            assert writer.token == ""
            wrote = await writer.put("k", "1")
            assert wrote.stamp.token is not None
            assert writer.token == wrote.stamp.token.text()
            value, stamp = await read(other.session(writer.token), SEQUENTIAL)
            assert (value, stamp.level, stamp.age) == ("1", SEQUENTIAL, None)
            world.isolate(follower)
            await writer.put("k", "2")
            assert (await read(other.session(), SEQUENTIAL))[0] == "1"
            behind = other.session(writer.token)
            assert behind.token == writer.token
            with pytest.raises(TokenAhead):
                await read(behind, SEQUENTIAL, 1.0)
            reading = asyncio.ensure_future(read(behind, SEQUENTIAL, 5.0))
            await asyncio.sleep(0.2)
            world.network.heal()
            assert (await reading)[0] == "2"

    play(story)


def test_a_client_reads_sequentially_what_it_wrote_before_it_ever_asked_for_tokens() -> None:
    async def story(world: World) -> None:
        await world.start()
        async with world.client() as store:
            for number in range(3):
                await store.put("k", str(number))
                assert store.token == "" or number
                value, stamp = await read(store, SEQUENTIAL)
                assert value == str(number)
                assert stamp.level is (SEQUENTIAL if number else Level.LINEARIZABLE)
                assert store.token
            carts = store.keyspace("carts", model="strong")
            await carts.put("k", "apples")
            assert (await read(carts, SEQUENTIAL))[0] == "apples"
            assert carts.token == store.token

    play(story)


def test_bounded_reads_say_their_age() -> None:
    async def story(world: World) -> None:
        await world.start()
        _, follower = await world.leader_and_follower()
        async with world.client(follower) as store:
            await store.put("k", "1")
            assert await read(store, Bounded(seconds=2.0)) is not None
            await asyncio.sleep(0.2)
            value, stamp = await read(store, Bounded(seconds=2.0))
            assert (value, stamp.level, stamp.member) == (
                "1",
                Bounded(seconds=2.0),
                world[follower].member.identity.member,
            )
            assert stamp.age is not None
            assert 0 < stamp.age <= 2.0
            assert (await read(store, Bounded(revisions=5)))[1].level == Bounded(revisions=5)
            assert (await read(store, Level.ANY))[1].age is None
            world.isolate(follower)
            await asyncio.sleep(1.0)
            with pytest.raises(BoundNotMet):
                await read(store, Bounded(seconds=0.5), 1.0)

    play(story)


def test_a_level_that_is_none_is_refused_in_words() -> None:
    async def story(world: World) -> None:
        await world.start()
        async with world.client() as store:
            for level in ("any", "sequential", 5):
                for call in (store.get("k", at_least=level), store.prefix("k", at_least=level)):  # type: ignore[arg-type]
                    with pytest.raises(InvalidRequest, match="at_least takes"):
                        await call
        for wrong in (1.5, "5"):
            with pytest.raises(InvalidRequest, match="whole revisions"):
                Bounded(revisions=wrong)  # type: ignore[arg-type]

    play(story, ("n1",))


def test_watches_that_need_a_past_are_refused_by_type() -> None:
    async def story(world: World) -> None:
        await world.start()
        async with world.client() as store:
            for model in ("causal", "eventual"):
                keys = store.keyspace(model, model=model)
                for watch in (keys.watch("k", from_revision=1), keys.watch("k", previous=True)):
                    with pytest.raises(NotOfThisModel):
                        async with watch:
                            await anext(watch)

    play(story, ("n1",))


def test_tokens_that_cannot_be_right_are_refused_by_type() -> None:
    async def story(world: World) -> None:
        await world.start()
        async with world.client() as store:
            stamp = (await store.session().put("k", "1")).stamp
            assert stamp.token is not None
            with pytest.raises(TokenOfAnotherCluster):
                await read(store.session(replace(stamp.token, cluster=7).text()), SEQUENTIAL)
            with pytest.raises(TokenAhead):
                await read(store.session(replace(stamp.token, groups={0: 1 << 40}).text()), SEQUENTIAL, 0.5)
            with pytest.raises(TokenDamaged):
                store.session("AAAA")
            foreign = store.session(replace(stamp.token, cluster=7).text())
            for call in (
                foreign.put("k", "2"),
                foreign.get("k"),
                foreign.keyspace("p", model="eventual").put("k", "2"),
            ):
                with pytest.raises(TokenOfAnotherCluster):
                    await call
            assert (await read(store, Level.LINEARIZABLE))[0] == "1"
        for fields, error in (
            ({"tricord-token": "!"}, TokenDamaged),
            ({"tricord-token": "AAAA"}, TokenDamaged),
            ({"tricord-level": "weak"}, InvalidRequest),
        ):
            environment = world.client_environment("client", 3)
            async with aio.connect("n1:2379", environment=environment, metadata=fields) as store:
                with pytest.raises(error):
                    await store.get("k")
                with pytest.raises(error):
                    await store.put("k", "2")
                with pytest.raises(error):
                    await store.txn(then=[])

    play(story, ("n1",))


def test_answers_have_no_metadata_for_those_who_do_not_ask() -> None:
    async def story(world: World) -> None:
        await world.start()
        async with world.client() as store:
            stamp = (await store.put("k", "1")).stamp
            assert (stamp.token, stamp.level) == (None, Level.LINEARIZABLE)
            _, stamp = await store.call(Range(b"k"), at_least=Level.ANY)
            assert (stamp.token, stamp.level, stamp.age) == (None, Level.ANY, None)

    play(story, ("n1",))


def test_what_came_without_a_token_is_covered_by_a_linearizable_read_that_began_later() -> None:
    session = Session()
    assert session.is_whole
    session.missed()
    begun = session.gaps
    session.missed()
    session.cover(begun)
    assert not session.is_whole
    session.cover(session.gaps)
    assert session.is_whole
    session.note(Stamp(1, 2, 3, 4, SEQUENTIAL, None, 9, 20))
    session.note(Stamp(1, 2, 3, 4, SEQUENTIAL, None, 9, 10))
    assert session.token == Token(1, 9, {0: 20})
