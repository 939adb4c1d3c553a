# SPDX-License-Identifier: Apache-2.0
"""Edges beside whole members, in virtual time: they work with no network, and meet the others whenever they can."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from zlib import crc32

import pytest

from tricord import aio
from tricord.base.changes import Change, Put, Remove
from tricord.base.context import Context
from tricord.base.edges import EdgeKeyspaceStatus
from tricord.base.errors import (
    DiskFault,
    KeyspaceExists,
    KeyspaceNotFound,
    NotOfThisModel,
    ReplicaCatchingUp,
    TricordError,
    TypeMismatch,
)
from tricord.base.keyspaces import KeyspaceCreate, KeyspaceDrop, Model
from tricord.base.replica_sets import ReplicaRetire
from tricord.base.typed import KeyChange, Update
from tricord.base.values import DataType
from tricord.crdt.shown import show
from tricord.sim.environment import simulated_environment
from tricord.sim.wide.world import World
from tricord.storage.memory_disk import MemoryDisk
from tricord.storage.wal import Wal
from tricord.storage.wal_scan import Scanned

MODELS = ["causal", "eventual"]
PORT = 2379


class Machine:
    """A user's machine: a disk, a host of the network, and one edge at a time."""

    def __init__(self, world: World, name: str = "edge", endpoints: tuple[str, ...] = ()) -> None:
        self.world = world
        self.name = name
        self.disk = MemoryDisk(seed=1)
        self.endpoints = [f"{name}:{PORT}" for name in endpoints or world.names]
        self._starts = 0

    def open(self) -> aio.AsyncClient:
        self._starts += 1
        world = self.world
        seed = 1000 * self._starts + crc32(self.name.encode())
        environment = simulated_environment(world.loop, self.disk, seed, world.network.at(self.name))
        return aio.open("/edge", replicate_with=self.endpoints, environment=environment, timeout=5.0)

    def cut(self) -> None:
        for name in self.world.names:
            self.world.network.cut(self.name, name)


async def until(holds: Callable[[], bool | Awaitable[bool]], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while True:
            found = holds()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.05)


async def status(store: aio.AsyncClient) -> EdgeKeyspaceStatus:
    edge = (await store.status()).edge
    assert edge is not None
    return edge.keyspaces[0]


async def told(store: aio.AsyncClient, problem: str) -> bool:
    return problem in (await status(store)).problem


async def settled(store: aio.AsyncClient) -> EdgeKeyspaceStatus:
    """Wait until the edge is connected, and nothing of it is anywhere else missing."""

    async def holds() -> bool:
        now = await status(store)
        return now.connected and not now.unsent

    await until(holds)
    return await status(store)


def held(world: World, name: str, key: str) -> list[bytes]:
    """What a member has for the key."""
    member = world[name].member
    try:
        cell = member.replicas.find(member.machine.catalogue.find("carts")).cell(key.encode())
    except TricordError:
        return []
    shown = show(cell, 0)
    return [] if shown is None else sorted(sibling.value for sibling in shown.siblings)


async def change_at(world: World, name: str, key: str, change: Change) -> None:
    member = world[name].member
    replica = member.replicas.find(member.machine.catalogue.find("carts"))
    answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    replica.update(Update([KeyChange(key.encode(), change)]), float("inf"), answered.set_result)
    assert not isinstance(await answered, TricordError)


async def value(store: aio.AsyncClient, key: str) -> bytes | None:
    found = await store.get(key)
    return None if found is None else found.value


async def sees(store: aio.AsyncClient, key: str, wanted: bytes | None) -> None:
    async def holds() -> bool:
        return await value(store, key) == wanted

    await until(holds)


def everywhere(world: World, key: str, *wanted: bytes) -> Callable[[], bool]:
    return lambda: all(held(world, name, key) == sorted(wanted) for name in world.names)


@pytest.mark.parametrize("model", MODELS)
def test_an_edge_writes_before_its_first_contact_and_meets_the_others_whenever_it_can(model: str) -> None:
    async def story(world: World) -> None:
        machine = Machine(world)
        machine.cut()
        async with machine.open() as store, store.keyspace("carts", model=model) as carts:
            await carts.put("a", "offline")
            assert await value(carts, "a") == b"offline"
            now = await status(store)
            assert (now.replica, now.connected, now.unsent) == (0, False, 1) and now.contact_seconds is None
        await world.start()
        await world.led()
        async with machine.open() as store, store.keyspace("carts") as carts:
            assert await value(carts, "a") == b"offline"
            await asyncio.sleep(8.0)
            assert "could not connect" in (await status(store)).problem
            world.network.heal()
            now = await settled(store)
            assert now.replica > 0 and now.problem == "" and now.contact_seconds is not None
            await until(everywhere(world, "a", b"offline"))
            await change_at(world, "n2", "b", Put(b"of a member"))
            await sees(carts, "b", b"of a member")
            machine.cut()
            await carts.put("a", "offline again")
            await change_at(world, "n3", "c", Put(b"meanwhile"))
            await asyncio.sleep(15.0)
            assert await value(carts, "a") == b"offline again" and await value(carts, "c") is None
            world.network.heal()
            await sees(carts, "c", b"meanwhile")
            await until(everywhere(world, "a", b"offline again"))
            assert (await settled(store)).replica == now.replica

    World(seed=11).play(story)


@pytest.mark.parametrize("model", MODELS)
def test_two_edges_meet_by_way_of_members_and_their_concurrent_writes_stand_side_by_side(model: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.led()
        one, other = Machine(world, "edge1", ("n1",)), Machine(world, "edge2", ("n2",))
        async with (
            one.open() as first,
            other.open() as second,
            first.keyspace("carts", model=model) as mine,
            second.keyspace("carts", model=model) as theirs,
        ):
            await settled(first)
            await settled(second)
            await mine.put("k", "from one")
            await sees(theirs, "k", b"from one")
            one.cut()
            await mine.put("k", "mine")
            await theirs.put("k", "theirs")
            world.network.heal()
            await until(everywhere(world, "k", b"mine", b"theirs"))

            async def same() -> bool:
                return await value(mine, "k") == await value(theirs, "k")

            await until(same)

    World(seed=12).play(story)


@pytest.mark.parametrize("model", MODELS)
def test_an_edge_that_was_retired_while_away_brings_its_unsent_writes_and_resurrects_nothing(model: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        leader = await world.led()
        machine = Machine(world)
        async with machine.open() as store, store.keyspace("carts", model=model) as carts:
            await carts.put("removed", "x")
            await carts.put("kept", "y")
            before = await settled(store)
            await until(everywhere(world, "removed", b"x"))
            machine.cut()
            await carts.put("unsent", "of the one away")
        engine = world[leader].member.engine
        record = world[leader].member.machine.catalogue.find("carts")
        await engine.ask(ReplicaRetire(record.id, before.replica), Context())
        await change_at(world, leader, "removed", Remove())
        await until(lambda: all(not held(world, name, "removed") for name in world.names))
        async with machine.open() as store, store.keyspace("carts") as carts:
            assert await value(carts, "unsent") == b"of the one away"
            world.network.heal()
            await until(everywhere(world, "unsent", b"of the one away"))
            await sees(carts, "removed", None)
            now = await settled(store)
            assert now.replica > before.replica
            assert await value(carts, "kept") == b"y" and await value(carts, "unsent") == b"of the one away"
            assert all(not held(world, name, "removed") for name in world.names)

    World(seed=13).play(story)


def test_a_keyspace_that_was_dropped_or_is_of_another_model_is_told_and_raised() -> None:
    async def story(world: World) -> None:
        await world.start()
        leader = await world.led()
        engine = world[leader].member.engine
        machine = Machine(world)
        async with machine.open() as store, store.keyspace("carts", model="causal") as carts:
            await carts.put("a", "b")
            await settled(store)
            machine.cut()
            await engine.ask(KeyspaceDrop("carts"), Context())
            await engine.ask(KeyspaceCreate("lists", Model.EVENTUAL), Context())
            await carts.put("a", "c")
            world.network.heal()
            await until(lambda: told(store, "dropped"))
            with pytest.raises(KeyspaceNotFound, match="dropped"):
                await carts.put("a", "d")
        async with machine.open() as store:
            carts = store.keyspace("carts")
            with pytest.raises(KeyspaceNotFound, match="dropped"):
                await carts.get("a")
            await store.drop_keyspace("carts")
            assert await store.keyspaces() == []
            lists = await store.keyspace("lists", model="causal")
            await until_raises(lists, KeyspaceExists)
            assert "eventual" in (await status(store)).problem
            with pytest.raises(NotOfThisModel, match=r"tricord\.connect"):
                await store.put("a", "b")
            with pytest.raises(NotOfThisModel, match="strong"):
                await store.keyspace("locks", model="strong")

    World(seed=14).play(story)


@pytest.mark.parametrize("model", MODELS)
def test_a_type_that_an_edge_chose_offline_is_the_keyspaces_and_others_are_told(model: str) -> None:
    async def story(world: World) -> None:
        one, two, three = (Machine(world, f"edge{number}") for number in (1, 2, 3))
        one.cut()
        async with one.open() as store, store.keyspace("carts", model=model, type="counter") as carts:
            await carts.counter("visits").add(2)
            with pytest.raises(TypeMismatch, match="of type counter"):
                await carts.put("a", "b")
        await world.start()
        leader = await world.led()
        world.network.heal()
        async with one.open() as store:
            await settled(store)
            assert world[leader].member.machine.catalogue.find("carts").type is DataType.COUNTER
            async with two.open() as other, other.keyspace("carts", model=model, type="set"):
                await until(lambda: told(other, f"{model}, of type counter, and {model}, of type set at the edge"))
            async with three.open() as further, further.keyspace("carts", model=model) as carts:
                await settled(further)
                with pytest.raises(TypeMismatch, match="of type counter"):
                    await carts.put("a", "b")
                assert (await further.keyspaces())[0].type is DataType.COUNTER

    World(seed=19).play(story)


async def until_raises(store: aio.AsyncClient, wanted: type[TricordError]) -> None:
    async def raises() -> bool:
        try:
            await store.get("a")
        except wanted:
            return True
        return False

    await until(raises)


@pytest.mark.parametrize("model", MODELS)
def test_members_die_and_the_edge_goes_on_with_another(model: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.led()
        machine = Machine(world)
        async with machine.open() as store, store.keyspace("carts", model=model) as carts:
            await carts.put("a", "1")
            await settled(store)
            edge = (await store.status()).edge
            assert edge is not None
            name = edge.endpoint.partition(":")[0]
            world[name].kill()
            await carts.put("a", "2")
            others = [other for other in world.names if other != name]
            await until(lambda: all(held(world, other, "a") == [b"2"] for other in others))
            await world[name].start()
            await until(everywhere(world, "a", b"2"))

    World(seed=15).play(story)


def test_a_member_that_stops_sends_its_edges_on_at_once() -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.led()
        machine = Machine(world)
        async with machine.open() as store, store.keyspace("carts", model="causal") as carts:
            await carts.put("a", "1")
            await settled(store)
            edge = (await store.status()).edge
            assert edge is not None
            serving = world[edge.endpoint.partition(":")[0]].serving
            assert serving is not None
            begun = world.loop.time()
            await serving.stop(grace=20.0)
            assert world.loop.time() - begun < 5.0, "streams of edges are not waited for"
            await carts.put("a", "2")
            await settled(store)

    World(seed=16).play(story)


def test_typed_values_watches_and_sessions_pass_between_edges_and_members() -> None:
    async def story(world: World) -> None:
        machine = Machine(world, endpoints=("n1",))
        machine.cut()
        async with machine.open() as store:
            session = store.session("")
            carts = session.keyspace("carts", model="causal")
            await carts.counter("count").add(3)
            assert carts.token == "", "there is no cluster yet that could understand one"
            told: list[tuple[bool, dict[bytes, Any]]] = []

            async def follow() -> None:
                async for batch in carts.watch_values(prefix=""):
                    values = {found.key: found.shown.value for found in batch.keys if found.shown is not None}
                    told.append((batch.resynced, values))

            following = asyncio.ensure_future(follow())
            await until(lambda: told == [(False, {b"count": 3})])
            await world.start()
            await world.led()
            world.network.heal()
            await settled(store)
            await carts.put("k", "v")
            async with world.client("n3") as members:
                there = members.session(carts.token).keyspace("carts")
                assert await value(there, "k") == b"v" and await there.counter("count").get() == 3
                await there.counter("count").add(4)
                back = store.session(there.token).keyspace("carts")
                assert await back.counter("count").get() == 7
            await until(lambda: told[-1] == (False, {b"count": 7}))
            assert (True, {b"count": 3}) in told, "the replica was made anew under its number"
            following.cancel()

    World(seed=17).play(story)


@pytest.mark.parametrize("model", MODELS)
def test_what_is_written_while_an_edge_gets_its_number_is_answered_well(model: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.led()
        async with Machine(world).open() as store:
            carts, written = store.keyspace("carts", model=model), 0

            async def write() -> None:
                nonlocal written
                while not (await status(store)).connected:
                    await asyncio.gather(*(carts.counter(f"n{number}").add() for number in range(3)))
                    written += 1

            await carts.counter("first").add()
            await asyncio.gather(*(write() for _ in range(3)))
            await settled(store)
            counts = [await carts.counter(f"n{number}").get() for number in range(3)]
            assert written and counts == [written] * 3

    World(seed=5).play(story)


@pytest.mark.parametrize("model", MODELS)
def test_an_edge_may_stop_at_any_moment_of_its_first_contact(model: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.led()
        for number in range(12):
            machine, key = Machine(world, f"edge{number}", ("n1",)), f"k{number}"
            world.network.cut(machine.name, "n1")
            async with machine.open() as store, store.keyspace("carts", model=model) as carts:
                await carts.put(key, "v")
            world.network.heal()
            async with machine.open():
                await asyncio.sleep(0.004 * number)
            async with machine.open() as store, store.keyspace("carts") as carts:
                assert await value(carts, key) == b"v"
                await settled(store)
                await until(everywhere(world, key, b"v"))

    World(seed=18).play(story)


def test_a_disk_that_fails_at_the_first_contact_ends_the_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not: is tried again and again, as if a member could not be reached."""

    def fails(wal: Wal, scanned: Scanned) -> None:
        raise DiskFault("the log cannot be synced")

    async def story(world: World) -> None:
        machine = Machine(world)
        machine.cut()
        await world.start()
        await world.led()
        async with machine.open() as store, store.keyspace("carts", model="causal") as carts:
            await carts.put("a", "offline")
            monkeypatch.setattr(Wal, "resume", fails)
            world.network.heal()

            async def has_ended() -> bool:
                try:
                    await carts.get("a")
                except DiskFault:
                    return True
                except ReplicaCatchingUp:
                    pass
                return False

            await until(has_ended)
            monkeypatch.undo()

    World(seed=11).play(story)
