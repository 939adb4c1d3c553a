# SPDX-License-Identifier: Apache-2.0
"""Clients that watch a simulated cluster over the wire and come back after every loss, each held against what was
applied: the account (``sim.watch_account``) goes on over connections, members and restarts.
"""

from __future__ import annotations

import asyncio
import random

from tricord.base.environment import Environment
from tricord.base.operations import Event, EventKind, KeyValue
from tricord.base.watching import SharedEvent, WatchCompacted, WatchEvents, WatchItem, WatchProgress, WatchSpec
from tricord.sim.environment import simulated_environment
from tricord.sim.watch_account import RevisionHistory, Watched
from tricord.sim.wide.host import PORT
from tricord.sim.wide.world import World
from tricord.storage.memory_disk import MemoryDisk
from tricord.transport.client_connection import dial
from tricord.transport.client_stream import ClientStream
from tricord.wire.grpc.status import GrpcError
from tricord.wire.schemas import mvcc, watch

WATCH = "/etcdserverpb.Watch/Watch"
SLOW_SECONDS = 3.0
SILENT_SECONDS = 2.0
"""A client that hears nothing for so long asks how far it is, and after as long again goes elsewhere."""


class Follower:
    """One client with one watch, on one member after the other."""

    def __init__(self, world: World, history: RevisionHistory, spec: WatchSpec, seed: int, *names: str) -> None:
        self._world = world
        self._history = history
        self._spec = spec
        self._names = names
        self._chance = random.Random(seed)
        host = f"follower{seed}"
        self._environment: Environment = simulated_environment(
            world.loop, MemoryDisk(seed=0), seed, world.network.at(host)
        )
        self.account: Watched | None = None
        self.connections = 0
        self.told = 0
        self.compactions = 0
        self.marks = 0
        self.is_slow = False
        """It reads little, and seldom."""

    async def follow(self) -> None:
        """Watch for ever."""
        while True:
            try:
                async with asyncio.timeout(None) as patience:
                    await self._watch(self._chance.choice(self._names or self._world.names), patience)
            except (OSError, GrpcError, TimeoutError):
                await asyncio.sleep(self._chance.uniform(0.01, 0.2))

    def complete(self) -> None:
        """It was told of everything."""
        assert self.account is not None
        self.account.complete()

    async def _watch(self, name: str, patience: asyncio.Timeout) -> None:
        self._wait(patience)
        connection = await dial(self._environment, name, PORT)
        self.connections += 1
        try:
            stream = await connection.stream(WATCH)
            spec = self._spec
            create = watch.WatchCreateRequest(
                key=spec.key,
                range_end=spec.range_end,
                start_revision=0 if self.account is None else self.account.resume,
                prev_kv=spec.previous,
                filters=[0] * (not spec.puts) + [1] * (not spec.deletes),
                fragment=bool(self._chance.getrandbits(1)),
            )
            await stream.send(watch.WatchRequest(create_request=create).SerializeToString())
            await self._listen(stream, patience)
        finally:
            connection.close()
            if self.account is not None:
                self.account.partial.clear()

    async def _listen(self, stream: ClientStream, patience: asyncio.Timeout) -> None:
        asking = asyncio.create_task(self._ask_now_and_then(stream))
        try:
            async for data in stream:
                self._wait(patience)
                response = watch.WatchResponse.FromString(data)
                if response.created:
                    assert not response.canceled, response.cancel_reason
                    if self.account is None:
                        self.account = Watched(self._history, self._spec, response.header.revision + 1)
                    continue
                assert self.account is not None
                self.account.take(as_item(response), fragment=response.fragment)
                self.told += len(response.events)
                if response.compact_revision:
                    self.compactions += 1
                    self.account = Watched(self._history, self._spec, response.compact_revision)
                    self.account.compacted = response.compact_revision
                    return
                if not response.events:
                    self.marks += 1
                if self._chance.random() < (0.5 if self.is_slow else 0.05):
                    await asyncio.sleep(self._chance.uniform(0.0, SLOW_SECONDS if self.is_slow else 0.3))
        finally:
            asking.cancel()

    async def _ask_now_and_then(self, stream: ClientStream) -> None:
        ask = watch.WatchRequest(progress_request=watch.WatchProgressRequest()).SerializeToString()
        while True:
            await asyncio.sleep(self._chance.uniform(0.2, SILENT_SECONDS / 2))
            await stream.send(ask)

    def _wait(self, patience: asyncio.Timeout) -> None:
        patience.reschedule(self._world.loop.time() + 2 * SILENT_SECONDS)


def as_item(response: watch.WatchResponse) -> WatchItem:
    """An answer as the engine would have given it."""
    if response.compact_revision:
        return WatchCompacted(response.watch_id, response.compact_revision)
    if not response.events:
        return WatchProgress(response.watch_id, response.header.revision)
    events = [SharedEvent(_event(event)) for event in response.events]
    return WatchEvents(response.watch_id, response.header.revision, events)


def _event(event: mvcc.Event) -> Event:
    previous = _pair(event.prev_kv) if event.HasField("prev_kv") else None
    return Event(EventKind(event.type), _pair(event.kv), previous)


def _pair(kv: mvcc.KeyValue) -> KeyValue:
    return KeyValue(kv.key, kv.value, kv.create_revision, kv.mod_revision, kv.version, kv.lease)
