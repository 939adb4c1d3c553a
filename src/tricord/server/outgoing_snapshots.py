# SPDX-License-Identifier: Apache-2.0
"""The snapshot that this member gives to others: made when one is needed, shared by all who need one, kept for a while.

While one is made or lent, the log must keep what follows it: else its receiver would need another one at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tricord.base.environment import Environment, Timer
from tricord.base.ordered import Backend, BackendView
from tricord.server.drain import Drain
from tricord.storage.snapshot_files import OutgoingSnapshot, SnapshotFiles

KEPT_SECONDS = 60.0
"""How long a snapshot that nobody takes is kept, for the next one who needs it."""
LANE = "snapshot"


class OutgoingSnapshots:
    """Of one member; on the loop. Files are written on a lane of their own."""

    def __init__(
        self,
        environment: Environment,
        files: SnapshotFiles,
        backend: Callable[[], Backend],
        drain: Drain,
        applied_index: Callable[[], int],
        log_base: Callable[[], int],
    ) -> None:
        """``backend`` gives the one in use; ``log_base`` the index before the first entry that peers can be sent."""
        self._applied_index = applied_index
        self._environment = environment
        self._tasks = environment.tasks
        self._files = files
        self._backend = backend
        self._drain = drain
        self._log_base = log_base
        self._kept: OutgoingSnapshot | None = None
        self._lent: dict[OutgoingSnapshot, int] = {}
        self._making: asyncio.Task[None] | None = None
        self._making_pin: int | None = None
        self._writing = False
        self._age_timer: Timer | None = None
        self._stopped = False
        self.made = 0
        """How many were made since the start."""

    @property
    def pinned_index(self) -> int | None:
        """The log must keep what follows this index; None: whatever it likes."""
        pins = [snapshot.info.index for snapshot in self._lent]
        if self._making_pin is not None:
            pins.append(self._making_pin)
        return min(pins, default=None)

    async def lend(self) -> OutgoingSnapshot:
        """One behind which this member's log goes on; ``give_back`` it. Raises DiskFull, OSError, StorageError,
        Cancelled (this member stops).
        """
        while self._kept is None or self._kept.info.index < self._log_base():
            if self._making is None:
                self._making = self._tasks.spawn(self._make(), "a snapshot for others")
            # Shared: one who gives up waiting does not take it from the others.
            await asyncio.shield(self._making)
        snapshot = self._kept
        self._lent[snapshot] = self._lent.get(snapshot, 0) + 1
        return snapshot

    def give_back(self, snapshot: OutgoingSnapshot) -> None:
        """It was sent, or was not."""
        self._lent[snapshot] -= 1
        if self._lent[snapshot]:
            return
        del self._lent[snapshot]
        if snapshot is not self._kept:
            self._remove(snapshot)
        else:
            self._arm()

    async def examine(self, snapshot: OutgoingSnapshot) -> str:
        """A receiver did not want what it got: what is wrong with the file, which is lent no more then; empty: nothing.

        Raises OSError.
        """
        damage: str = await self._tasks.in_lane(LANE, snapshot.damage)
        if damage and snapshot is self._kept:
            self._kept = None
        return damage

    def abandon(self) -> None:
        """Do nothing more. The files go at the next start."""
        self._stopped = True
        if self._age_timer is not None:
            self._age_timer.cancel()

    async def stop(self) -> None:
        """Give up what is being made, and wait until it was."""
        self.abandon()
        making = self._making
        if making is not None:
            if not self._writing:
                making.cancel()
            await asyncio.wait([making])

    async def _make(self) -> None:
        self._making_pin = self._log_base()
        try:
            # The newer, the less is to be sent behind it.
            await self._drain.until_durable(self._applied_index())
            view = self._backend().view()
            self._writing = True
            snapshot = await self._tasks.in_lane(LANE, self._write, view)
            self.made += 1
            former, self._kept = self._kept, snapshot
            if former is not None and former not in self._lent:
                self._remove(former)
            self._arm()
        finally:
            self._making = self._making_pin = None
            self._writing = False

    def _write(self, view: BackendView) -> OutgoingSnapshot:
        """Runs on the lane."""
        try:
            return self._files.write(view, cancelled=lambda: self._stopped)
        finally:
            view.close()

    def _arm(self) -> None:
        if self._age_timer is not None:
            self._age_timer.cancel()
        if not self._stopped:
            self._age_timer = self._tasks.call_later(KEPT_SECONDS, self._expire)

    def _expire(self) -> None:
        kept = self._kept
        if kept is not None and kept not in self._lent and not self._stopped:
            self._kept = None
            self._remove(kept)

    def _remove(self, snapshot: OutgoingSnapshot) -> None:
        # One that could not be removed goes at the next start.
        self._tasks.in_lane_then(LANE, snapshot.remove, (), _ignored)


def _ignored(result: None, error: BaseException | None) -> None:
    return
