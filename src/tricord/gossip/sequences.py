# SPDX-License-Identifier: Apache-2.0
"""Numbers of probes and exchanges: 32 bits, never 0, from a random start, so that an answer from before a restart is
none."""

from __future__ import annotations

from tricord.base.environment import Random


class Sequences:
    """One after the other."""

    __slots__ = ("_last",)

    def __init__(self, random: Random) -> None:
        self._last = random.bits(32)

    def next(self) -> int:
        """A number that was not given for a long time."""
        self._last = (self._last + 1) % 2**32 or 1
        return self._last
