# SPDX-License-Identifier: Apache-2.0
"""Whole members with a causal or an eventual keyspace, in virtual time: their replicas attach, meet, part, restart, and
are dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tricord.base import operations as strong
from tricord.base.changes import Add, Put
from tricord.base.context import Context
from tricord.base.dots import VersionVector
from tricord.base.errors import CorruptData, KeyspaceNotFound, NewerFormat, ReplicaCatchingUp, TricordError
from tricord.base.keyspaces import KeyspaceCreate, KeyspaceDrop, Model
from tricord.base.ordered import Backend, Table
from tricord.base.replica_sets import ReplicaRetire
from tricord.base.typed import KeyChange, Update, UpdateResult
from tricord.crdt.shown import show
from tricord.server.replicas.keyspace_replica import ReplicaHost
from tricord.sim.wide.world import World

BOTH = pytest.mark.parametrize("model", [Model.CAUSAL, Model.EVENTUAL])


def play(seed: int, story: Callable[[World], Coroutine[None, None, None]]) -> None:
    World(seed=seed).play(story)


async def until(holds: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def begin(world: World, model: Model) -> None:
    """Three members, and a keyspace called carts that all of them hold."""
    await world.start()
    leader = await world.led()
    await world[leader].member.engine.ask(KeyspaceCreate("carts", model), Context())
    await until(lambda: all(is_open(world, name) for name in world.names), 10.0)


def replica(world: World, name: str) -> ReplicaHost:
    member = world[name].member
    found: ReplicaHost = member.replicas.find(member.machine.catalogue.find("carts"))
    return found


def is_open(world: World, name: str) -> bool:
    try:
        replica(world, name).check_open()
    except (ReplicaCatchingUp, KeyspaceNotFound):
        return False
    return len(world[name].member.machine.catalogue.replicas(1).active) == len(world.names)


async def put(world: World, name: str, key: str, value: str) -> None:
    await change(world, name, KeyChange(key.encode(), Put(value.encode())))


async def change(world: World, name: str, *changes: KeyChange) -> None:
    answered: asyncio.Future[UpdateResult | TricordError] = asyncio.get_running_loop().create_future()
    replica(world, name).update(Update(list(changes)), float("inf"), answered.set_result)
    answer = await answered
    if isinstance(answer, TricordError):
        raise answer


def read(world: World, name: str, key: str) -> list[str]:
    shown = show(replica(world, name).cell(key.encode()), 0)
    return [] if shown is None else sorted(sibling.value.decode() for sibling in shown.siblings)


def are_equal(world: World) -> bool:
    states = [replica(world, host.name).status() for host in world.running()]
    return len({state.digest for state in states}) == 1 and all(state.is_open and not state.unsent for state in states)


@BOTH
def test_writes_on_both_sides_of_a_partition_are_everywhere_when_it_heals(model: Model) -> None:
    async def story(world: World) -> None:
        await begin(world, model)
        await put(world, "n1", "a", "first")
        await until(lambda: are_equal(world), 2.0)
        for other in ("n2", "n3"):
            world.network.cut("n1", other)
        world.network.cut("n2", "n3")
        for name in world.names:
            await put(world, name, "a", f"of {name}")
            await change(world, name, KeyChange(b"hits", Add(1)))
        await asyncio.sleep(20)
        assert read(world, "n1", "a") == ["of n1"]
        world.network.heal()
        await until(lambda: are_equal(world), 10.0)
        assert {tuple(read(world, name, "a")) for name in world.names} == {("of n1", "of n2", "of n3")}

    play(1, story)


@BOTH
def test_a_member_that_was_killed_comes_back_with_what_it_acknowledged(model: Model) -> None:
    async def story(world: World) -> None:
        await begin(world, model)
        await asyncio.sleep(
            1
        )  # what the log says of the keyspace is in the tables now, so it is known without a leader
        world.network.cut("n1", "n2")
        world.network.cut("n1", "n3")
        await put(world, "n1", "a", "kept")
        before = replica(world, "n1").status()
        world["n1"].kill()
        await world["n1"].start()
        await until(lambda: is_open(world, "n1"), 5.0)
        assert read(world, "n1", "a") == ["kept"], "without the others"
        assert replica(world, "n1").status().incarnation > before.incarnation
        world.network.heal()
        await until(lambda: are_equal(world), 10.0)
        assert read(world, "n3", "a") == ["kept"]

    play(2, story)


@BOTH
def test_a_stop_and_a_start_lose_nothing(model: Model) -> None:
    async def story(world: World) -> None:
        await begin(world, model)
        await put(world, "n2", "a", "1")
        for name in world.names:
            await world[name].stop()
        for name in world.names:
            await world[name].start()
        await world.led()
        await until(lambda: all(is_open(world, name) for name in world.names) and are_equal(world), 10.0)
        assert read(world, "n3", "a") == ["1"]

    play(3, story)


@BOTH
def test_a_keyspace_that_is_dropped_goes_with_its_directory(model: Model) -> None:
    async def story(world: World) -> None:
        await begin(world, model)
        await put(world, "n1", "a", "1")
        waiting: list[TricordError | None] = []
        if model is Model.CAUSAL:
            here = replica(world, "n1").vector()
            ahead = VersionVector({origin: counter + 1 for origin, counter in here.entries.items()})
            replica(world, "n1").wait_for(ahead, float("inf"), waiting.append)
        member = world["n1"].member
        await member.engine.ask(KeyspaceDrop("carts"), Context())
        await until(lambda: all(not directories(world, name) for name in world.names), 5.0)
        assert [type(error) for error in waiting] == [KeyspaceNotFound] * (model is Model.CAUSAL)

    play(4, story)


def directories(world: World, name: str) -> list[str]:
    return world[name].disk.list(f"{world[name].member._configuration.data_dir}/keyspaces")


@BOTH
def test_what_was_dropped_while_a_member_was_down_goes_when_it_is_back(model: Model) -> None:
    async def story(world: World) -> None:
        await begin(world, model)
        await world["n3"].stop()
        leader = await world.led()
        await world[leader].member.engine.ask(KeyspaceDrop("carts"), Context())
        await world["n3"].start()
        await until(lambda: not directories(world, "n3"), 10.0)

    play(5, story)


@BOTH
def test_a_replica_that_was_retired_comes_back_with_what_it_had_not_sent(model: Model) -> None:
    async def story(world: World) -> None:
        await begin(world, model)
        world.network.cut("n1", "n2")
        world.network.cut("n1", "n3")
        await put(world, "n1", "a", "unsent")
        number = replica(world, "n1").status().replica
        other = world["n2"].member
        await until(lambda: world["n2"].member.replica.leader in ids(world, "n2", "n3"), 10.0)
        await other.engine.ask(ReplicaRetire(1, number), Context())
        await put(world, "n2", "b", "meanwhile")
        world.network.heal()
        await until(lambda: is_open(world, "n1") and are_equal(world), 20.0)
        assert replica(world, "n1").status().replica > number
        assert read(world, "n2", "a") == ["unsent"]
        assert read(world, "n1", "b") == ["meanwhile"]

    play(6, story)


def ids(world: World, *names: str) -> set[int]:
    return {world[name].member.identity.member for name in names}


@BOTH
def test_damaged_tables_cost_that_keyspace_at_that_member_and_nothing_else(model: Model) -> None:
    async def story(world: World) -> None:
        await begin(world, model)
        await asyncio.sleep(1)
        await world["n1"].stop()
        disk: Any = world["n1"].disk
        opened = disk.open_backend

        def open_backend(path: str, *, map_size: int) -> Backend:
            if "/keyspaces/" in path:
                raise CorruptData(path, 0, "a page is damaged")
            found: Backend = opened(path, map_size=map_size)
            return found

        disk.open_backend = open_backend
        await world["n1"].start()
        await world.led()
        member = world["n1"].member
        await until(lambda: bool(member.replicas.failures()), 5.0)
        with pytest.raises(CorruptData):
            replica(world, "n1")
        assert ("replica_open", False) in [(check.name, check.ok) for check in member.health()]
        await member.engine.ask(strong.Put(b"a", b"1"), Context())
        await put(world, "n2", "a", "1")
        await until(lambda: read(world, "n3", "a") == ["1"], 5.0)

    play(7, story)


@BOTH
def test_tables_that_a_later_version_wrote_are_told_and_cost_that_keyspace_alone(model: Model) -> None:
    async def story(world: World) -> None:
        await begin(world, model)
        await put(world, "n1", "a", "1")
        await asyncio.sleep(1)
        await world["n1"].stop()
        disk: Any = world["n1"].disk
        opened = disk.open_backend

        def open_backend(path: str, *, map_size: int) -> Backend:
            found: Backend = opened(path, map_size=map_size)
            if "/keyspaces/" in path:
                # Of a causal keyspace a row of its log; of an eventual one what it has seen.
                causal, eventual = (Table.OPERATIONS, bytes(4) + b"R" + bytes(8)), (Table.CELLS, b"\3" + bytes(12))
                found.commit([(*(causal if model is Model.CAUSAL else eventual), b"\x80" * 11)])
            return found

        disk.open_backend = open_backend
        await world["n1"].start()
        await world.led()
        member = world["n1"].member
        await until(lambda: bool(member.replicas.failures()), 5.0)
        with pytest.raises(NewerFormat, match="carts"):
            replica(world, "n1")
        assert ("replica_open", False) in [(check.name, check.ok) for check in member.health()]
        await member.engine.ask(strong.Put(b"a", b"1"), Context())
        await put(world, "n2", "a", "2")
        await until(lambda: read(world, "n3", "a") == ["2"], 5.0)

    play(9, story)
