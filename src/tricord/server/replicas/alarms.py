# SPDX-License-Identifier: Apache-2.0
"""What a replica tells people of."""

from __future__ import annotations

from collections.abc import Callable

from tricord.base.environment import Clock

ALARM_SECONDS = 60.0
"""An alarm of one kind comes at most so often."""


class Alarms:
    """``told(event, text)`` gets those that are not too many."""

    def __init__(self, clock: Clock, told: Callable[[str, str], None]) -> None:
        self._clock = clock
        self._told = told
        self._told_at: dict[str, float] = {}

    def tell(self, event: str, text: str) -> None:
        """Tell of it, unless the last one of its kind was told a short while ago."""
        now = self._clock.monotonic()
        if now >= self._told_at.get(event, float("-inf")) + ALARM_SECONDS:
            self._told_at[event] = now
            self._told(event, text)
