# SPDX-License-Identifier: Apache-2.0
"""The workload ``watch``: writers, and watchers of a prefix, of one key, of puts alone, and one that begins anew now
and then where it was."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from tricord.base.errors import DeadlineExceeded, Unavailable
from tricord.base.operations import Event, KeyValue
from tricord.check.history import Operation
from tricord.cli.workloads.run import Run
from tricord.cli.workloads.single_keys import SingleKeys
from tricord.client.asynchronous import AsyncClient
from tricord.client.feed import Progress, Resynced
from tricord.client.watching import Watch
from tricord.txn import delete, put

LAST_ROUNDS = 20
"""So often a watcher looks for more after the last write, until it has a mark."""
ASK_SECONDS = 0.2


async def writer(run: Run, number: int) -> None:
    """One client that writes: single keys, and transactions over several."""
    draw = random.Random()
    written = 0
    async with run.connect(None) as store:
        keys = SingleKeys(run.recorder, store, number)
        while not run.stopping.is_set():
            written += 1
            async with run.attempt():
                match draw.choice(("put", "put", "delete", "txn")):
                    case "put":
                        await keys.put(run.key(draw))
                    case "delete":
                        await keys.delete(run.key(draw))
                    case _:
                        chosen = draw.sample(range(run.keys), min(run.keys, 3))
                        values = {f"{run.prefix}k{key}": draw.choice((f"{number}+{written}", None)) for key in chosen}
                        asked = [["w", key, value] for key, value in values.items()]
                        with run.recorder.call(number, "txn", None, asked) as call:
                            steps = [delete(key) if value is None else put(key, value) for key, value in values.items()]
                            call.ok(asked, revision=(await store.txn(then=steps)).revision)


@dataclass
class Watcher:
    """One watcher: what it asks for, and how far it was told."""

    run: Run
    name: str
    key: str
    wish: dict[str, Any]
    told_to: int
    restarts: bool = False

    async def watch(self, written: asyncio.Event) -> None:
        """Until all is ``written`` and told."""
        number = 0
        async with self.run.connect(None) as store:
            while True:
                number += 1
                try:
                    async with self._begun(store) as watch:
                        wish = {**self.wish, "start_revision": self.told_to + 1, "watch": number}
                        if await self._read(watch, wish, written):
                            return
                except (Unavailable, DeadlineExceeded):
                    if written.is_set():
                        return
                    await asyncio.sleep(ASK_SECONDS)

    def _begun(self, store: AsyncClient) -> Watch[Event | Progress | Resynced]:
        filters = self.wish.get("filters", [])
        end = self.wish.get("range_end")
        spec: dict[str, Any] = {"start": self.key, "end": end} if end else {"key": self.key}
        return store.watch(
            **spec,
            from_revision=self.told_to + 1,
            previous=self.wish.get("prev_kv", False),
            puts="noput" not in filters,
            deletes="nodelete" not in filters,
            progress=True,
        )

    async def _read(
        self, watch: Watch[Event | Progress | Resynced], wish: dict[str, Any], written: asyncio.Event
    ) -> bool:
        """Write down what it is told; true when that is all, false to begin anew."""
        recorder = self.run.recorder
        patience = random.randint(5, 50)
        rounds = 0
        while True:
            call_ns, last = recorder.now(), written.is_set()
            batch = await self._take(watch)
            if batch:
                output = response(batch)
                revision = self.told_to = output["revision"]
                recorder.add(
                    Operation(self.name, "watch", self.key, wish, output, call_ns, recorder.now(), revision=revision)
                )
            if last:
                rounds += 1
                if (batch and isinstance(batch[0], Progress)) or rounds > LAST_ROUNDS:
                    return True
            elif self.restarts:
                patience -= 1
                if patience < 0:
                    return False

    async def _take(self, watch: Watch[Event | Progress | Resynced]) -> list[Any]:
        """The next batch. While nothing comes a mark is asked for; empty: that did not come either."""
        for asking in (True, False):
            try:
                async with asyncio.timeout(ASK_SECONDS):
                    return list(await watch.take_batch())
            except TimeoutError:
                if asking:
                    await watch.ask_progress()
        return []


def workers(run: Run, revision: int) -> list[Awaitable[None]]:
    """Writers, and watchers of everything after ``revision``."""
    written = asyncio.Event()
    left = run.clients

    async def writing(number: int) -> None:
        nonlocal left
        try:
            await writer(run, number)
        finally:
            left -= 1
            if not left:
                written.set()

    everything = {"range_end": f"{run.prefix}l", "prev_kv": True}
    first = f"{run.prefix}k0"
    watchers = [
        Watcher(run, "watcher of all", f"{run.prefix}k", everything, revision),
        Watcher(run, "watcher that begins anew", f"{run.prefix}k", everything, revision, restarts=True),
        Watcher(run, "watcher of one key", first, {"prev_kv": True}, revision),
        Watcher(run, "watcher of puts", f"{run.prefix}k", {**everything, "filters": ["nodelete"]}, revision),
    ]
    return [*map(writing, range(run.clients)), *(watcher.watch(written) for watcher in watchers)]


def response(batch: list[Event | Progress | Resynced]) -> dict[str, Any]:
    """What a line says of it."""
    first = batch[0]
    if not isinstance(first, Event):
        return {"revision": first.revision}
    events = [told(event) for event in batch if isinstance(event, Event)]
    return {"revision": first.revision, "events": events}


def told(event: Event) -> dict[str, Any]:
    """One event."""
    kv = event.kv
    line: dict[str, Any] = {"type": "delete" if event.deleted else "put", "key": kv.key.decode()}
    line |= {"mod_revision": kv.mod_revision}
    if not event.deleted:
        line |= {"value": kv.text, "create_revision": kv.create_revision, "version": kv.version}
    line["prev_kv"] = held(event.previous) if event.previous is not None else None
    return line


def held(kv: KeyValue) -> dict[str, Any]:
    """What a key held."""
    return {
        "value": kv.text,
        "mod_revision": kv.mod_revision,
        "create_revision": kv.create_revision,
        "version": kv.version,
    }
