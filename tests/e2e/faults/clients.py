# SPDX-License-Identifier: Apache-2.0
"""The load: clients of every kind, through the client library, each keeping account of what it was promised.

None of them knows of the faults. An error is written down and the client goes on.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.e2e.faults.history import Recorder
from tricord import aio
from tricord.base.errors import OutcomeUnknown, TricordError
from tricord.base.leases import LeaseGrant, LeaseGrantResult, LeaseKeepAlive, LeaseKeepAliveResult
from tricord.base.operations import Event

LEASE_SECONDS = 4
RENEWAL_SECONDS = 1.0


@dataclass
class LeaseAccount:
    """One lease: when its last answered renewal was sent, and whether its holder has stopped renewing it."""

    key: str
    ttl: int
    renewed_at: float
    gone_at: float | None = None
    ended_while_renewed: bool = False


@dataclass(slots=True)
class Told:
    """An event, and when a watcher was told of it."""

    event: Event
    at_ns: int


@dataclass
class Clients:
    """All of them. ``stopping`` ends them, each at the end of what it is doing."""

    endpoints: str
    promises: Recorder
    """Of locks and leases."""
    seed: int
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    leases: dict[str, LeaseAccount] = field(default_factory=dict)
    told: dict[str, list[Told]] = field(default_factory=dict)
    """By watcher: all events."""
    added: int = 0
    """Increments under the lock that were acknowledged."""
    maybe_added: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    def failed(self, error: TricordError) -> None:
        """Count it."""
        self.errors[error.code] += 1

    async def watcher(self, name: str, endpoint: str, from_revision: int) -> None:
        """Keeps all it is told; with one endpoint alone, so that it lives through that member's faults."""
        events = self.told.setdefault(name, [])
        async with aio.connect(endpoint, timeout=5) as store:
            while not self.stopping.is_set():
                try:
                    await self._watch(store, from_revision, name)
                except TricordError as error:
                    if events:
                        raise  # once it has begun it lives through faults
                    self.failed(error)
                    await asyncio.sleep(0.2)

    async def _watch(self, store: aio.AsyncClient, from_revision: int, name: str) -> None:
        watch = store.watch(prefix="", from_revision=from_revision)
        stopped = asyncio.create_task(self.stopping.wait())
        stopped.add_done_callback(lambda _: watch.close())
        try:
            async with watch:
                async for event in watch:
                    self.told[name].append(Told(event, time.monotonic_ns()))
                    self._saw(event, name)
        finally:
            stopped.cancel()

    def _saw(self, event: Event, name: str) -> None:
        account = self.leases.get(event.kv.key.decode(errors="replace"))
        if account is not None and event.deleted:
            self.promises.add(name, "expire", account.key, None, None, time.monotonic_ns(), "ok")
            account.gone_at = account.gone_at or time.monotonic()

    async def lease_holder(self, client: int) -> None:
        """Grants a lease, binds a key to it, renews it for a while, stops, and grants the next one."""
        draw = random.Random(self.seed * 1000 + client)
        async with aio.connect(self.endpoints, timeout=2) as store:
            number = 0
            while not self.stopping.is_set():
                number += 1
                try:
                    await self._hold(store, f"holder {client}", f"lease/{client}/{number}", draw.uniform(2, 15))
                except TricordError as error:
                    self.failed(error)
                    await asyncio.sleep(0.2)

    async def _hold(self, store: aio.AsyncClient, client: str, key: str, seconds: float) -> None:
        sent, called = time.monotonic(), time.monotonic_ns()
        granted, _ = await store.call(LeaseGrant(LEASE_SECONDS))
        assert isinstance(granted, LeaseGrantResult)
        self.promises.add(client, "grant", key, None, {"ttl": granted.ttl}, called, "ok")
        account = LeaseAccount(key, granted.ttl, sent)
        await store.put(key, "", lease=granted.id)
        self.leases[key] = account
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not self.stopping.is_set():
            await asyncio.sleep(RENEWAL_SECONDS)
            sent, called = time.monotonic(), time.monotonic_ns()
            try:
                answer, _ = await store.call(LeaseKeepAlive(granted.id), timeout=1)
            except TricordError as error:
                self.failed(error)
                continue
            assert isinstance(answer, LeaseKeepAliveResult)
            self.promises.add(client, "renew", key, None, {"ttl": answer.ttl}, called, "ok")
            if not answer.ttl:
                return  # it ended: whether it might, the check says
            account.renewed_at = sent

    async def adder(self, client: int) -> None:
        """Adds one to a counter, under a lock, with writes that the lock guards."""
        async with aio.connect(self.endpoints, timeout=2) as store:
            while not self.stopping.is_set():
                try:
                    await self._add(store, f"adder {client}")
                    self.added += 1
                except OutcomeUnknown as error:
                    self.failed(error)
                    self.maybe_added += 1
                except TricordError as error:
                    self.failed(error)
                await asyncio.sleep(0.1)

    async def _add(self, store: aio.AsyncClient, client: str) -> None:
        called = time.monotonic_ns()
        async with store.lock("adding", ttl=5, timeout=20) as lock:
            token = {"token": lock.token.revision}
            self.promises.add(client, "acquire", "adding", None, token, called, "ok")
            ended, until = "lose", time.monotonic_ns()
            try:
                found = await store.get("counter")
                until = time.monotonic_ns()
                await store.put("counter", str(int(found.text if found else "0") + 1), guarded_by=lock)
                ended = "release"  # the guard held: so the lock was this client's to here for certain
            finally:
                self.promises.add(client, ended, "adding", None, None, until, "ok")
