# SPDX-License-Identifier: Apache-2.0
"""The process's clocks and its source of randomness."""

from __future__ import annotations

import random
import time


class SystemClock:
    """The kernel's clocks. Reading one costs about 50 ns."""

    def __init__(self) -> None:
        self.monotonic = time.monotonic
        self.wall_ns = time.time_ns


class SystemRandom:
    """Ids come from the kernel's generator; jitter from a seeded one, which is cheaper."""

    def __init__(self) -> None:
        self._system = random.SystemRandom()
        self._jitter = random.Random(self._system.getrandbits(64))

    def bits(self, count: int) -> int:
        return self._system.getrandbits(count)

    def uniform(self, low: float, high: float) -> float:
        return self._jitter.uniform(low, high)
