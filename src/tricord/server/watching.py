# SPDX-License-Identifier: Apache-2.0
"""The watches of this member: the hubs of ``mvcc``, one for each keyspace that is watched, in the loop.

What turns apply is published at once; those who wait are woken, and those who are behind read on, in slices between
other events of the loop. Marks of progress are a timer of each stream that has a watch with marks.
"""

from __future__ import annotations

from collections.abc import Callable

from tricord.auth.authorise import authorise
from tricord.base.context import Context
from tricord.base.environment import Environment, Timer
from tricord.base.errors import KeyspaceNotFound, Stopping
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
        self.progress_seconds = progress_seconds
        self._report = report
        self._fail = fail
        self._clock = environment.clock
        self._scheduled = False
        self._going_on = False
        self._begins_at = 0.0
        self._later: Timer | None = None
        self.stopped = False
        self._machine = machine
        self._hubs = {0: WatchHub(machine.keyspace(0), self._schedule)}
        metrics.watches = self._counts

    @property
    def hub(self) -> WatchHub:
        """The default keyspace's."""
        return self._hubs[0]

    def open(self, keyspace: int, context: Context, wake: Callable[[], None]) -> WatchStream:
        """See ``Engine.open_watch``."""
        if self.stopped:
            raise Stopping
        hub = self._hubs.get(keyspace)
        if hub is None:
            hub = self._hubs[keyspace] = WatchHub(self._machine.keyspace(keyspace), self._schedule)
        return _Stream(self, hub, context, wake)

    def applied(self, applied: list[Applied]) -> None:
        """A turn applied these. Costs nothing worth naming while nobody watches."""
        hubs = self._hubs
        if len(hubs) > 1:
            self._leave_dropped()
        for keyspace, hub in list(hubs.items()):
            if hub.queues:
                if self._machine.has_only_default:
                    hub.publish((one.revision, one.events) for one in applied)
                else:
                    hub.publish(change for one in applied for change in one.within(keyspace))
                self._wake_all(hub)
            elif keyspace:
                del hubs[keyspace]

    def reloaded(self) -> None:
        """A snapshot took the place of the store's state."""
        self._leave_dropped()
        for hub in self._hubs.values():
            hub.reload()

    def _leave_dropped(self) -> None:
        """Wake the streams of keyspaces that are no more: their next ``take`` raises KeyspaceNotFound."""
        for keyspace in [one for one in self._hubs if not self._machine.has_keyspace(one)]:
            hub = self._hubs.pop(keyspace)
            for queue in list(hub.queues):
                self._tasks.call_soon(self._wake, queue)

    def has(self, hub: WatchHub) -> bool:
        """Whether the hub's keyspace is still there."""
        return self._hubs.get(hub.space.identity) is hub

    def stop(self) -> None:
        """End all streams: each is woken, and its next ``take`` raises Stopping."""
        if self.stopped:
            return
        self.stopped = True
        self._stop_timer()
        for hub in self._hubs.values():
            for queue in list(hub.queues):
                hub.close(queue)
                self._tasks.call_soon(self._wake, queue)

    def abandon(self) -> None:
        """Do nothing more, like a process that died."""
        self.stopped = True
        self._stop_timer()

    def jittered_seconds(self) -> float:
        """Until the next marks of one stream: up to a tenth longer than set, so that not all come at once."""
        return self.progress_seconds * self._random.uniform(1.0, 1.1)

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._tasks.call_soon(self._run)

    def _run(self) -> None:
        self._scheduled = False
        if self.stopped:
            return
        if any(hub.has_work for hub in self._hubs.values()):
            self._work()
        for hub in list(self._hubs.values()):
            self._wake_all(hub)

    def _wake_all(self, hub: WatchHub) -> None:
        for queue in hub.take_woken():
            self._wake(queue)

    def _work(self) -> None:
        """A step for those who are behind, if it is time."""
        now = self._clock.monotonic()
        if not self._going_on and now < self._begins_at:
            if self._later is None:
                self._later = self._tasks.call_later(self._begins_at - now, self._begin)
            return
        try:
            more = [hub.step() for hub in self._hubs.values() if hub.has_work]
            self._going_on = any(more)
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
        hubs = list(self._hubs.values())
        return WatchCounts(
            sum(len(hub.queues) for hub in hubs),
            sum(hub.count for hub in hubs),
            sum(hub.behind for hub in hubs),
            sum(queue.pending for hub in hubs for queue in hub.queues),
            sum(hub.told for hub in hubs),
        )


class _Stream:
    """``WatchStream`` of one client of this member."""

    __slots__ = ("_context", "_hub", "_queue", "_timer", "_watching")

    def __init__(self, watching: Watching, hub: WatchHub, context: Context, wake: Callable[[], None]) -> None:
        self._watching = watching
        self._context = context
        self._hub = hub
        self._queue = hub.open(wake)
        self._timer: Timer | None = None

    def add(self, spec: WatchSpec) -> int:
        watching = self._watching
        self._check()
        authorise(self._context, Range(spec.key, spec.range_end))
        number = self._hub.add(self._queue, spec)
        if spec.progress and self._timer is None:
            self._timer = watching._tasks.call_later(watching.jittered_seconds(), self._tick)
        return number

    def remove(self, watch: int) -> bool:
        return self._hub.remove(self._queue, watch)

    def ask_progress(self) -> None:
        self._hub.ask_progress(self._queue)

    def take(self, budget_bytes: int) -> list[WatchItem]:
        self._check()
        return self._hub.take(self._queue, budget_bytes)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._hub.close(self._queue)
        self._queue.wake = _nobody

    def _check(self) -> None:
        if self._watching.stopped:
            raise Stopping
        if self._hub.space.identity and not self._watching.has(self._hub):
            raise KeyspaceNotFound(f"keyspace {self._context.keyspace!r} was dropped")

    def _tick(self) -> None:
        watching = self._watching
        self._timer = None
        if watching.stopped or self._queue.closed:
            return
        self._hub.tick(self._queue)
        if self._queue.progress:
            self._timer = watching._tasks.call_later(watching.jittered_seconds(), self._tick)


def _nobody() -> None:
    """Else the queue and whoever it woke would wait for the garbage collector."""
