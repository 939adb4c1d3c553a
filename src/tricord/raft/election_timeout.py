# SPDX-License-Identifier: Apache-2.0
"""Randomized election timeouts (section 5.2 of the paper): they make split votes rare.

The core has no randomness of its own: the draws are a function of the seed that it was given, so a run replays.
"""

from __future__ import annotations

_MASK = (1 << 64) - 1


class ElectionTimeouts:
    """Draws timeouts by SplitMix64, a small generator with 64 bits of state."""

    def __init__(self, election_ticks: int, *, seed: int, priority: int = 0) -> None:
        self._election_ticks = election_ticks
        # A higher priority draws from the lower part alone.
        self._span = max(1, election_ticks // (1 + priority))
        self._state = seed & _MASK

    def draw(self, *, again: bool = False) -> int:
        """A number of ticks in [election_ticks, 2 * election_ticks).

        ``again`` is for who campaigned already: it draws from all of them, else those of one high priority would
        collide for ever.
        """
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        mixed ^= mixed >> 31
        return self._election_ticks + mixed % (self._election_ticks if again else self._span)
