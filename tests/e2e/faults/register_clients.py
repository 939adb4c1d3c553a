# SPDX-License-Identifier: Apache-2.0
"""Clients that read and change a few keys in every way there is, and write down what came of it.

An operation whose outcome nobody knows goes down as unknown, and its client goes on with the next one.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.faults.history import Recorder
from tricord import aio
from tricord.base.errors import OutcomeUnknown, TricordError
from tricord.txn import absent, put, value

KEYS = 5
PAUSE_SECONDS = 0.02
APPENDS = 30
"""A string grows by so many, then another one begins."""
OPERATIONS = ("put", "get", "get", "get", "cas", "cas", "delete", "append", "append")

Answer = tuple[Any, int]
"""Output and revision."""


class Contended(Exception):
    """An append found the string changed each time that it tried: it had no effect."""


@dataclass
class RegisterClient:
    """One client, one operation at a time."""

    number: int
    endpoints: str
    recorder: Recorder
    seed: int
    errors: Counter[str]
    seen: dict[str, str | None] = field(default_factory=dict)
    """By key, what it last knew: what a compare-and-swap hopes for."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Until told to stop."""
        draw = random.Random(self.seed * 100 + self.number)
        count = 0
        async with aio.connect(self.endpoints, timeout=2) as store:
            while not stopping.is_set():
                count += 1
                await self._one(store, draw, count)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _one(self, store: aio.AsyncClient, draw: random.Random, count: int) -> None:
        op, key, new = draw.choice(OPERATIONS), f"register/{draw.randrange(KEYS)}", f"{self.number}-{count}"
        if op == "append":
            key, new = f"string/{count // APPENDS}", f"{new};"
        expect = self.seen.get(key)
        given: Any = {"put": new, "cas": {"expect": expect, "value": new}, "append": new}.get(op)
        does: dict[str, Callable[[], Awaitable[Answer]]] = {
            "put": lambda: self._put(store, key, new),
            "get": lambda: self._get(store, key),
            "delete": lambda: self._delete(store, key),
            "cas": lambda: self._cas(store, key, expect, new),
            "append": lambda: self._append(store, key, new),
        }
        called, status, answer = time.monotonic_ns(), "ok", (None, 0)
        try:
            answer = await does[op]()
        except OutcomeUnknown as error:
            self.errors[error.code] += 1
            status = "unknown"
        except TricordError as error:
            self.errors[error.code] += 1
            status = "fail"
        except Contended:
            status = "fail"
        self.recorder.add(self.number, op, key, given, answer[0], called, status, answer[1])

    async def _put(self, store: aio.AsyncClient, key: str, new: str) -> Answer:
        result = await store.put(key, new)
        self.seen[key] = new
        return None, result.revision

    async def _get(self, store: aio.AsyncClient, key: str) -> Answer:
        reply = await store.range(key, key + "\0")
        self.seen[key] = reply.kvs[0].text if reply.kvs else None
        return self.seen[key], reply.revision

    async def _delete(self, store: aio.AsyncClient, key: str) -> Answer:
        reply = await store.delete(key)
        self.seen[key] = None
        return None, reply.revision

    async def _cas(self, store: aio.AsyncClient, key: str, expect: str | None, new: str) -> Answer:
        condition = absent(key) if expect is None else value(key) == expect.encode()
        answer = await store.txn(when=[condition], then=[put(key, new)])
        if answer.succeeded:
            self.seen[key] = new
        else:
            self.seen.pop(key, None)
        return answer.succeeded, answer.revision

    async def _append(self, store: aio.AsyncClient, key: str, new: str) -> Answer:
        for _ in range(20):
            found = await store.get(key)
            before = found.text if found else None
            condition = absent(key) if before is None else value(key) == before.encode()
            whole = (before or "") + new
            answer = await store.txn(when=[condition], then=[put(key, whole)])
            if answer.succeeded:
                return whole, answer.revision
        raise Contended
