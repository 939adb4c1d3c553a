# SPDX-License-Identifier: Apache-2.0
"""A timer that is moved often, mostly to where it is already: it is set anew only when it has to ring sooner."""

from __future__ import annotations

from collections.abc import Callable

from tricord.base.environment import Tasks, Timer

SECONDS_MIN = 0.001


class Waking:
    """``wake`` may run sooner than asked for last: whoever is woken looks at what is due."""

    def __init__(self, tasks: Tasks, wake: Callable[[], None]) -> None:
        self._tasks = tasks
        self._wake = wake
        self._timer: Timer | None = None
        self._at = float("inf")

    def wake_at(self, now: float, due: float) -> None:
        """Ring then at the latest; monotonic seconds."""
        if due >= self._at:
            return
        self.cancel()
        self._at = due
        self._timer = self._tasks.call_later(max(due - now, SECONDS_MIN), self._ring)

    def cancel(self) -> None:
        """Do not ring."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._at = None, float("inf")

    def _ring(self) -> None:
        self._timer, self._at = None, float("inf")
        self._wake()
