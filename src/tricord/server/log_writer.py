# SPDX-License-Identifier: Apache-2.0
"""Who may touch the log, and where an append is waited for.

A sync of a fast disk takes a tenth of a millisecond: less than handing it to a thread, waiting for the interpreter's
lock twice and being woken again. So it is waited for on the loop. After a slow one the next go to the WAL lane, where
the loop does not wait for them: for a moment after one, longer while they stay slow. Whatever else touches the log runs
on the lane, and never beside an append.

Measured with etcd's benchmark, 64 clients: 11,800 puts/s waiting on the loop, 10,500 handing over; one client: 2,260
and 1,960 (2 cores, the generator on the same).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from tricord.base.environment import Environment
from tricord.base.log import Entry, HardState

SLOW_SECONDS = 0.002
"""An append that takes longer was not worth waiting for."""
WARY_SECONDS_FIRST = 0.02
WARY_SECONDS_MAX = 1.0
"""How long appends go to the lane after a slow one: doubled while they stay slow."""

T = TypeVar("T")

Done = Callable[[BaseException | None], None]


class KeepsLog(Protocol):
    """The log on disk, used by one thread at a time."""

    def append(self, hard_state: HardState | None, entries: list[Entry]) -> None:
        """Write and sync. Raises StorageError."""

    def mark(self) -> None:
        """Vouch for what is synced."""

    def seal(self) -> None:
        """Vouch for everything, at a clean stop."""

    def cut_before(self, index: int, disposable_to: int = 0, budget_bytes: int = 0) -> None:
        """Give back the space of entries before ``index``; beyond the budget, of those up to ``disposable_to``."""


class LogWriter:
    """Runs what touches the log, one thing at a time; ``done`` of each runs on the loop, later."""

    def __init__(self, environment: Environment, log: KeepsLog) -> None:
        self._clock = environment.clock
        self._tasks = environment.tasks
        self._log = log
        self._on_lane = 0
        self.has_peers = False
        """With peers every append goes to the lane: whatever the disk does, they are heard and answered."""
        self._wary_until = 0.0
        self._wary_seconds = 0.0

    def append(self, hard_state: HardState | None, entries: list[Entry], done: Done) -> None:
        """Make them durable. The caller waits for ``done`` before it appends again."""
        if self.has_peers or self._on_lane or self._clock.monotonic() < self._wary_until:
            self._run(self._timed_append, (hard_state, entries), done)
            return
        failure: BaseException | None = None
        try:
            self._timed_append(hard_state, entries)
        except Exception as error:
            failure = error
        self._tasks.call_soon(done, failure)

    def _timed_append(self, hard_state: HardState | None, entries: list[Entry]) -> None:
        started = self._clock.monotonic()
        try:
            self._log.append(hard_state, entries)
        finally:
            ended = self._clock.monotonic()
            if ended - started < SLOW_SECONDS:
                self._wary_seconds = 0.0
            else:
                self._wary_seconds = min(max(2 * self._wary_seconds, WARY_SECONDS_FIRST), WARY_SECONDS_MAX)
                self._wary_until = ended + self._wary_seconds

    def mark(self, done: Done) -> None:
        """Vouch for what is synced."""
        self._run(self._log.mark, (), done)

    def cut_before(self, index: int, done: Done, *, disposable_to: int = 0, budget_bytes: int = 0) -> None:
        """Give back the space of entries before ``index``; beyond the budget, of those up to ``disposable_to``."""
        self._run(self._log.cut_before, (index, disposable_to, budget_bytes), done)

    async def exclusively(self, work: Callable[..., T], *args: object) -> T:
        """Run other blocking work that touches the log. No append is under way, and none comes before it ended."""
        self._on_lane += 1
        try:
            return await self._tasks.in_lane("wal", work, *args)
        finally:
            self._on_lane -= 1

    async def seal(self) -> None:
        """Vouch for everything, after all else. Raises StorageError."""
        await self._tasks.in_lane("wal", self._log.seal)

    def _run(self, work: Callable[..., None], args: tuple[object, ...], done: Done) -> None:
        self._on_lane += 1

        def ended(_: None, error: BaseException | None) -> None:
            self._on_lane -= 1
            done(error)

        self._tasks.in_lane_then("wal", work, args, ended)
