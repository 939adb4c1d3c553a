# SPDX-License-Identifier: Apache-2.0
"""Requests about causal and eventual keyspaces to whole members, in virtual time: from the first moment on, with tokens
that move, and dropped in use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tricord.base.context import Context
from tricord.base.errors import KeyspaceNotFound, NotOfThisModel, TricordError
from tricord.base.keyspaces import KeyspaceCreate, KeyspaceDrop, Model
from tricord.base.levels import Level
from tricord.base.operations import Put, Range, RangeResult, Request
from tricord.base.typed import TypedWatch
from tricord.base.watching import WatchSpec
from tricord.sim.wide.world import World


def play(story: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    World(seed=3).play(story)


async def ask(world: World, name: str, request: Request, token: bytes = b"", keyspace: str = "carts") -> Any:
    engine = world[name].member.engine
    context = Context(keyspace, token=token, deadline=asyncio.get_running_loop().time() + 5.0)
    return await engine.ask(request, context)


@pytest.mark.parametrize("model", [Model.CAUSAL, Model.EVENTUAL])
def test_a_new_keyspace_answers_at_once_at_every_member(model: Model) -> None:
    async def story(world: World) -> None:
        await world.start()
        await ask(world, await world.led(), KeyspaceCreate("carts", model), keyspace="default")
        for name in world.names:
            await ask(world, name, Put(name.encode(), b"1"))
        async with asyncio.timeout(10):
            for name in world.names:
                everything = Range(b"n", b"o", count_only=True)
                while (await ask(world, name, everything))[0].count < len(world.names):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

    play(story)


def test_a_session_moves_between_members() -> None:
    async def story(world: World) -> None:
        await world.start()
        await ask(world, await world.led(), KeyspaceCreate("carts", Model.CAUSAL), keyspace="default")
        token = b""
        for turn in range(9):
            name = world.names[turn % 3]
            _, stamp = await ask(world, name, Put(b"k", b"%d" % turn), token)
            token = stamp.token.encode()
            other = world.names[(turn + 1) % 3]
            found, stamp = await ask(world, other, Range(b"k"), token)
            assert isinstance(found, RangeResult)
            assert (found.kvs[0].value, stamp.level, stamp.siblings) == (b"%d" % turn, Level.CAUSAL, 0)
            token = stamp.token.encode()
        with pytest.raises(NotOfThisModel):
            world[world.names[0]].member.engine.open_typed_watch(Context(), lambda: None)

    play(story)


def test_a_keyspace_that_is_dropped_in_use() -> None:
    async def story(world: World) -> None:
        await world.start()
        leader = await world.led()
        await ask(world, leader, KeyspaceCreate("carts", Model.CAUSAL), keyspace="default")
        name = next(one for one in world.names if one != leader)
        await ask(world, name, Put(b"k", b"1"))
        engine = world[name].member.engine
        woken: list[str] = []
        etcd = engine.open_watch(Context("carts"), lambda: woken.append("etcd"))
        etcd.add(WatchSpec(b"k"))
        typed = engine.open_typed_watch(Context("carts"), lambda: woken.append("typed"))
        typed.add(TypedWatch(b"k"))
        typed.take(1000)
        typed.take(1000)
        await ask(world, leader, KeyspaceDrop("carts"), keyspace="default")
        async with asyncio.timeout(5):
            while len(set(woken)) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        for stream in (etcd, typed):
            with pytest.raises(KeyspaceNotFound, match="carts"):
                stream.take(1000)
        for request in (Put(b"k", b"2"), Range(b"k")):
            with pytest.raises(TricordError) as caught:
                await ask(world, name, request)
            assert type(caught.value) is KeyspaceNotFound

    play(story)
