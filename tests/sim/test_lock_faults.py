# SPDX-License-Identifier: Apache-2.0
"""Locks over three members that die, sleep and are cut off, and over cut-off clients, in virtual time.

No two clients believe at one moment that they hold the lock; what is written with its guard is written by one after the
other; whatever happened, nothing stays in the queue.
"""

from __future__ import annotations

import asyncio
import random

import pytest

from tricord import aio
from tricord.base.errors import GuardFailed, LeaseLost, TricordError
from tricord.base.leases import LeaseList, LeaseListResult
from tricord.client.locks import Lock
from tricord.sim.environment import simulated_environment
from tricord.sim.wide.host import PORT
from tricord.sim.wide.world import World
from tricord.storage.memory_disk import MemoryDisk

CLIENTS = ("c1", "c2", "c3", "c4")
TTL = 3
SECONDS = 30


class Board:
    """What the clients say of themselves."""

    def __init__(self) -> None:
        self.over = False
        self.believers: dict[str, Lock] = {}
        self.counted: list[tuple[int, int]] = []
        self.lost = self.refused = 0

    def enter(self, name: str, lock: Lock) -> None:
        also = [other for other, held in self.believers.items() if held.held]
        assert not also, f"{name} holds the lock, and {also} believe to"
        self.believers[name] = lock


def client_of(world: World, name: str) -> aio.AsyncClient:
    seed = world.seed * 10 + CLIENTS.index(name)
    environment = simulated_environment(world.loop, MemoryDisk(seed=0), seed, world.network.at(name))
    return aio.connect([f"{host}:{PORT}" for host in world.names], environment=environment, timeout=2.0)


async def count(store: aio.AsyncClient, lock: Lock, board: Board, chance: random.Random) -> None:
    """Add one to the counter, taking time over it."""
    found = await store.get("counter")
    number = int(found.text) + 1 if found is not None else 1
    await asyncio.sleep(chance.uniform(0.0, 1.0))
    reply = await store.put("counter", str(number), guarded_by=lock)
    board.counted.append((reply.revision, number))
    if chance.random() < 0.3:
        # Long enough to be cut off, lose the lock, and not hear of it from the store.
        await asyncio.sleep(2 * TTL)


async def work(world: World, name: str, board: Board) -> None:
    """Take the lock again and again."""
    chance = random.Random(f"{world.seed} {name}")
    async with client_of(world, name) as store:
        while not board.over:
            lock = store.lock("n", ttl=TTL)
            try:
                async with asyncio.timeout(20), lock:
                    board.enter(name, lock)
                    await count(store, lock, board, chance)
            except GuardFailed:
                board.refused += 1
            except LeaseLost:
                board.lost += 1
            except (TricordError, TimeoutError):
                await asyncio.sleep(chance.uniform(0.1, 0.5))
            board.believers.pop(name, None)
        assert store._recipes.under_way == 0


async def disturb(world: World, board: Board, chance: random.Random) -> None:
    """One fault, and its end. Of clients, it meets the holder."""
    host = world[chance.choice(world.names)]
    kind = chance.choice(("kill", "pause", "cut member", "cut client", "cut client"))
    if kind == "kill":
        host.kill()
        await asyncio.sleep(chance.uniform(0.1, 2.0))
        await host.start()
    elif kind == "pause":
        host.pausing.begin()
        await asyncio.sleep(chance.uniform(0.5, 4.0))
        host.pausing.end()
    else:
        one, others = (
            (host.name, world.names) if kind == "cut member" else (next(iter(board.believers), CLIENTS[0]), world.names)
        )
        for other in others:
            if other != one:
                world.network.cut(one, other)
        await asyncio.sleep(chance.uniform(0.5, 6.0))
        world.network.heal()
    await asyncio.sleep(chance.uniform(0.1, 2.0))


async def nothing_left(world: World) -> None:
    """The queue and the leases are empty, as soon as those that died are gone."""
    async with client_of(world, "c1") as store, asyncio.timeout(30):
        while True:
            leases, _ = await store.call(LeaseList())
            if await store.count("n/") == 0 and leases == LeaseListResult([]):
                return
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("seed", [71, 72])
def test_one_holder_at_a_time_whatever_breaks(seed: int) -> None:
    async def story(world: World) -> None:
        await world.start()
        board, chance = Board(), random.Random(seed)
        workers = [asyncio.ensure_future(work(world, name, board)) for name in CLIENTS]
        end = world.loop.time() + SECONDS
        while world.loop.time() < end:
            await disturb(world, board, chance)
            broken = [worker for worker in workers if worker.done()]
            assert not broken, [worker.exception() for worker in broken]
        board.over = True
        await world.led(within=10)
        async with asyncio.timeout(40):
            await asyncio.gather(*workers)
        await nothing_left(world)
        numbers = [number for _, number in sorted(board.counted)]
        assert numbers == sorted(set(numbers)), "no two wrote the same"
        assert len(numbers) > 8
        assert board.lost, "some were told that they lost it"

    World(seed=seed).play(story)
