# SPDX-License-Identifier: Apache-2.0
"""Clients of the simulated cluster: each does one thing after the other, and writes down what it saw.

They are the real client over the real HTTP/2. What they write is unique, so that a reader names its writer.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from tricord.aio import AsyncClient
from tricord.base.errors import OutcomeUnknown, TricordError
from tricord.check.history import FAIL, OK, UNKNOWN, Operation
from tricord.client.steps import absent, get, mod_revision, put, value

if TYPE_CHECKING:
    from tricord.sim.wide.cluster_run import ClusterRun

TIMEOUT_SECONDS = 3.0
APPEND_TRIES = 3
GIVE_UP_SECONDS = 0.003
PAUSE_SECONDS_MAX = 5.0
"""So that a client's end is not waited for."""
LONGEST_TEXT = 60
"""Appending to a longer value begins anew, by a put."""

WEIGHTS = {"get": 35, "put": 25, "delete": 6, "cas": 12, "append": 10, "txn": 12}


class GivenUp(Exception):
    """An operation ended without an effect, for a reason of the client's own."""


class Worker:
    """One client; ``pause`` is the mean of seconds between two operations."""

    def __init__(self, run: ClusterRun, number: int, pause: float) -> None:
        self.name = f"c{number}"
        self._world = run.world
        self._keys = [f"k{key}" for key in range(1, run.plan.keys + 1)]
        self._padding = "." * int(run.plan.options.get("values", 0))
        self._pause = pause
        self._history = run.history
        self._chance = random.Random(f"wide {run.plan.seed} {self.name}")
        self._written = 0
        self._seen: dict[str, str | None] = {}
        self.over = False
        self.gives_up = False
        """It will break its connection in the middle of its next call."""
        self.given_up = 0

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
            # Some stay at one member, whatever becomes of it: a leader of old may be believed by nobody else.
            members = self._world.names if self._chance.random() < 0.5 else (self._chance.choice(self._world.names),)
            async with self._world.client(*members, host=self.name, seed=seed, timeout=TIMEOUT_SECONDS) as store:
                for _ in range(self._chance.randint(20, 200)):
                    if self.over:
                        return
                    await asyncio.sleep(min(self._chance.expovariate(1 / self._pause), PAUSE_SECONDS_MAX))
                    (kind,) = self._chance.choices(kinds, weights)
                    call = asyncio.ensure_future(calls[kind](store, self._chance.choice(self._keys)))
                    if await self._was_given_up(call):
                        break

    async def _was_given_up(self, call: asyncio.Task[Any]) -> bool:
        """Wait for the end of a call, or give it up."""
        try:
            if self.gives_up:
                self.gives_up = False
                await asyncio.wait((call,), timeout=self._chance.uniform(0.0, GIVE_UP_SECONDS))
                self.given_up += not call.done()
                call.cancel()
            await asyncio.wait((call,))
        except asyncio.CancelledError:
            call.cancel()
            raise
        if call.cancelled():
            return True
        call.result()
        return False

    def _text(self) -> str:
        self._written += 1
        return f"{self.name}.{self._written}{self._padding}"

    def _now_ns(self) -> int:
        return round(self._world.loop.time() * 1e9)

    async def _note(self, operation: Operation, doing: Callable[[], Awaitable[tuple[Any, int]]]) -> Any:
        """Carry it out and write down how it went; its output, None when it failed."""
        operation.client = self.name
        operation.call_ns = self._now_ns()
        self._history.append(operation)
        is_read = operation.op == "get"
        operation.status = UNKNOWN
        try:
            operation.output, operation.revision = await doing()
        except (OutcomeUnknown, asyncio.CancelledError) as error:
            if is_read:
                operation.status, operation.return_ns = FAIL, self._now_ns()
            if isinstance(error, asyncio.CancelledError):
                raise
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
        if found is not None and len(found) > LONGEST_TEXT + len(self._padding):
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
