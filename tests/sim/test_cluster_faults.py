# SPDX-License-Identifier: Apache-2.0
"""Whole members under random faults: processes die and stop, wires are cut, the lead moves.

Whatever happens, an acknowledged write stays, a linearizable read is never older than it, and in the end all members
have the same state. A write of unknown outcome may take effect at any later time, so its key is not used again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tricord.base.errors import OutcomeUnknown, TricordError
from tricord.sim.wide.world import World

CHAOS_SECONDS = 6.0


class Faults:
    """What one seed does to a cluster."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world = world
        self.chance = chance
        self.over = False
        self.acknowledged: dict[str, int] = {}

    async def play(self) -> None:
        """Break things for a while, then heal all."""
        end = self.world.loop.time() + CHAOS_SECONDS
        acts = self.acts()
        while self.world.loop.time() < end:
            await asyncio.sleep(self.chance.uniform(0.1, 1.0))
            await self.chance.choice(acts)()
        await self.heal()
        await self.start()
        await self.world.led(within=10)

    def acts(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """What may happen."""
        return [self.kill, self.stop, self.cut, self.heal, self.move, self.start]

    async def kill(self) -> None:
        running = self.world.running()
        if len(running) == len(self.world.names):
            self.chance.choice(running).kill()

    async def stop(self) -> None:
        running = self.world.running()
        if len(running) == len(self.world.names):
            await self.chance.choice(running).stop()

    async def start(self) -> None:
        for host in self.world.hosts.values():
            if host.serving is None:
                await host.start()

    async def cut(self) -> None:
        one, other = self.chance.sample(self.world.names, 2)
        self.world.network.cut(one, other)

    async def heal(self) -> None:
        self.world.network.heal()

    async def move(self) -> None:
        for host in self.world.running():
            if host.member.replica.is_leader:
                try:
                    await host.member.engine.move_leader(0)
                except TricordError:
                    pass
                return

    async def write(self, name: str) -> None:
        """One client: writes and reads one key after the other, each with a rising number."""
        number, key = 0, name
        async with self.world.client() as store:
            while not self.over:
                number += 1
                try:
                    await store.put(key, str(number))
                    self.acknowledged[key] = number
                except OutcomeUnknown:
                    key = f"{name}/{number}"
                except TricordError:
                    pass
                try:
                    found = await store.get(key)
                    assert (int(found.text) if found else 0) >= self.acknowledged.get(key, 0), "a read is never stale"
                except TricordError:
                    pass
                await asyncio.sleep(self.chance.uniform(0.05, 0.2))


@pytest.mark.parametrize("seed", range(101, 105))
def test_what_was_acknowledged_stays_and_no_read_is_stale(seed: int) -> None:
    check(seed, Faults)


def check(seed: int, kind: type[Faults]) -> None:
    """Play the faults of one seed, and hold what is left against what was promised."""

    async def story(world: World) -> None:
        world.settings.update(corrupt_check_seconds=0.5, auto_compaction_retention=1.0 if seed % 2 else 0.0)
        await world.start()
        faults = kind(world, random.Random(seed))
        writers = [asyncio.ensure_future(faults.write(name)) for name in "abc"]
        await faults.play()
        await asyncio.sleep(1)
        faults.over = True
        await asyncio.gather(*writers)
        for _ in range(100):
            if len({host.member.machine.applied_index for host in world.running()}) > 1:
                await asyncio.sleep(0.05)
        assert len({host.member.machine.chain for host in world.running()}) == 1
        assert [host.member.failure for host in world.running()] == [None] * 3
        assert [host.member.machine.alarms for host in world.running()] == [{}] * 3, "members compared, none differed"
        async with world.client() as store:
            for key, number in faults.acknowledged.items():
                found = await store.get(key)
                assert found is not None and int(found.text) >= number
        assert len(faults.acknowledged) >= 3

    World(seed).play(story)
