# SPDX-License-Identifier: Apache-2.0
"""What must be durable, on its way to a member's disk: one write at a time, what gathered meanwhile in the next."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tricord.base.log import Entry, HardState
from tricord.sim.fine.disk import DiskTwin, Image
from tricord.sim.fine.schedule import SECOND, Schedule

FULL_DISK_SECONDS = 0.5

Persisted = Callable[[HardState | None, Entry | None], None]


class Persisting:
    """``persisted(hard_state, last_entry)`` is told what is durable; ``failed()`` that a sync failed.

    It belongs to one life of a process: nothing happens after ``stop``.
    """

    __slots__ = (
        "_disk",
        "_entries",
        "_failed",
        "_hard_state",
        "_held",
        "_idle",
        "_job",
        "_persisted",
        "_random",
        "_schedule",
        "_stopped",
        "_usual",
        "writes",
        "writes_left",
    )

    def __init__(
        self,
        schedule: Schedule,
        disk: DiskTwin,
        random: Random,
        usual: float,
        persisted: Persisted,
        failed: Callable[[], None],
    ) -> None:
        self._schedule = schedule
        self._disk = disk
        self._random = random
        self._usual = int(usual * SECOND)
        self._persisted = persisted
        self._failed = failed
        self._hard_state: HardState | None = None
        self._entries: list[Entry] = []
        self._job: tuple[HardState | None, list[Entry]] | None = None
        self._held = False
        self._idle: Callable[[], None] | None = None
        self._stopped = False
        self.writes = 0
        self.writes_left = -1
        """After so many the process dies (-1: it does not)."""

    def add(self, hard_state: HardState | None, entries: list[Entry]) -> None:
        """Make these durable, after all that was added before."""
        if hard_state is not None:
            self._hard_state = hard_state
        if entries:
            self._entries.extend(entries)
        if self._job is None and not self._held:
            self._begin()

    def hold(self, idle: Callable[[], None]) -> None:
        """Begin no write until ``release``, and forget the entries that wait; ``idle()`` runs when none is under way.

        A snapshot takes the place of the log.
        """
        self._held = True
        self._entries = []
        if self._job is None:
            idle()
        else:
            self._idle = idle

    def release(self) -> None:
        """Go on with what gathered."""
        self._held = False
        if self._job is None and (self._entries or self._hard_state is not None):
            self._begin()

    def stop(self) -> None:
        """The process is gone."""
        self._stopped = True

    def tear(self, image: Image, share: float) -> int:
        """The process died in the middle of a write: the first ``share`` of it is on the disk. How many parts are."""
        if self._job is None:
            return 0
        hard_state, entries = self._job
        parts = (hard_state is not None) + len(entries)
        done = min(int(share * (parts + 1)), parts)
        if done:
            skipped = hard_state is not None
            image.write(hard_state, entries[: done - skipped])
        return done

    def _begin(self) -> None:
        self._job = (self._hard_state, self._entries)
        self._hard_state, self._entries = None, []
        self._attempt()

    def _attempt(self) -> None:
        if self._stopped:
            return
        disk = self._disk
        if disk.full:
            self._schedule.after(FULL_DISK_SECONDS, self._attempt)
            return
        seconds = self._usual // 2 + int(self._random.random() * self._usual)
        if disk.delay:
            seconds += int(self._random.random() * disk.delay * SECOND)
        self._schedule.at(self._schedule.now + seconds, self._ended)

    def _ended(self) -> None:
        if self._stopped:
            return
        disk = self._disk
        self.writes += 1
        if disk.error or self.writes_left == 0:
            self._failed()
            return
        self.writes_left -= self.writes_left > 0
        assert self._job is not None
        hard_state, entries = self._job
        self._job = None
        disk.held.write(hard_state, entries)
        if disk.rot_next:
            disk.damage, disk.rot_next = disk.rot_next, ""
        self._persisted(hard_state, entries[-1] if entries else None)
        if self._idle is not None:
            idle, self._idle = self._idle, None
            idle()
        elif not self._held and (self._entries or self._hard_state is not None):
            self._begin()
