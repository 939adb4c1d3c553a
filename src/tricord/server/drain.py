# SPDX-License-Identifier: Apache-2.0
"""Drains the overlay into the backend behind the replies.

No reply waits for a backend commit. One commit is under way at a time; it begins when enough has gathered, or after a
pause. What is handed over was applied, and what was applied was durable in this member's log before, so the backend is
never ahead of it. A full disk or map keeps the overlay: the commit is tried again until there is room.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Collection
from typing import Protocol

from tricord.base.environment import Environment, Timer
from tricord.base.ordered import Backend, Write
from tricord.base.reachable import reachable

INTERVAL_SECONDS = 0.25
BATCH_BYTES = 16 << 20
"""Larger batches touch each page of the backend less often: per put 22 us of all threads at 16 MiB, 30 at 1 MiB."""
SEAL_IDLE_SECONDS = 0.1
RETRY_SECONDS = 0.5


class Drainable(Protocol):
    """The overlay as the drain sees it."""

    def take(self) -> Collection[Write]:
        """Freeze what was written so far and hand it over; taken again before ``drained``, with the former batch."""

    def drained(self) -> None:
        """What was taken is in the backend now."""

    @property
    def active_bytes(self) -> int:
        """Bytes written since the last take."""


class Drain:
    """Moves effects from overlay to backend, on the backend lane."""

    def __init__(
        self,
        environment: Environment,
        overlay: Drainable,
        backend: Backend,
        applied_index: Callable[[], int],
        took: Callable[[float], None],
        fail: Callable[[BaseException], None],
        *,
        interval_seconds: float = INTERVAL_SECONDS,
        held: int | None = None,
    ) -> None:
        """``took`` is told of the seconds that each commit took; ``fail`` of a disk that fails. A commit begins after
        ``interval_seconds``, if not enough has gathered before. ``held``: the index up to which the backend holds
        everything now; None: all that was applied."""
        self._environment = environment
        self._overlay = overlay
        self._backend = backend
        self._applied_index = applied_index
        self._took = took
        self._fail = fail
        self._interval_seconds = interval_seconds
        self._committing = False
        self._timer: Timer | None = None
        self._seal_timer: Timer | None = None
        self._retry_timer: Timer | None = None
        self._seal_cost = 0.0
        self._closed = False
        self._paused = False
        self._awaited: list[tuple[int, asyncio.Future[None]]] = []
        self._asked: list[Callable[[], None]] = []
        """Who wants what there is now to be committed at once, with the next commit."""
        self._served: list[Callable[[], None]] = []
        """Those whom the commit under way serves."""
        self.disk_full = False
        """Whether the last commit found no room; the member refuses growing writes until one succeeds."""
        self.used_bytes = backend.used_bytes()
        """As of the last commit; asking the backend costs too much for each write."""
        self.mirror: Callable[[Collection[Write]], None] | None = None
        """Gets each batch right after it was committed, on the lane."""
        self.durable_index = applied_index() if held is None else held
        """The backend holds everything up to this log index."""

    def wrote(self) -> None:
        """The overlay got new effects. Cheap; called once a turn."""
        if self._committing or self._closed or self._paused:
            return
        if self._overlay.active_bytes >= BATCH_BYTES:
            self._begin()
        elif self._timer is None:
            self._timer = self._environment.tasks.call_later(self._interval_seconds, self._begin)

    async def flush(self) -> None:
        """Commit all that is there and seal. Raises OSError. Used at a clean stop, after ``close``."""
        assert self._closed and not self._committing
        writes = self._overlay.take()
        if writes:
            await self._environment.tasks.in_lane("backend", self._backend.commit, writes)
            self._overlay.drained()
        await self._environment.tasks.in_lane("backend", self._backend.seal)

    async def until_durable(self, index: int) -> None:
        """Return when the backend holds everything up to the index, which was applied; or when the drain is closed."""
        if self.durable_index >= index or self._closed:
            return
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._awaited.append((index, reached))
        self.wrote()
        await reached

    def commit_now(self, then: Callable[[], None]) -> None:
        """Commit without a pause what there is, and run ``then`` when the backend has it: or at once where it will not
        have it soon, since the disk is full or the drain paused or closed."""
        is_still = self._closed or self._paused or self.disk_full
        if is_still or not (self._committing or self._overlay.active_bytes):
            then()
            return
        self._asked.append(then)
        self._begin()

    async def pause(self) -> None:
        """Begin nothing new until ``resume``, and wait for what is under way: another backend takes this one's place.

        What was not committed by then never will be.
        """
        self._paused = True
        self._cancel_timers()
        await self._settle()

    def resume(self, backend: Backend) -> None:
        """Go on with a backend that holds what is applied now, and an overlay that holds nothing."""
        assert self._paused and not self._committing
        self._paused = False
        self._backend = backend
        self.disk_full = False
        self.used_bytes = backend.used_bytes()
        self._reached(self._applied_index())

    def go_on(self, backend: Backend | None) -> None:
        """As ``resume``, with a backend that holds the same as the one so far, or (None) with that one."""
        assert self._paused and not self._committing
        self._paused = False
        if backend is not None:
            self._backend = backend
            self.used_bytes = backend.used_bytes()
        self.wrote()

    @property
    def is_paused(self) -> bool:
        """Whether nothing is committed until ``resume`` or ``go_on``."""
        return self._paused

    def abandon(self) -> None:
        """Begin nothing new."""
        self._closed = True
        self._cancel_timers()
        self._reached(self.durable_index)

    async def close(self) -> None:
        """Begin nothing new and wait for what is under way."""
        self.abandon()
        await self._settle()

    def _cancel_timers(self) -> None:
        if self._retry_timer is not None:
            self._committing = False
        for timer in (self._timer, self._seal_timer, self._retry_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._seal_timer = self._retry_timer = None
        self._serve(all_of_them=True)

    async def _settle(self) -> None:
        # The lane runs in order: what was begun before is done, and its callback queued, when this is.
        await self._environment.tasks.in_lane("backend", lambda: None)
        while self._committing:
            await self._environment.tasks.in_lane("backend", lambda: None)

    def _reached(self, index: int) -> None:
        self.durable_index = index
        for one in [one for one in self._awaited if one[0] <= index or self._closed]:
            self._awaited.remove(one)
            if not one[1].done():
                one[1].set_result(None)

    def _serve(self, *, all_of_them: bool) -> None:
        served, self._served = self._served, []
        if all_of_them:
            served += self._asked
            self._asked = []
        for then in served:
            then()

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._committing or self._closed or self._paused:
            return
        writes = self._overlay.take()
        if not writes:
            return
        if self._seal_timer is not None:
            self._seal_timer.cancel()
            self._seal_timer = None
        self._served, self._asked = self._asked, []
        self._commit(writes)

    def _commit(self, writes: Collection[Write]) -> None:
        self._committing = True
        # What was taken was applied up to here at least.
        index = self._applied_index()
        started = self._environment.clock.monotonic()

        def done(used_bytes: int | None, error: BaseException | None) -> None:
            self._committing = False
            if error is None:
                assert used_bytes is not None
                self.used_bytes = used_bytes
                self.disk_full = False
                self._reached(index)
                self._took(self._environment.clock.monotonic() - started)
                self._overlay.drained()
                self._serve(all_of_them=not self._overlay.active_bytes)
                if self._asked:
                    self._begin()
                elif self._overlay.active_bytes:
                    self.wrote()
                elif not self._closed and not self._paused:
                    self._seal_when_idle()
            elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                reachable("the backend had no room")
                self.disk_full = True
                self._serve(all_of_them=True)
                if not self._closed and not self._paused:
                    # Nothing else may be committed before.
                    self._committing = True
                    self._retry_timer = self._environment.tasks.call_later(RETRY_SECONDS, self._retry)
            else:
                self._fail(error)

        self._environment.tasks.in_lane_then("backend", self._commit_in_lane, (writes,), done)

    def _commit_in_lane(self, writes: Collection[Write]) -> int:
        self._backend.commit(writes)
        mirror = self.mirror
        if mirror is not None:
            mirror(writes)
        return self._backend.used_bytes()

    def _retry(self) -> None:
        # With what was written since: that may be what makes room.
        self._retry_timer = None
        self._commit(self._overlay.take())

    def _seal_when_idle(self) -> None:
        # A seal reads the whole file: it may take a tenth of the time, never more.
        delay = max(SEAL_IDLE_SECONDS, 9 * self._seal_cost)
        self._seal_timer = self._environment.tasks.call_later(delay, self._seal)

    def _seal(self) -> None:
        self._seal_timer = None
        if self._committing or self._closed or self._paused:
            return
        started = self._environment.clock.monotonic()

        def done(_: None, error: BaseException | None) -> None:
            self._seal_cost = self._environment.clock.monotonic() - started
            # A seal that could not be written only makes the next start slower.
            if error is not None and not isinstance(error, OSError):
                self._fail(error)

        self._environment.tasks.in_lane_then("backend", self._backend.seal, (), done)
