# SPDX-License-Identifier: Apache-2.0
"""What all workloads share: the clients, their pace, and how they end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from tricord.base.errors import TricordError
from tricord.base.trace import Tracer
from tricord.check.recording import Recorder
from tricord.client.asynchronous import AsyncClient

FAILED_PAUSE_SECONDS = 0.1
"""After an error: who cannot be reached is not asked a thousand times a second."""


@dataclass
class Run:
    """One recording. ``connect`` makes a client, with an observer or None."""

    recorder: Recorder
    connect: Callable[[Tracer | None], AsyncClient]
    prefix: str
    """Of all keys: nobody else uses it, so nothing is there before."""
    clients: int
    keys: int
    rate: float
    """Operations a second, of all clients together; 0: as many as there can be."""
    kinds: tuple[str, ...] = ()
    """Of operations on single keys, as often as each is to come."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    errors: dict[str, int] = field(default_factory=dict)
    """By code."""

    def key(self, draw: random.Random) -> str:
        """One of the keys."""
        return f"{self.prefix}k{draw.randrange(self.keys)}"

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """One operation: an error of the store is counted, and the client goes on; then it is time for the next."""
        begun = asyncio.get_running_loop().time()
        pause = self.clients / self.rate if self.rate else 0.0
        try:
            yield
        except TricordError as error:
            self.errors[error.code] = self.errors.get(error.code, 0) + 1
            pause = max(pause, FAILED_PAUSE_SECONDS)
        await self.rest(begun + pause - asyncio.get_running_loop().time())

    async def rest(self, seconds: float) -> None:
        """Wait, or until the recording ends."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
        except TimeoutError:
            pass


Worker: TypeAlias = Callable[[Run, int], Awaitable[None]]
"""One client, by its number, from its start to ``stopping``."""


async def work(run: Run, workers: list[Awaitable[None]], seconds: float) -> None:
    """Let all of them work for so long, or until ``stopping``. Raises what one of them does: of a history that cannot
    be written an OSError."""
    loop = asyncio.get_running_loop()
    timer = loop.call_later(seconds, run.stopping.set)
    try:
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(_until_its_end(worker, run))
    except ExceptionGroup as group_of:
        unwritten = group_of.subgroup(OSError)
        if unwritten is None:
            raise
        raise _first(unwritten) from None
    finally:
        timer.cancel()


def _first(group: ExceptionGroup[Exception]) -> Exception:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error


async def _until_its_end(worker: Awaitable[None], run: Run) -> None:
    try:
        await worker
    except BaseException:
        run.stopping.set()
        raise
