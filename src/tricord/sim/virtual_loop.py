# SPDX-License-Identifier: Apache-2.0
"""An asyncio loop whose time jumps over idleness.

When nothing is ready, the clock moves straight to the next timer; nothing ever waits. With everything random drawn from
one seed, two runs of the same program take the same steps at the same virtual times.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from contextvars import Context
from typing import Any, NoReturn, TypeVarTuple, Unpack

Ts = TypeVarTuple("Ts")


class Deadlock(RuntimeError):
    """Nothing is ready and no timer is set: the program waits for something that cannot come."""


class _NoSelector:
    """Stands where asyncio's loop keeps its selector: ``select`` moves the clock instead of waiting."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Deadlock("nothing is ready and no timer is set")
        if timeout > 0:
            self._loop.advance(timeout)
        return []

    def close(self) -> None:
        return


class _OrderedTimer(asyncio.TimerHandle):
    """A timer that keeps the order of calls among those due at the same time; asyncio's heap does not."""

    __slots__ = ("_place",)

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: VirtualLoop,
        context: Context | None,
        sequence: int,
    ) -> None:
        super().__init__(when, callback, args, loop, context)
        self._place = (when, sequence)
        self._scheduled = True

    def __lt__(self, other: _OrderedTimer) -> bool:  # type: ignore[override]
        # Called for each comparison of the heap, most of what an idle simulated hour costs.
        return self._place < other._place


class VirtualLoop(asyncio.BaseEventLoop):
    """A loop with no IO of its own and a clock that starts at 0 seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._timers_made = 0
        self._selector = _NoSelector(self)
        # Timers due within this are run together; the float error of a jump must not make the loop spin.
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        assert seconds >= 0
        self._now += seconds

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self._timers_made += 1
        timer = _OrderedTimer(when, callback, args, self, context, self._timers_made)
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]
        return timer

    def _process_events(self, event_list: list[Any]) -> None:
        assert not event_list

    def _write_to_self(self) -> NoReturn:
        raise RuntimeError("a thread called into a virtual loop: simulated work runs on the loop itself")
