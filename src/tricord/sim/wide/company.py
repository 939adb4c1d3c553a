# SPDX-License-Identifier: Apache-2.0
"""Those who are there beside the clients that read and write: watchers, and holders of leases and locks."""

from __future__ import annotations

import asyncio
import random

from tricord.base.errors import TricordError
from tricord.base.watching import WatchSpec
from tricord.sim.wide.cluster_run import ClusterRun
from tricord.sim.wide.followers import Follower
from tricord.sim.wide.holders import LeaseHolder, LockHolder, check_holders

WATCHERS_MAX = 3
HOLDERS_MAX = 2
SLOW = 0.4
"""How many watchers read little, and seldom, while there are faults."""
TOLD_SECONDS = 15.0
ENDED_SECONDS = 20.0
LOOK_SECONDS = 0.2


def specs() -> list[WatchSpec]:
    """What watchers ask for, over the keys of the clients."""
    return [
        WatchSpec(b"\0", b"\0", previous=True),
        WatchSpec(b"\0", b"\0", deletes=False),
        WatchSpec(b"k", b"l", puts=False),
        WatchSpec(b"k", b"l", previous=True),
        WatchSpec(b"k1"),
        WatchSpec(b"k2", b"\0"),
        WatchSpec(b"l", b"m"),
    ]


class Company:
    """All of them in one run; the option ``company`` 0 leaves them out."""

    def __init__(self, run: ClusterRun) -> None:
        self._run = run
        chance = random.Random(f"wide {run.plan.seed} company")
        watchers, leases = chance.randint(1, WATCHERS_MAX), chance.randint(0, HOLDERS_MAX)
        locks = chance.choice((0, HOLDERS_MAX))
        if not run.plan.options.get("company", 1.0):
            watchers = leases = locks = 0
        self._watchers = [
            Follower(run.world, run.record.history, spec, run.plan.seed * 10 + number)
            for number, spec in enumerate(chance.sample(specs(), watchers))
        ]
        for watcher in self._watchers:
            watcher.is_slow = chance.random() < SLOW
        self._leases = [LeaseHolder(run, number) for number in range(leases)]
        self._locks: list[LockHolder] = []
        self._locks += [LockHolder(run, number, self._locks) for number in range(locks)]
        self._holders: list[LeaseHolder | LockHolder] = [*self._leases, *self._locks]

    def begin(self) -> list[asyncio.Task[None]]:
        """All begin; the tasks of those that end by themselves."""
        for number, watcher in enumerate(self._watchers):
            self._run.spawn(self._watch(watcher), f"watcher {number}")
        return [self._run.spawn(holder.work(), holder.name) for holder in self._holders]

    def end(self) -> None:
        """The holders end when they can, and all watchers are quick."""
        for watcher in self._watchers:
            watcher.is_slow = False
        for holder in self._holders:
            holder.over = True

    async def settle(self) -> None:
        """When all is healed: the watchers are told everything, no lease lives on, and all was as it should."""
        await self._told()
        await self._ended()
        check_holders(self._run, self._leases, self._locks)

    async def _watch(self, watcher: Follower) -> None:
        try:
            await watcher.follow()
        except AssertionError as error:
            self._run.violate("watch", str(error))

    async def _told(self) -> None:
        end = self._run.loop.time() + TOLD_SECONDS
        missing = [watcher for watcher in self._watchers if _missed(watcher)]
        while missing and self._run.loop.time() < end:
            await asyncio.sleep(LOOK_SECONDS)
            missing = [watcher for watcher in missing if _missed(watcher)]
        for watcher in missing:
            self._run.violate("watch", f"{TOLD_SECONDS:g} s after everything was healed: {_missed(watcher)}")

    async def _ended(self) -> None:
        end = self._run.loop.time() + ENDED_SECONDS
        left: int | None = None
        async with self._run.world.client(host="visitor", seed=self._run.plan.seed + 1) as store:
            while self._run.loop.time() < end and left != 0:
                try:
                    left = await store.count("lease/") + await store.count("burst/") + await store.count("locked/mutex")
                except TricordError as error:
                    self._run.violate("progress", f"keys cannot be counted: {error}")
                    return
                await asyncio.sleep(LOOK_SECONDS)
        if left:
            self._run.violate("leases", f"{left} keys stay {ENDED_SECONDS:g} s after their leases were given up")


def _missed(watcher: Follower) -> str:
    """What the watcher was not told; empty: nothing."""
    if watcher.account is None:
        return "a watch never began"
    try:
        watcher.complete()
    except AssertionError as error:
        return str(error)
    return ""
