# SPDX-License-Identifier: Apache-2.0
"""Randomized election timeouts (section 5.2 of the paper): they make split votes rare.

The core has no randomness of its own: the draws are a function of the seed that it was given, so a run replays.
A follower draws with every heartbeat, and hardly ever comes to look: so what was drawn is worked out by who asks.
"""

from __future__ import annotations

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15


class ElectionTimeouts:
    """Draws timeouts by SplitMix64, a small generator whose n-th number is a function of the seed and of n."""

    __slots__ = ("_again", "_drawn", "_election_ticks", "_seed", "_span")

    def __init__(self, election_ticks: int, *, seed: int, priority: int = 0) -> None:
        self._election_ticks = election_ticks
        # A higher priority draws from the lower part alone.
        self._span = max(1, election_ticks // (1 + priority))
        self._seed = seed
        self._drawn = 0
        self._again = False

    def draw(self, *, again: bool = False) -> None:
        """The next one.

        ``again`` is for who campaigned already: it draws from all ticks, else those of one high priority would collide
        for ever.
        """
        self._drawn += 1
        self._again = again

    @property
    def ticks(self) -> int:
        """The one that was drawn last, in [election_ticks, 2 * election_ticks)."""
        mixed = (self._seed + self._drawn * _STEP) & _MASK
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        mixed ^= mixed >> 31
        return self._election_ticks + mixed % (self._election_ticks if self._again else self._span)
