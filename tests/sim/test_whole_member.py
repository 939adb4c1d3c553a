# SPDX-License-Identifier: Apache-2.0
"""A whole member and its client in one process on the twins: every layer from sockets to disk, in virtual time.

Clock, randomness, disk, network and tasks come from one object. So two runs from one seed take the same steps at the
same virtual times, and a run of another seed does not.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest

from tricord import aio, txn
from tricord.api.serving import Serving
from tricord.base.errors import TricordError
from tricord.base.trace import Completed, Invoked, TraceEvent
from tricord.server.configuration import Configuration
from tricord.sim.environment import simulated_environment
from tricord.sim.network import MemoryNetwork
from tricord.sim.virtual_loop import VirtualLoop
from tricord.storage.memory_disk import MemoryDisk

CONFIGURATION = Configuration(data_dir="/data", segment_bytes=8 << 20)


class World:
    """One simulated machine with a member, and a client on the same network."""

    def __init__(self, seed: int) -> None:
        self.loop = VirtualLoop()
        self.disk = MemoryDisk(seed=seed)
        self.network = MemoryNetwork(self.loop)
        self.server_side = simulated_environment(self.loop, self.disk, seed, self.network)
        self.client_side = simulated_environment(self.loop, MemoryDisk(seed=0), seed + 1, self.network)
        self.trace: list[str] = []

    def observe(self, event: TraceEvent) -> None:
        at = f"{self.loop.time():.6f}"
        if isinstance(event, Invoked):
            self.trace.append(f"{at} call {event.call} {event.operation}")
        elif isinstance(event, Completed):
            revision = event.stamp.revision if event.stamp else None
            member = event.stamp.member if event.stamp else None
            self.trace.append(
                f"{at} done {event.call} {event.status} {event.error} {event.result!r} {revision} {member}"
            )

    def connect(self) -> aio.AsyncClient:
        return aio.connect("127.0.0.1:2379", environment=self.client_side, observer=self.observe)


async def working_day(world: World) -> None:
    """Start, write from several sides at once, restart cleanly, read all back."""
    serving = Serving(world.server_side, CONFIGURATION)
    await serving.start()
    async with world.connect() as store:

        async def worker(name: str) -> None:
            for number in range(5):
                await store.put(f"{name}/{number}", f"value {number}", previous=True)
                await store.get(f"{name}/{number}")
                await asyncio.sleep(world.client_side.random.uniform(0.0, 0.05))

        await asyncio.gather(*(worker(name) for name in ("a", "b", "c")))
        await store.txn(when=[txn.version("a/0") == 1], then=[txn.put("a/0", "again")], otherwise=[txn.get("a/0")])
        await store.delete("b/0")
        await store.compact(5)
        try:
            await store.put("", "no key")
        except TricordError as refusal:
            world.trace.append(refusal.code)
    await serving.stop(1.0)

    serving = Serving(world.server_side, CONFIGURATION)
    await serving.start()
    async with world.connect() as store:
        for kv in (await store.prefix("")).kvs:
            world.trace.append(repr(kv))
    await serving.stop(1.0)
    world.trace.append(f"{world.loop.time():.6f} end")


def play(seed: int) -> list[str]:
    world = World(seed)
    try:
        world.loop.run_until_complete(working_day(world))
    finally:
        world.loop.close()
    return world.trace


def test_one_seed_is_one_story() -> None:
    first, second, other = play(1), play(1), play(2)
    assert first == second
    assert first != other
    assert sum(" ok " in line for line in first) == 34
    assert [line for line in first if line.startswith("KeyValue(key=b'a/0'")], first


def test_the_story_does_not_depend_on_the_hash_seed() -> None:
    command = [sys.executable, "-c", "from tests.sim.test_whole_member import play; print(*play(7), sep='\\n')"]
    told = [
        subprocess.run(
            command, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": hash_seed}
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert told[0] == told[1]
    assert told[0].count(" ok ") == 34


def play_power_cut(seed: int) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """What was acknowledged, what was tried without an answer, and what is there after the cut."""
    world = World(seed)
    acknowledged: dict[str, str] = {}
    unanswered: dict[str, str] = {}

    async def writes(store: aio.AsyncClient, name: str) -> None:
        for number in range(1000):
            key, value = f"{name}/{number}", f"{name} wrote {number}"
            unanswered[key] = value
            await store.put(key, value)
            acknowledged[key] = unanswered.pop(key)

    async def story() -> dict[str, str]:
        serving = Serving(world.server_side, CONFIGURATION)
        await serving.start()
        async with world.connect() as store:
            tasks = [asyncio.ensure_future(writes(store, name)) for name in ("x", "y", "z")]
            await asyncio.sleep(world.client_side.random.uniform(0.05, 0.4))
            serving.member.abandon()
            serving.server.abort()
            world.disk.power_cut()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                assert isinstance(outcome, TricordError), outcome
        serving = Serving(world.server_side, CONFIGURATION)
        await serving.start()
        async with world.connect() as store:
            there = {kv.key.decode(): kv.value.decode() for kv in (await store.prefix("")).kvs}
        await serving.stop(1.0)
        return there

    try:
        there = world.loop.run_until_complete(story())
    finally:
        world.loop.close()
    return acknowledged, unanswered, there


@pytest.mark.parametrize("seed", range(10))
def test_a_power_cut_loses_no_acknowledged_write(seed: int) -> None:
    acknowledged, unanswered, there = play_power_cut(seed)
    assert len(acknowledged) > 20
    assert acknowledged.items() <= there.items()
    assert there.items() <= (acknowledged | unanswered).items()
