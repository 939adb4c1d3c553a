# SPDX-License-Identifier: Apache-2.0
"""Calls that wait for their end: a ticket, a future and a deadline each, and one timer for all of them.

Nearly all calls of a program have the same timeout, so those of one length form a queue in which the first is always
the next to run out. A call that was answered leaves its place there for whoever comes by; no timer per call.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from math import ceil
from typing import Any

from tricord.base.environment import Environment, Timer

_EXACT_SECONDS = 0.1
_PER_SECOND = 20


class WaitingCalls:
    """``late(tickets)`` is told of those whose time is over; it has to ``end`` them."""

    def __init__(self, environment: Environment, late: Callable[[list[int]], None]) -> None:
        self._clock = environment.clock
        self._tasks = environment.tasks
        self._late = late
        self._loop = asyncio.get_running_loop()
        self._futures: dict[int, asyncio.Future[Any]] = {}
        self._queues: dict[float, deque[tuple[float, int]]] = {}
        self._timer: Timer | None = None
        self._next = 0.0

    def __len__(self) -> int:
        return len(self._futures)

    def add(self, ticket: int, seconds: float) -> asyncio.Future[Any]:
        """A call waits now, for so many seconds at most."""
        future: asyncio.Future[Any] = self._loop.create_future()
        self._futures[ticket] = future
        if seconds > _EXACT_SECONDS:
            # Callers that count down to a deadline of their own give many lengths: a few queues serve them all.
            seconds = ceil(seconds * _PER_SECOND) / _PER_SECOND
        at = self._clock.monotonic() + seconds
        queue = self._queues.get(seconds)
        if queue is None:
            queue = self._queues[seconds] = deque()
        while queue and queue[0][1] not in self._futures:
            queue.popleft()
        queue.append((at, ticket))
        if self._timer is None or at < self._next:
            self._set_timer(at, seconds)
        return future

    def end(self, ticket: int, result: Any) -> None:
        """Give the call its result; nothing to do for one that does not wait any more."""
        future = self._futures.pop(ticket, None)
        if future is not None and not future.done():
            future.set_result(result)

    def close(self) -> None:
        """No deadline counts any more: all calls have ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._queues.clear()

    def _set_timer(self, at: float, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = at
        self._timer = self._tasks.call_later(max(0.0, seconds), self._run_out)

    def _run_out(self) -> None:
        self._timer = None
        now = self._clock.monotonic()
        late: list[int] = []
        for seconds, queue in list(self._queues.items()):
            while queue and (queue[0][1] not in self._futures or queue[0][0] <= now):
                ticket = queue.popleft()[1]
                if ticket in self._futures:
                    late.append(ticket)
            if not queue:
                del self._queues[seconds]
        if late:
            self._late(late)
        if self._queues and self._timer is None:
            at = min(queue[0][0] for queue in self._queues.values())
            self._set_timer(at, at - now)
