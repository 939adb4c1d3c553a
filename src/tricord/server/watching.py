# SPDX-License-Identifier: Apache-2.0
"""The watches of this member: the hub of ``mvcc`` in the loop.

What turns apply is published at once; those who wait are woken, and those who are behind read on, in slices between
other events of the loop. Marks of progress are a timer of each stream that has a watch with marks.
"""

from __future__ import annotations

from collections.abc import Callable

from tricord.auth.authorise import authorise
from tricord.base.context import Context
from tricord.base.environment import Environment, Timer
from tricord.base.errors import Stopping
from tricord.base.metrics import Metrics, WatchCounts
from tricord.base.operations import Range
from tricord.base.watching import WatchItem, WatchSpec, WatchStream
from tricord.mvcc.watch_hub import WatchHub
from tricord.mvcc.watch_queue import WatchQueue
from tricord.statemachine.machine import Applied, StateMachine

GROUP_SECONDS = 0.005
"""Reading the history begins anew after so long at the soonest: who comes meanwhile reads it with the others. Who comes
alone waits for nothing."""


class Watching:
    """All streams of watches. ``report(error, where)`` hears of those who fail when woken."""

    def __init__(
        self,
        environment: Environment,
        machine: StateMachine,
        metrics: Metrics,
        *,
        progress_seconds: float,
        report: Callable[[BaseException, str], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._tasks = environment.tasks
        self._random = environment.random
        self._progress_seconds = progress_seconds
        self._report = report
        self._fail = fail
        self._clock = environment.clock
        self._scheduled = False
        self._going_on = False
        self._begins_at = 0.0
        self._later: Timer | None = None
        self.stopped = False
        self.hub = WatchHub(machine.keyspace(0), self._schedule)
        metrics.watches = self._counts

    def open(self, context: Context, wake: Callable[[], None]) -> WatchStream:
        """See ``Engine.open_watch``."""
        if self.stopped:
            raise Stopping
        return _Stream(self, context, wake)

    def applied(self, applied: list[Applied]) -> None:
        """A turn applied these. Costs nothing worth naming while nobody watches."""
        hub = self.hub
        if hub.queues:
            hub.publish((one.revision, one.events) for one in applied)
            for queue in hub.take_woken():
                self._wake(queue)

    def reloaded(self) -> None:
        """A snapshot took the place of the store's state."""
        self.hub.reload()

    def stop(self) -> None:
        """End all streams: each is woken, and its next ``take`` raises Stopping."""
        if self.stopped:
            return
        self.stopped = True
        self._stop_timer()
        for queue in list(self.hub.queues):
            self.hub.close(queue)
            self._tasks.call_soon(self._wake, queue)

    def abandon(self) -> None:
        """Do nothing more, like a process that died."""
        self.stopped = True
        self._stop_timer()

    def jittered_seconds(self) -> float:
        """Until the next marks of one stream: up to a tenth longer than set, so that not all come at once."""
        return self._progress_seconds * self._random.uniform(1.0, 1.1)

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._tasks.call_soon(self._run)

    def _run(self) -> None:
        self._scheduled = False
        if self.stopped:
            return
        if self.hub.has_work:
            self._work()
        for queue in self.hub.take_woken():
            self._wake(queue)

    def _work(self) -> None:
        """A step for those who are behind, if it is time."""
        now = self._clock.monotonic()
        if not self._going_on and now < self._begins_at:
            if self._later is None:
                self._later = self._tasks.call_later(self._begins_at - now, self._begin)
            return
        try:
            self._going_on = self.hub.step()
        except Exception as error:
            # What the tables hold does not hang together: nothing may be told of it.
            self._fail(error)
            return
        if self._going_on:
            self._schedule()
        else:
            self._begins_at = now + GROUP_SECONDS

    def _begin(self) -> None:
        self._later = None
        self._schedule()

    def _stop_timer(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _wake(self, queue: WatchQueue) -> None:
        try:
            queue.wake()
        except Exception as error:
            self._report(error, "a watch")

    def _counts(self) -> WatchCounts:
        hub = self.hub
        pending = sum(queue.pending for queue in hub.queues)
        return WatchCounts(len(hub.queues), hub.count, hub.behind, pending, hub.told)


class _Stream:
    """``WatchStream`` of one client of this member."""

    __slots__ = ("_context", "_queue", "_timer", "_watching")

    def __init__(self, watching: Watching, context: Context, wake: Callable[[], None]) -> None:
        self._watching = watching
        self._context = context
        self._queue = watching.hub.open(wake)
        self._timer: Timer | None = None

    def add(self, spec: WatchSpec) -> int:
        watching = self._watching
        if watching.stopped:
            raise Stopping
        authorise(self._context, Range(spec.key, spec.range_end))
        number = watching.hub.add(self._queue, spec)
        if spec.progress and self._timer is None:
            self._timer = watching._tasks.call_later(watching.jittered_seconds(), self._tick)
        return number

    def remove(self, watch: int) -> bool:
        return self._watching.hub.remove(self._queue, watch)

    def ask_progress(self) -> None:
        self._watching.hub.ask_progress(self._queue)

    def take(self, budget_bytes: int) -> list[WatchItem]:
        if self._watching.stopped:
            raise Stopping
        return self._watching.hub.take(self._queue, budget_bytes)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._watching.hub.close(self._queue)
        self._queue.wake = _nobody

    def _tick(self) -> None:
        watching = self._watching
        self._timer = None
        if watching.stopped or self._queue.closed:
            return
        watching.hub.tick(self._queue)
        if self._queue.progress:
            self._timer = watching._tasks.call_later(watching.jittered_seconds(), self._tick)


def _nobody() -> None:
    """Else the queue and whoever it woke would wait for the garbage collector."""
