# SPDX-License-Identifier: Apache-2.0
"""A member's own clock: it ticks, but not always as true time does."""

from __future__ import annotations

from random import Random

from tricord.sim.fine.schedule import SECOND

TICK = SECOND // 10
JUMP_BACK_MAX = 10.0


class MemberClock:
    """Monotonic, in nanoseconds of its own."""

    __slots__ = ("_at", "_local", "_random", "jumped", "noise", "rate", "still_until")

    def __init__(self, random: Random) -> None:
        self._at = 0
        self._local = 0
        self._random = random
        self.rate = 1.0
        self.noise = 0.0
        """By how many seconds a tick may come late."""
        self.still_until = 0
        """True time until which no tick comes (frozen, or set back)."""
        self.jumped = 0
        """Ticks that a jump forward brought and that no turn has taken yet."""

    def local(self, now: int) -> int:
        """What it shows at this true time."""
        if self.rate == 1.0:
            return self._local + now - self._at
        return self._local + int((now - self._at) * self.rate)

    def run_at(self, now: int, rate: float) -> None:
        """Run at another speed from now on; 0 stands still."""
        self._local, self._at, self.rate = self.local(now), now, rate

    def jump_forward(self, now: int, seconds: float) -> None:
        """So much later, from now on."""
        self._local, self._at = self.local(now) + int(seconds * SECOND), now
        self.jumped += int(seconds * SECOND) // TICK

    def jump_back(self, now: int, seconds: float) -> None:
        """A clock that never goes back stands still instead, for a while."""
        self.still_until = max(self.still_until, now + int(min(seconds, JUMP_BACK_MAX) * SECOND))

    def next_tick(self, now: int) -> int:
        """The true time of the tick after this one."""
        step = TICK if self.rate == 1.0 else int(TICK / max(self.rate, 0.01))
        if self.noise:
            step += int(self._random.random() * self.noise * SECOND)
        return now + step

    def take_ticks(self) -> int:
        """How many ticks come with this one."""
        jumped, self.jumped = self.jumped, 0
        return 1 + jumped
