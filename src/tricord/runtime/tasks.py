# SPDX-License-Identifier: Apache-2.0
"""What runs later or elsewhere: coroutines, timers and the lanes of blocking work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from tricord.base.environment import Timer
from tricord.runtime.lane import Lane

T = TypeVar("T")


class LoopTasks:
    """Tasks of one running loop. A lane's thread starts with its first job."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lanes: dict[str, Lane] = {}
        # The loop itself keeps only weak references to tasks.
        self._running: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = self._loop.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        self._loop.call_soon(function, *args)

    def call_later(self, delay: float, function: Callable[..., object], *args: Any) -> Timer:
        return self._loop.call_later(delay, function, *args)

    def in_lane(self, lane: str, function: Callable[..., T], *args: Any) -> Awaitable[T]:
        future: asyncio.Future[T] = self._loop.create_future()

        def done(result: T | None, error: BaseException | None) -> None:
            if future.done():
                return  # the caller gave up waiting; the work itself was done
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
        worker = self._lanes.get(lane)
        if worker is None:
            worker = self._lanes[lane] = Lane(self._loop, lane)
        worker.submit(function, args, done)

    def close(self) -> None:
        """End the lanes after what is queued in them; blocks until then."""
        for lane in self._lanes.values():
            lane.close()
        self._lanes.clear()
