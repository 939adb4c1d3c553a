# SPDX-License-Identifier: Apache-2.0
"""Clients that live on leases: some renew one for a while and see that its key stays, some take a lock in turns."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tricord.aio import AsyncClient, Lock
from tricord.base.errors import GuardFailed, LeaseLost, TricordError
from tricord.base.leases import LeaseGrant, LeaseGrantResult, LeaseKeepAlive, LeaseKeepAliveResult, LeaseRevoke
from tricord.base.operations import EventKind

if TYPE_CHECKING:
    from tricord.sim.wide.cluster_run import ClusterRun

TTL_SECONDS = 3
TIMEOUT_SECONDS = 2.0
LOCK_SECONDS = 15.0
COUNTER = "locked/counter"


@dataclass(slots=True)
class Lived:
    """A key on a lease, and until when it was promised to stay."""

    key: str
    sure_until: float
    """On the loop's clock: the time to live after the last renewal that was answered was sent."""
    revoked_at: float | None = None
    """When its owner ended it."""


class LeaseHolder:
    """One client that makes one lease after the other."""

    def __init__(self, run: ClusterRun, number: int) -> None:
        self.name = f"h{number}"
        self._run = run
        self._chance = random.Random(f"wide {run.plan.seed} {self.name}")
        self._made = 0
        self.lived: list[Lived] = []
        self.over = False

    async def work(self) -> None:
        """Go on until ``over``."""
        while not self.over:
            seed = self._chance.getrandbits(32)
            async with self._run.world.client(host=self.name, seed=seed, timeout=TIMEOUT_SECONDS) as store:
                try:
                    await self._one(store)
                except TricordError:
                    await asyncio.sleep(self._chance.uniform(0.1, 1.0))

    async def _one(self, store: AsyncClient) -> None:
        loop, chance = self._run.loop, self._chance
        sent = loop.time()
        granted, _ = await store.call(LeaseGrant(TTL_SECONDS))
        assert isinstance(granted, LeaseGrantResult)
        self._made += 1
        one = Lived(f"lease/{self.name}/{self._made}", sent + granted.ttl)
        self.lived.append(one)
        await store.put(one.key, "x", lease=granted.id)
        for _ in range(chance.randint(0, 6)):
            await asyncio.sleep(chance.uniform(0.5, 2.0))
            sent = loop.time()
            renewed, _ = await store.call(LeaseKeepAlive(granted.id))
            assert isinstance(renewed, LeaseKeepAliveResult)
            if renewed.ttl <= 0:
                break
            one.sure_until = max(one.sure_until, sent + renewed.ttl)
        if chance.random() < 0.3:
            one.revoked_at = loop.time()
            await store.call(LeaseRevoke(granted.id))
        await asyncio.sleep(chance.uniform(0.0, 2.0))


class LockHolder:
    """One client that takes the lock again and again, and counts under its guard."""

    def __init__(self, run: ClusterRun, number: int, others: list[LockHolder]) -> None:
        self.name = f"l{number}"
        self._run = run
        self._chance = random.Random(f"wide {run.plan.seed} {self.name}")
        self._others = others
        self.counted: list[tuple[int, int]] = []
        self.held: Lock | None = None
        self.over = False

    async def work(self) -> None:
        """Go on until ``over``."""
        while not self.over:
            seed = self._chance.getrandbits(32)
            async with self._run.world.client(host=self.name, seed=seed, timeout=TIMEOUT_SECONDS) as store:
                for _ in range(5):
                    if self.over:
                        return
                    await self._once(store)

    async def _once(self, store: AsyncClient) -> None:
        lock = store.lock("locked/mutex", ttl=TTL_SECONDS)
        try:
            async with asyncio.timeout(LOCK_SECONDS), lock:
                self._enter(lock)
                await self._count(store, lock)
        except (GuardFailed, LeaseLost, TimeoutError):
            pass
        except TricordError:
            await asyncio.sleep(self._chance.uniform(0.1, 0.5))
        finally:
            self.held = None
        await asyncio.sleep(self._chance.uniform(0.0, 2.0))

    def _enter(self, lock: Lock) -> None:
        self.held = lock
        also = [
            other.name for other in self._others if other is not self and other.held is not None and other.held.held
        ]
        if also and not self._run.clocks_are_wrong:
            self._run.violate("leases", f"{self.name} holds the lock, and {', '.join(also)} believe to hold it")

    async def _count(self, store: AsyncClient, lock: Lock) -> None:
        found = await store.get(COUNTER)
        number = int(found.text) + 1 if found is not None else 1
        await asyncio.sleep(self._chance.uniform(0.0, 0.8))
        reply = await store.put(COUNTER, str(number), guarded_by=lock)
        self.counted.append((reply.revision, number))


def check_holders(run: ClusterRun, leases: list[LeaseHolder], locks: list[LockHolder]) -> None:
    """Whether no lease ended early, and no two counted the same."""
    ended = {
        event.kv.key.decode(): run.record.times[revision]
        for revision, events in zip(run.record.history.revisions, run.record.history.events, strict=True)
        for event in events
        if event.kind == EventKind.DELETE
    }
    for one in (one for holder in leases for one in holder.lived):
        at = ended.get(one.key)
        sure = one.sure_until if one.revoked_at is None else min(one.sure_until, one.revoked_at)
        if at is not None and at < sure and not run.clocks_are_wrong:
            early = f"{sure - at:.3f} s before its time to live had passed"
            run.violate("leases", f"{one.key} was deleted at {at - run.zero:.3f}, {early}")
    numbers = [number for _, number in sorted(counted for lock in locks for counted in lock.counted)]
    if numbers != sorted(set(numbers)):
        run.violate("leases", f"two clients wrote under one lock: {numbers}")
