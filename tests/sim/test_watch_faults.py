# SPDX-License-Identifier: Apache-2.0
"""Watches of whole clusters: members die, stop, are cut off, hand over the lead, take snapshots, compact.

Whatever happens, whoever comes back where it was is told of each change once, in order, a revision at a time; or that
it was compacted.
"""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.sim.test_cluster_faults import Faults
from tests.sim.watchers import record, specs
from tricord import txn
from tricord.base.errors import TricordError
from tricord.base.watching import WatchSpec
from tricord.sim.wide.followers import Follower
from tricord.sim.wide.world import World


class WatchedFaults(Faults):
    """Faults under writers of many keys, and compactions."""

    async def write(self, name: str) -> None:
        async with self.world.client() as store:
            while not self.over:
                key = f"{name}/{self.chance.randrange(4)}"
                doing = self.chance.random()
                try:
                    if doing < 0.5:
                        await store.put(key, "v" * self.chance.randrange(100))
                    elif doing < 0.75:
                        await store.delete(key)
                    else:
                        await store.txn(when=[], then=[txn.put(key, "t"), txn.delete(f"{name}/9"), txn.put(name, "t")])
                except TricordError:
                    pass
                await asyncio.sleep(self.chance.uniform(0.01, 0.1))

    async def compact(self) -> None:
        async with self.world.client() as store:
            while not self.over:
                await asyncio.sleep(self.chance.uniform(0.5, 1.5))
                try:
                    revision = (await store.put("compacting", "")).revision
                    await store.compact(revision - self.chance.randrange(1, 10))
                except TricordError:
                    pass


@pytest.mark.parametrize("seed", range(201, 204))
def test_watchers_that_come_back_miss_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    history = record(monkeypatch)

    async def story(world: World) -> None:
        await world.start()
        faults = WatchedFaults(world, random.Random(seed))
        followers = [Follower(world, history, spec, number) for number, spec in enumerate(specs() * 2)]
        following = [asyncio.create_task(follower.follow()) for follower in followers]
        work = [faults.write(name) for name in "abc"]
        if seed % 2:
            work.append(faults.compact())
        working = [asyncio.create_task(one) for one in work]
        await faults.play()
        faults.over = True
        await asyncio.gather(*working)
        await asyncio.sleep(8)
        for task, follower in zip(following, followers, strict=True):
            assert not task.done(), task.result()
            follower.complete()
            task.cancel()
        await asyncio.wait(following)
        assert sum(follower.told for follower in followers) > 200
        assert all(follower.connections and follower.marks for follower in followers)
        for host in world.running():
            assert host.member.failure is None

    World(seed).play(story)


@pytest.mark.parametrize("compacts", [False, True])
def test_a_snapshot_under_a_member_that_is_watched(compacts: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    history = record(monkeypatch)

    async def story(world: World) -> None:
        await world.start()
        await asyncio.sleep(1)
        leader = await world.led()
        behind = next(name for name in world.names if name != leader)
        others = [name for name in world.names if name != behind]
        followers = [Follower(world, history, WatchSpec(b"k"), number, behind) for number in range(3)]
        following = [asyncio.create_task(follower.follow()) for follower in followers]
        async with world.client(*others) as store:
            await store.put("k", "before")
            await asyncio.sleep(1)
            world.isolate(behind)
            await asyncio.sleep(3)
            for number in range(24):
                await store.put(f"large{number}", bytes(1_000_000))
                await store.put("k", str(number))
            if compacts:
                await store.compact(history.newest - 2)
            world.network.heal()
            await asyncio.sleep(3)
            await store.put("k", "after")
        await asyncio.sleep(5)
        assert world[leader].member.snapshots.outgoing.made == 1
        for task, follower in zip(following, followers, strict=True):
            assert not task.done(), task.result()
            follower.complete()
            assert follower.compactions == compacts
            assert follower.told == (4 if compacts else 26)
            task.cancel()
        await asyncio.wait(following)

    World(seed=31).play(story)


def test_a_watch_from_the_future_on_a_member_that_is_behind_waits_for_its_revision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history = record(monkeypatch)

    async def story(world: World) -> None:
        await world.start()
        await asyncio.sleep(1)
        leader = await world.led()
        behind = next(name for name in world.names if name != leader)
        others = [name for name in world.names if name != behind]
        follower = Follower(world, history, WatchSpec(b"k"), 1, leader)
        following = asyncio.create_task(follower.follow())
        async with world.client(*others) as store:
            await store.put("k", "1")
            await asyncio.sleep(0.1)
            world.isolate(behind)
            for number in range(10):
                await store.put("k", str(number))
            await asyncio.sleep(1)
            following.cancel()
            await asyncio.wait([following])
            told = follower.told
            follower._names = (behind,)
            following = asyncio.create_task(follower.follow())
            await asyncio.sleep(1)
            assert follower.told == told
            world.network.heal()
            await store.put("k", "last")
        await asyncio.sleep(3)
        follower.complete()
        assert follower.told == told + 1
        following.cancel()
        await asyncio.wait([following])

    World(seed=32).play(story)
