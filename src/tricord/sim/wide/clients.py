# SPDX-License-Identifier: Apache-2.0
"""Clients of the simulated cluster: each does one thing after the other, and writes down what it saw.

They are the real client over the real HTTP/2. What they write is unique, so that a reader names its writer.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from tricord.aio import AsyncClient
from tricord.base.errors import OutcomeUnknown, TricordError
from tricord.check.history import FAIL, OK, UNKNOWN, Operation
from tricord.client.steps import absent, get, mod_revision, put, value
from tricord.sim.wide.world import World

TIMEOUT_SECONDS = 3.0
APPEND_TRIES = 3
LONGEST_TEXT = 60
"""Appending to a longer value begins anew, by a put."""

WEIGHTS = {"get": 35, "put": 25, "delete": 6, "cas": 12, "append": 10, "txn": 12}


class GivenUp(Exception):
    """An operation ended without an effect, for a reason of the client's own."""


class Worker:
    """One client. ``history`` is shared by all; ``now_ns`` is the simulation's time."""

    def __init__(
        self, world: World, number: int, keys: int, pause: float, history: list[Operation], names: tuple[str, ...] = ()
    ) -> None:
        self.name = f"c{number}"
        self._world = world
        self._keys = [f"k{key}" for key in range(keys)]
        self._pause = pause
        self._history = history
        self._chance = random.Random(f"{world.seed} {self.name}")
        self._written = 0
        self._seen: dict[str, str | None] = {}
        self._names = names
        self.over = False
        self._current: asyncio.Task[Any] | None = None

    async def work(self) -> None:
        """Go on until ``over``."""
        kinds, weights = list(WEIGHTS), list(WEIGHTS.values())
        calls: dict[str, Callable[[AsyncClient, str], Awaitable[None]]] = {
            "get": self._get,
            "put": self._put,
            "delete": self._delete,
            "cas": self._cas,
            "append": self._append,
            "txn": self._txn,
        }
        while not self.over:
            # A new client now and then, as those come that are given up.
            seed = self._chance.getrandbits(32)
            async with self._world.client(*self._names, host=self.name, seed=seed, timeout=TIMEOUT_SECONDS) as store:
                for _ in range(self._chance.randint(20, 200)):
                    if self.over:
                        return
                    await asyncio.sleep(self._chance.expovariate(1 / self._pause))
                    (kind,) = self._chance.choices(kinds, weights)
                    self._current = asyncio.ensure_future(calls[kind](store, self._chance.choice(self._keys)))
                    try:
                        await asyncio.wait((self._current,))
                        if self._current.cancelled():
                            break
                        self._current.result()
                    except asyncio.CancelledError:
                        self._current.cancel()
                        raise

    def give_up(self) -> bool:
        """Break the connection and the call under way, if there is one."""
        if self._current is None or self._current.done():
            return False
        self._current.cancel()
        return True

    def _text(self) -> str:
        self._written += 1
        return f"{self.name}.{self._written}"

    def _now_ns(self) -> int:
        return round(self._world.loop.time() * 1e9)

    async def _note(self, operation: Operation, doing: Callable[[], Awaitable[tuple[Any, int]]]) -> Any:
        """Carry it out and write down how it went; its output, None when it failed."""
        operation.client = self.name
        operation.call_ns = self._now_ns()
        self._history.append(operation)
        operation.status = FAIL if operation.op == "get" else UNKNOWN
        try:
            operation.output, operation.revision = await doing()
        except OutcomeUnknown:
            return None
        except (GivenUp, TricordError):
            operation.status, operation.return_ns = FAIL, self._now_ns()
            return None
        operation.status, operation.return_ns = OK, self._now_ns()
        return operation.output

    async def _get(self, store: AsyncClient, key: str) -> None:
        async def doing() -> tuple[Any, int]:
            reply = await store.range(key, f"{key}\0")
            return (reply.kvs[0].text if reply.kvs else None), reply.revision

        operation = Operation("", "get", key)
        await self._note(operation, doing)
        if operation.status == OK:
            self._seen[key] = operation.output
        elif operation.return_ns is None:
            operation.return_ns = self._now_ns()

    async def _put(self, store: AsyncClient, key: str) -> None:
        text = self._text()

        async def doing() -> tuple[Any, int]:
            return None, (await store.put(key, text)).revision

        await self._note(Operation("", "put", key, text), doing)
        self._seen[key] = text

    async def _delete(self, store: AsyncClient, key: str) -> None:
        async def doing() -> tuple[Any, int]:
            return None, (await store.delete(key)).revision

        await self._note(Operation("", "delete", key), doing)
        self._seen[key] = None

    async def _cas(self, store: AsyncClient, key: str) -> None:
        expect, text = self._seen.get(key), self._text()

        async def doing() -> tuple[Any, int]:
            when = absent(key) if expect is None else value(key) == expect
            reply = await store.txn([when], [put(key, text)])
            return reply.succeeded, reply.revision

        if await self._note(Operation("", "cas", key, {"expect": expect, "value": text}), doing):
            self._seen[key] = text

    async def _append(self, store: AsyncClient, key: str) -> None:
        found = self._seen.get(key)
        if found is not None and len(found) > LONGEST_TEXT:
            await self._put(store, key)
            return
        text = f" {self._text()}"

        async def doing() -> tuple[Any, int]:
            for _ in range(APPEND_TRIES):
                try:
                    before = await store.get(key)
                except OutcomeUnknown as error:
                    raise GivenUp from error
                whole = (before.text if before is not None else "") + text
                when = absent(key) if before is None else mod_revision(key) == before.mod_revision
                reply = await store.txn([when], [put(key, whole)])
                if reply.succeeded:
                    return whole, reply.revision
            raise GivenUp

        whole = await self._note(Operation("", "append", key, text), doing)
        if whole is not None:
            self._seen[key] = whole

    async def _txn(self, store: AsyncClient, key: str) -> None:
        """Reads two keys and writes one or two, at one moment."""
        other = self._chance.choice(self._keys)
        writes = {key: self._text()}
        if other != key and self._chance.random() < 0.5:
            writes[other] = self._text()
        reads = list(dict.fromkeys((key, other)))
        asked: list[list[Any]] = [["r", one, None] for one in reads] + [["w", one, writes[one]] for one in writes]

        async def doing() -> tuple[Any, int]:
            steps = [get(one) for one in reads]
            reply = await store.txn(then=[*steps, *(put(one, text) for one, text in writes.items())])
            found = [reply.of(step) for step in steps]
            output = [["r", one, kv.text if kv is not None else None] for one, kv in zip(reads, found, strict=True)]
            return output + asked[len(reads) :], reply.revision

        await self._note(Operation("", "txn", None, asked), doing)
        self._seen.update(writes)
