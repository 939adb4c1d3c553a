# SPDX-License-Identifier: Apache-2.0
"""What must be durable, on its way to the log: one append at a time, everything that gathered meanwhile in the next.

A log without room keeps what was decided and tries again. While a snapshot takes the place of state and log, appends
wait.
"""

from __future__ import annotations

from collections.abc import Callable

from tricord.base.environment import Environment, Timer
from tricord.base.errors import DiskFull
from tricord.base.log import Entry, HardState
from tricord.base.metrics import Metrics
from tricord.base.reachable import reachable
from tricord.server.log_writer import LogWriter

MARK_SECONDS = 0.05
FULL_DISK_SECONDS = 0.5

Persisted = Callable[[HardState | None, Entry | None], None]


class Persisting:
    """Feeds the log writer. ``persisted(hard_state, last_entry)`` is told what is durable; it may take a turn."""

    def __init__(
        self,
        environment: Environment,
        log: LogWriter,
        metrics: Metrics,
        persisted: Persisted,
        fail: Callable[[BaseException], None],
    ) -> None:
        self._clock = environment.clock
        self._tasks = environment.tasks
        self._log = log
        self._metrics = metrics
        self._persisted = persisted
        self._fail = fail
        self.log_full = False
        """Whether the log's disk had no room for the last append; it is tried again until it has."""
        self._hard_state: HardState | None = None
        self._entries: list[Entry] = []
        self.under_way = False
        """Whether an append was begun and has not ended."""
        self._held = False
        self._stopped = False
        self._mark_timer: Timer | None = None
        self._appended_since_check = False

    def add(self, hard_state: HardState | None, entries: list[Entry]) -> None:
        """Make these durable, after all that was added before."""
        if hard_state is not None:
            self._hard_state = hard_state
        if entries:
            self._entries.extend(entries)
        if not self.under_way and not self._held:
            self._append()

    def hold(self) -> None:
        """Begin no append until ``release``; one that is under way ends.

        A snapshot takes the place of the log: entries that wait are not needed any more.
        """
        self._held = True
        self._entries.clear()

    def release(self) -> None:
        """Go on with what gathered."""
        self._held = False
        if not self.under_way and (self._entries or self._hard_state is not None):
            self._append()

    def stop(self) -> None:
        """Begin nothing new."""
        self._stopped = True
        if self._mark_timer is not None:
            self._mark_timer.cancel()

    async def settle(self) -> None:
        """Wait until an append that is under way has ended."""
        while self.under_way and not self.log_full:
            await self._tasks.in_lane("wal", lambda: None)

    def _append(self) -> None:
        if self._stopped:
            return
        hard_state, entries = self._hard_state, self._entries
        self._hard_state, self._entries = None, []
        self.under_way = True
        started = self._clock.monotonic()

        def done(error: BaseException | None) -> None:
            self.under_way = False
            if isinstance(error, DiskFull):
                self._keep_for_later(hard_state, entries)
                return
            if error is not None:
                self._fail(error)
                return
            self.log_full = False
            self._metrics.wal_fsync_seconds.observe(self._clock.monotonic() - started)
            self._appended_since_check = True
            if self._mark_timer is None and not self._stopped:
                self._mark_timer = self._tasks.call_later(MARK_SECONDS, self._check_mark)
            self._persisted(hard_state, entries[-1] if entries else None)
            if not self.under_way and not self._held and (self._entries or self._hard_state is not None):
                self._append()

        self._log.append(hard_state, entries, done)

    def _keep_for_later(self, hard_state: HardState | None, entries: list[Entry]) -> None:
        """Nothing was written: the log's disk has no room. What is decided stays decided, and is tried again."""
        reachable("the log had no room")
        self.log_full = True
        self._entries = entries + self._entries
        self._hard_state = self._hard_state or hard_state
        self.under_way = True
        self._tasks.call_later(FULL_DISK_SECONDS, self._try_again)

    def _try_again(self) -> None:
        self.under_way = False
        if not self._held:
            self._append()

    def _check_mark(self) -> None:
        self._mark_timer = None
        if self._stopped:
            return
        if self._appended_since_check or self.under_way or self._held:
            self._appended_since_check = False
            self._mark_timer = self._tasks.call_later(MARK_SECONDS, self._check_mark)
            return

        def done(error: BaseException | None) -> None:
            if error is not None:
                self._fail(error)

        self._log.mark(done)
