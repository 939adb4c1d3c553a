# SPDX-License-Identifier: Apache-2.0
"""One object that gives a member or client a simulated world, drawn from one seed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from tricord.base.environment import Clock, Disk, Environment, Network, Tasks, Timer
from tricord.sim.network import MemoryNetwork
from tricord.sim.virtual_loop import VirtualLoop

T = TypeVar("T")

WALL_START_NS = 1_700_000_000_000_000_000
LANE_SECONDS = 0.0001


class SimulatedClock:
    """The loop's virtual time, as both clocks."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def monotonic(self) -> float:
        return self._loop.time()

    def wall_ns(self) -> int:
        return WALL_START_NS + int(self._loop.time() * 1e9)


class SeededRandom:
    """Randomness that repeats."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def bits(self, count: int) -> int:
        return self._random.getrandbits(count)

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)


class SimulatedTasks:
    """Tasks on the virtual loop. A lane's work runs on the loop itself, after a simulated time, in order."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._free_at: dict[str, float] = {}
        self._running: dict[asyncio.Task[Any], None] = {}

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = self._loop.create_task(work, name=name)
        self._running[task] = None
        task.add_done_callback(lambda done: self._running.pop(done, None))
        return task

    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        self._loop.call_soon(function, *args)

    def call_later(self, delay: float, function: Callable[..., object], *args: Any) -> Timer:
        return self._loop.call_later(delay, function, *args)

    def in_lane(self, lane: str, function: Callable[..., T], *args: Any) -> Awaitable[T]:
        future: asyncio.Future[T] = self._loop.create_future()

        def done(result: T | None, error: BaseException | None) -> None:
            if future.cancelled():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]

        self.in_lane_then(lane, function, args, done)
        return future

    def in_lane_then(
        self,
        lane: str,
        function: Callable[..., T],
        args: tuple[Any, ...],
        done: Callable[[T | None, BaseException | None], None],
    ) -> None:
        start = max(self._loop.time(), self._free_at.get(lane, 0.0))
        self._free_at[lane] = start + LANE_SECONDS

        def run() -> None:
            try:
                result = function(*args)
            except Exception as error:
                done(None, error)
            else:
                done(result, None)

        self._loop.call_at(start + LANE_SECONDS, run)


def simulated_environment(
    loop: VirtualLoop,
    disk: Disk,
    seed: int,
    network: Network | None = None,
    tasks: Tasks | None = None,
    clock: Clock | None = None,
) -> Environment:
    """The world of one member or client. Share one ``network`` among those that are to meet."""
    return Environment(
        clock=clock or SimulatedClock(loop),
        random=SeededRandom(seed),
        disk=disk,
        network=network or MemoryNetwork(loop),
        tasks=tasks or SimulatedTasks(loop),
    )
