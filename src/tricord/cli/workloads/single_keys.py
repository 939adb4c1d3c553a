# SPDX-License-Identifier: Apache-2.0
"""Workloads on single keys: ``register`` (put, get, delete), ``cas`` (and compare-and-swap), ``append``."""

from __future__ import annotations

import random

from tricord.check.recording import Recorder
from tricord.cli.workloads.run import Run
from tricord.client.asynchronous import AsyncClient
from tricord.txn import absent, mod_revision, put, value


class SingleKeys:
    """One client."""

    def __init__(self, recorder: Recorder, store: AsyncClient, number: int) -> None:
        self._recorder = recorder
        self._store = store
        self._number = number
        self._written = 0
        self._seen: dict[str, str | None] = {}
        """What a key held when this client looked last."""

    def _new(self) -> str:
        self._written += 1
        return f"{self._number}-{self._written}"

    async def get(self, key: str) -> None:
        """Read it."""
        with self._recorder.call(self._number, "get", key) as call:
            reply = await self._store.range(key, key + "\0")
            found = reply.kvs[0].text if reply.kvs else None
            call.ok(found, revision=reply.revision)
        self._seen[key] = found

    async def put(self, key: str) -> None:
        """Write it."""
        new = self._new()
        with self._recorder.call(self._number, "put", key, new) as call:
            call.ok(revision=(await self._store.put(key, new)).revision)
        self._seen[key] = new

    async def delete(self, key: str) -> None:
        """Delete it."""
        with self._recorder.call(self._number, "delete", key) as call:
            reply = await self._store.delete(key)
            call.ok(bool(reply), revision=reply.revision)
        self._seen[key] = None

    async def cas(self, key: str) -> None:
        """Swap what was seen last for something new."""
        expected, new = self._seen.get(key), self._new()
        with self._recorder.call(self._number, "cas", key, {"expect": expected, "value": new}) as call:
            condition = absent(key) if expected is None else value(key) == expected
            reply = await self._store.txn(when=[condition], then=[put(key, new)])
            call.ok(reply.succeeded, revision=reply.revision)
        self._seen[key] = new if reply.succeeded else None

    async def append(self, key: str) -> None:
        """Read it and write it longer, if nobody was between."""
        new = f" {self._new()}"
        with self._recorder.call(self._number, "append", key, new) as call:
            call.fail()
            before = await self._store.get(key)
            whole = (before.text if before else "") + new
            condition = mod_revision(key) == (before.mod_revision if before else 0)
            call.unknown()
            reply = await self._store.txn(when=[condition], then=[put(key, whole)])
            if reply.succeeded:
                call.ok(whole, revision=reply.revision)
            else:
                call.fail()


KINDS = {
    "register": ("put", "put", "put", "get", "get", "get", "get", "delete"),
    "cas": ("put", "get", "get", "cas", "cas"),
    "append": ("append", "get"),
}


async def worker(run: Run, number: int) -> None:
    """One client, which does ``run.kinds``."""
    draw = random.Random()
    async with run.connect(None) as store:
        keys = SingleKeys(run.recorder, store, number)
        while not run.stopping.is_set():
            async with run.attempt():
                await getattr(keys, draw.choice(run.kinds))(run.key(draw))
