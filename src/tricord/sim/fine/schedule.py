# SPDX-License-Identifier: Apache-2.0
"""What happens when: one heap of things to do, in nanoseconds of simulated time. Time jumps from one to the next."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

SECOND = 1_000_000_000


class Schedule:
    """Things to do. Of those at one time the one that was entered first comes first."""

    __slots__ = ("_count", "_heap", "ends", "now")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Callable[..., object], tuple[Any, ...]]] = []
        self._count = 0
        self.now = 0
        """Nanoseconds since the start."""
        self.ends: list[Callable[[], object]] = []
        """What is done once all that is due now was."""

    def at(self, time: int, action: Callable[..., object], *arguments: Any) -> None:
        """Do it then; what is in the past already, next."""
        self._count += 1
        heappush(self._heap, (time if time > self.now else self.now, self._count, action, arguments))

    def after(self, seconds: float, action: Callable[..., object], *arguments: Any) -> None:
        """Do it so many seconds from now."""
        self._count += 1
        heappush(self._heap, (self.now + int(seconds * SECOND), self._count, action, arguments))

    def run(self, until: int) -> None:
        """Do all that is due up to then, one moment after the other."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            now, _, action, arguments = heappop(heap)
            self.now = now
            action(*arguments)
            if self.ends and not (heap and heap[0][0] == now):
                ends, self.ends = self.ends, []
                for end in ends:
                    end()
        self.now = max(self.now, until)
