# SPDX-License-Identifier: Apache-2.0
"""Makes durable what turns put out, in order: one job at a time on the "wal" lane, of all that gathered meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tricord.base.environment import Environment, Timer
from tricord.base.log import Entry, HardState
from tricord.raft_node.stores import Stores

MARK_SECONDS = 0.05

Between: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


@dataclass(slots=True)
class _Write:
    hard_state: HardState | None = None
    entries: list[Entry] = field(default_factory=list)


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
        self._queue: deque[_Write | Between] = deque()
        self._busy = False
        self._mark_timer: Timer | None = None
        self._closed = False

    @property
    def is_writing(self) -> bool:
        """Whether an answer is owed that ``persisted`` will give."""
        return self._busy

    def persist(self, hard_state: HardState | None, entries: list[Entry]) -> None:
        """Queue behind what is queued."""
        last = self._queue[-1] if self._queue else None
        if not isinstance(last, _Write):
            last = _Write()
            self._queue.append(last)
        if hard_state is not None:
            # A newer vote may wait for older entries, never the other way round: the values are written first.
            last.hard_state = hard_state
        last.entries.extend(entries)
        self._begin()

    def between(self, work: Between) -> None:
        """Queue work that has to end before anything that is queued later begins."""
        self._queue.append(work)
        self._begin()

    async def close(self) -> None:
        """Wait for the job under way; begin no other."""
        self._closed = True
        if self._mark_timer is not None:
            self._mark_timer.cancel()
        while self._busy:
            await self._tasks.in_lane("wal", lambda: None)

    def _begin(self) -> None:
        if self._busy or self._closed or not self._queue:
            return
        self._busy = True
        if self._mark_timer is not None:
            self._mark_timer.cancel()
            self._mark_timer = None
        job = self._queue.popleft()
        if not isinstance(job, _Write):
            self._tasks.spawn(self._run_between(job), "between writes")
            return
        last = job.entries[-1] if job.entries else None
        hard_state = job.hard_state

        def done(_: None, error: BaseException | None) -> None:
            self._busy = False
            if error is not None:
                self._fail(error)
            elif not self._closed:
                self._persisted(hard_state, last)
                self._go_on()

        self._tasks.in_lane_then("wal", self._write, (hard_state, job.entries), done)

    async def _run_between(self, work: Between) -> None:
        try:
            await work()
        except Exception as error:
            self._busy = False
            self._fail(error)
            return
        self._busy = False
        if not self._closed:
            self._go_on()

    def _go_on(self) -> None:
        if self._queue:
            self._begin()
        elif not self._busy:
            self._mark_timer = self._tasks.call_later(MARK_SECONDS, self._mark)

    def _write(self, hard_state: HardState | None, entries: list[Entry]) -> None:
        if hard_state is not None:
            self._stores.stable.save(hard_state)
        if entries:
            self._stores.log.append(entries)

    def _mark(self) -> None:
        self._mark_timer = None

        def done(_: None, error: BaseException | None) -> None:
            if error is not None and not self._closed:
                self._fail(error)

        self._tasks.in_lane_then("wal", self._stores.log.mark, (), done)

    def _fail(self, error: BaseException) -> None:
        self._closed = True
        self._failed(error)
