# SPDX-License-Identifier: Apache-2.0
"""Opens the real environment and runs a program in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tricord.base.environment import Environment
from tricord.runtime.clock import SystemClock, SystemRandom
from tricord.runtime.disk import RealDisk
from tricord.runtime.network import TcpNetwork
from tricord.runtime.tasks import LoopTasks
from tricord.runtime.tuning import tune_process

T = TypeVar("T")


def open_environment() -> Environment:
    """The real world, for the running loop.

    Give it back with ``close_environment``. Raises RuntimeError without a loop.
    """
    return Environment(
        clock=SystemClock(),
        random=SystemRandom(),
        disk=RealDisk(),
        network=TcpNetwork(),
        tasks=LoopTasks(asyncio.get_running_loop()),
    )


def close_environment(environment: Environment) -> None:
    """End the threads of a real environment, after the work queued in them. Nothing to do for a simulated one."""
    if isinstance(environment.tasks, LoopTasks):
        environment.tasks.close()


def run(main: Callable[[Environment], Coroutine[Any, Any, T]]) -> T:
    """Run ``main(environment)`` on a new loop of the fastest kind there is and return its result. Closes what it
    opened.

    For a process that is ours: it sets the interpreter's switch interval and garbage collector (``tuning``).
    """
    tune_process()

    async def within() -> T:
        environment = open_environment()
        try:
            return await main(environment)
        finally:
            close_environment(environment)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(within())


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A loop of the fastest kind there is."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()  # Windows, or an interpreter without it
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
