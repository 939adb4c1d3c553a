# SPDX-License-Identifier: Apache-2.0
"""Hosts that can be paused, and that die.

What should have run on a host while it was paused runs when it goes on, late; its clock went on. What should have run
in a process that died never runs. How hosts reach each other is ``host_network``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tricord.base.environment import Timer
from tricord.sim.environment import LANE_SECONDS, SimulatedTasks
from tricord.sim.virtual_loop import VirtualLoop
from tricord.storage.memory_disk import PowerLost

T = TypeVar("T")


class Pause:
    """Holds back what runs on one host."""

    def __init__(self) -> None:
        self.is_on = False
        self.held_back = 0
        """How much had to wait so far."""
        self._held: list[tuple[Callable[[], bool], Callable[..., object], tuple[Any, ...]]] = []
        self._over = asyncio.Event()
        self._over.set()

    async def over(self) -> None:
        """Return when the host runs."""
        await self._over.wait()

    def run(self, is_off: Callable[[], bool], function: Callable[..., object], args: tuple[Any, ...]) -> None:
        """Now, or when the host goes on, unless ``is_off`` says by then that it shall not."""
        if self.is_on:
            self.held_back += 1
            self._held.append((is_off, function, args))
        elif not is_off():
            function(*args)

    def begin(self) -> None:
        """SIGSTOP."""
        self.is_on = True
        self._over.clear()

    def end(self) -> None:
        """SIGCONT."""
        self.is_on = False
        self._over.set()
        held, self._held = self._held, []
        for is_off, function, args in held:
            if self.is_on:
                self._held.append((is_off, function, args))
            elif not is_off():
                function(*args)

    def forget(self) -> None:
        """The process is gone."""
        self.is_on = False
        self._over.set()
        self._held = []


class HostTasks(SimulatedTasks):
    """Tasks of one process on a host."""

    def __init__(self, loop: VirtualLoop, pause: Pause) -> None:
        super().__init__(loop)
        self._pause = pause
        self.is_dead = False
        self.rate: Callable[[], float] = lambda: 1.0
        """How fast the host's clock runs."""
        self.lane_seconds: Callable[[], float] = lambda: LANE_SECONDS
        """How long the next work on a lane takes."""
        self.died_within: Callable[[], None] = lambda: None
        """Told when the power goes in the middle of work on a lane."""

    def die(self) -> None:
        """Run nothing more."""
        self.is_dead = True
        for task in list(self._running):
            task.add_done_callback(_ignored)
            task.cancel()

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = super().spawn(work, name)
        if self.is_dead:
            task.add_done_callback(_ignored)
            task.cancel()
        return task

    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        self._loop.call_soon(self._pause.run, self._off, function, args)

    def call_later(self, delay: float, function: Callable[..., object], *args: Any) -> Timer:
        timer: asyncio.TimerHandle

        def off() -> bool:
            return self.is_dead or timer.cancelled()

        def fire() -> None:
            self._pause.run(off, function, args)

        timer = self._loop.call_later(delay / self.rate(), fire)
        return timer

    def in_lane_then(
        self,
        lane: str,
        function: Callable[..., T],
        args: tuple[Any, ...],
        done: Callable[[T | None, BaseException | None], None],
    ) -> None:
        end = max(self._loop.time(), self._free_at.get(lane, 0.0)) + self.lane_seconds()
        self._free_at[lane] = end

        def run() -> None:
            result: T | None = None
            failure: Exception | None = None
            try:
                result = function(*args)
            except PowerLost:
                self.died_within()
                return
            except Exception as error:
                failure = error
            done(result, failure)

        self._loop.call_at(end, self._pause.run, self._off, run, ())

    def _off(self) -> bool:
        return self.is_dead


def _ignored(task: asyncio.Task[Any]) -> None:
    """Nobody asks what became of a dead process's work."""
    if not task.cancelled():
        task.exception()
