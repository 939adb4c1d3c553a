# SPDX-License-Identifier: Apache-2.0
"""Makes durable what turns put out: one job at a time on the "wal" lane, holding all that gathered meanwhile."""

from __future__ import annotations

from collections.abc import Callable

from tricord.base.environment import Environment, Timer
from tricord.base.log import Entry, HardState
from tricord.raft_node.stores import Stores

MARK_SECONDS = 0.05


class DiskLane:
    """Calls ``persisted(hard_state, last_entry)`` when a job ended, and ``failed(error)`` when one could not."""

    def __init__(
        self,
        environment: Environment,
        stores: Stores,
        persisted: Callable[[HardState | None, Entry | None], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._tasks = environment.tasks
        self._stores = stores
        self._persisted = persisted
        self._failed = failed
        self._hard_state: HardState | None = None
        self._entries: list[Entry] = []
        self._busy = False
        self._mark_timer: Timer | None = None
        self._closed = False

    def persist(self, hard_state: HardState | None, entries: list[Entry]) -> None:
        """Queue behind what is queued."""
        if hard_state is not None:
            # A newer vote may wait for older entries, never the other way round: the values are written first.
            self._hard_state = hard_state
        self._entries.extend(entries)
        if not self._busy and (self._entries or self._hard_state is not None):
            self._begin()

    async def close(self) -> None:
        """Wait for the job under way; begin no other."""
        self._closed = True
        if self._mark_timer is not None:
            self._mark_timer.cancel()
        while self._busy:
            await self._tasks.in_lane("wal", lambda: None)

    def _begin(self) -> None:
        hard_state, entries = self._hard_state, self._entries
        self._hard_state, self._entries = None, []
        self._busy = True
        if self._mark_timer is not None:
            self._mark_timer.cancel()
            self._mark_timer = None

        def done(_: None, error: BaseException | None) -> None:
            self._busy = False
            if error is not None:
                self._closed = True
                self._failed(error)
                return
            if self._closed:
                return
            self._persisted(hard_state, entries[-1] if entries else None)
            if self._entries or self._hard_state is not None:
                if not self._busy:
                    self._begin()
            elif not self._busy:
                self._mark_timer = self._tasks.call_later(MARK_SECONDS, self._mark)

        self._tasks.in_lane_then("wal", self._write, (hard_state, entries), done)

    def _write(self, hard_state: HardState | None, entries: list[Entry]) -> None:
        if hard_state is not None:
            self._stores.stable.save(hard_state)
        if entries:
            self._stores.log.append(entries)

    def _mark(self) -> None:
        self._mark_timer = None

        def done(_: None, error: BaseException | None) -> None:
            if error is not None and not self._closed:
                self._closed = True
                self._failed(error)

        self._tasks.in_lane_then("wal", self._stores.log.mark, (), done)
