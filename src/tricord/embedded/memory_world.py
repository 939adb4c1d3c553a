# SPDX-License-Identifier: Apache-2.0
"""The environment of ``memory://``: the real clock and randomness, the disk's twin, and lanes without threads.

Work on a disk that is memory takes microseconds; handing it to a thread and back would take longer than doing it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from tricord.base.environment import Environment
from tricord.runtime import open_environment
from tricord.runtime.tasks import LoopTasks
from tricord.storage.memory_disk import MemoryDisk

T = TypeVar("T")


class LoopLanes(LoopTasks):
    """Every lane is the loop: a job runs after the events at hand, in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._call_soon = loop.call_soon

    def in_lane_then(
        self,
        lane: str,
        function: Callable[..., T],
        args: tuple[Any, ...],
        done: Callable[[T | None, BaseException | None], None],
    ) -> None:
        self._call_soon(_work, function, args, done)


def _work(
    function: Callable[..., T], args: tuple[Any, ...], done: Callable[[T | None, BaseException | None], None]
) -> None:
    try:
        result = function(*args)
    except Exception as error:
        done(None, error)
    else:
        done(result, None)


def memory_world() -> Environment:
    """For the running loop."""
    real = open_environment()
    return Environment(
        clock=real.clock,
        random=real.random,
        disk=MemoryDisk(seed=0),
        network=real.network,
        tasks=LoopLanes(asyncio.get_running_loop()),
    )
