# SPDX-License-Identifier: Apache-2.0
"""Watches the room on the disk of the data directory, so that writes which grow the store end before it does.

What is kept back is for the log and the store of those that make room: deletes, compactions, revocations.
"""

from __future__ import annotations

from tricord.base.environment import Environment

LOOK_SECONDS = 0.5
ENOUGH = 1.25
"""Once it was short, this many times the reserve must be free."""


class FreeSpace:
    """``is_short`` while less than ``reserve_bytes`` are free, as far as the disk says."""

    def __init__(self, environment: Environment, directory: str, reserve_bytes: int) -> None:
        self._clock = environment.clock
        self._tasks = environment.tasks
        self._disk = environment.disk
        self._directory = directory
        self._reserve = reserve_bytes
        self._looking = False
        self._looked_at = float("-inf")
        self.is_short = False

    def look(self) -> None:
        """Called at times; asks the disk twice a second, on a lane of its own: it may be slow to answer."""
        now = self._clock.monotonic()
        if self._looking or now - self._looked_at < LOOK_SECONDS:
            return
        self._looking, self._looked_at = True, now

        def done(free: int | None, error: BaseException | None) -> None:
            self._looking = False
            # A disk that does not say is not called full; the writes themselves meet it.
            if free is not None:
                self.is_short = free < self._reserve * (ENOUGH if self.is_short else 1)

        self._tasks.in_lane_then("free space", self._disk.free_bytes, (self._directory,), done)
