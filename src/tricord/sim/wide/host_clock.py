# SPDX-License-Identifier: Apache-2.0
"""A host's clocks: they may run fast or slow, stand still, and the wall clock may be off."""

from __future__ import annotations

import random

from tricord.sim.environment import WALL_START_NS
from tricord.sim.virtual_loop import VirtualLoop


class HostClock:
    """Both clocks of one host. It is a ``base.environment.Clock``."""

    def __init__(self, loop: VirtualLoop, seed: int) -> None:
        self._loop = loop
        self._chance = random.Random(seed)
        self._since = loop.time()
        self._shown = loop.time()
        self.rate = 1.0
        """Seconds that the host counts in one; timers end accordingly."""
        self.stands_still = False
        """The clocks do; timers go on."""
        self.wall_offset = 0.0
        """Seconds by which the wall clock is ahead."""
        self.wall_noise = 0.0
        """Seconds, the largest error of a look at the wall clock."""
        self.wall_looks = 0

    def monotonic(self) -> float:
        if self.stands_still:
            return self._shown
        return self._shown + (self._loop.time() - self._since) * self.rate

    def wall_ns(self) -> int:
        self.wall_looks += 1
        error = self._chance.uniform(-self.wall_noise, self.wall_noise) if self.wall_noise else 0.0
        return WALL_START_NS + int((self.monotonic() + self.wall_offset + error) * 1e9)

    def run_at(self, rate: float) -> None:
        """Run so fast from now on."""
        self._go_on()
        self.rate = rate

    def stop(self) -> None:
        """Stand still."""
        self._go_on()
        self.stands_still = True

    def go_on(self) -> None:
        """Run again, from where it stood."""
        self._since = self._loop.time()
        self.stands_still = False

    def _go_on(self) -> None:
        self._shown, self._since = self.monotonic(), self._loop.time()
