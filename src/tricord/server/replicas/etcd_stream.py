# SPDX-License-Identifier: Apache-2.0
"""Watches of a causal or eventual keyspace as etcd's clients know them: ``base.watching.WatchStream``.

Revisions are the replica's delivery sequence, which means nothing elsewhere and nothing after a restart: a watch begins
with what comes, and one that cannot be told everything ends as one does whose revisions were compacted.
"""

from __future__ import annotations

from collections.abc import Callable

from tricord.base.context import Context
from tricord.base.environment import Environment, Timer
from tricord.base.operations import Event, EventKind, KeyValue
from tricord.base.watching import (
    SharedEvent,
    WatchCompacted,
    WatchEvents,
    WatchItem,
    WatchProgress,
    WatchSpec,
    check_needs_no_past,
)
from tricord.server.replicas.streams import HubStream, Watch
from tricord.server.replicas.watching import ReplicaHub, Told

MARKS_MAX = 64
_PUT, _DELETE = EventKind.PUT, EventKind.DELETE
_KINDS = {(True, True): (_PUT, _DELETE), (True, False): (_PUT,), (False, True): (_DELETE,), (False, False): ()}


class EtcdWatching(Watch[WatchItem]):
    """``is_over``: it could not be told everything."""

    def __init__(self, stream: EtcdWatchStream, number: int, spec: WatchSpec) -> None:
        super().__init__(stream, number, spec.key, spec.range_end)
        self.kinds = _KINDS[spec.puts, spec.deletes]
        self.progress = spec.progress
        self.told = self.is_over = self.marked = False


class EtcdWatchStream(HubStream[WatchItem]):
    """See ``WatchStream``."""

    def __init__(
        self,
        environment: Environment,
        hub: ReplicaHub,
        context: Context,
        wake: Callable[[], None],
        progress_seconds: float,
    ) -> None:
        super().__init__(hub, context, wake)
        self._environment = environment
        self._progress_seconds = progress_seconds
        self._watches: dict[int, EtcdWatching] = {}
        self._asked = 0
        self._timer: Timer | None = None

    def add(self, spec: WatchSpec) -> int:
        check_needs_no_past(spec)
        watch = EtcdWatching(self, self._number(spec.key, spec.range_end), spec)
        watch.watcher.after = self.hub.sequence
        self._watches[watch.number] = watch
        self.hub.add(watch.watcher)
        if spec.progress and self._timer is None:
            self._set_timer()
        return watch.number

    def remove(self, watch: int) -> bool:
        found = self._watches.pop(watch, None)
        if found is None:
            return False
        self.hub.remove(found.watcher)
        found.clear()
        self._stirred.pop(found, None)
        return True

    def ask_progress(self) -> None:
        if self._watches and self._asked < MARKS_MAX:
            self._asked += 1
            self.hub.wake()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for number in list(self._watches):
            self.remove(number)
        super().close()

    def overflow(self, watch: Watch[WatchItem]) -> None:
        assert isinstance(watch, EtcdWatching)
        self.hub.remove(watch.watcher)
        watch.clear()
        watch.is_over = True
        self.stir(watch)

    def resync(self) -> None:
        for watch in self._watches.values():
            self.overflow(watch)

    @property
    def wants_waking(self) -> bool:
        return super().wants_waking or (self._is_asleep and self._asked > 0)

    def _tell(self, watch: Watch[WatchItem]) -> tuple[WatchItem, int] | None:
        assert isinstance(watch, EtcdWatching)
        if watch.is_over:
            self.remove(watch.number)
            return WatchCompacted(watch.number, max(self.hub.sequence, 1)), 1
        while watch.items:
            batch, changes = watch.next()
            found = [event for one in changes if (event := self._event(one)).event.kind in watch.kinds]
            if found:
                watch.told = True
                return WatchEvents(watch.number, batch.sequence, found), sum(one.bytes for one in changes)
        if watch.marked:
            watch.marked = False
            return WatchProgress(watch.number, self.hub.sequence), 1
        return None

    def _event(self, told: Told) -> SharedEvent:
        if told.event is None:
            shown = self.hub.keys.of(told.key, told.cell, told.sequence).record
            told.event = SharedEvent(
                Event(_DELETE, KeyValue(told.key, b"", 0, told.sequence, 0)) if shown is None else Event(_PUT, shown)
            )
        return told.event

    def _marks(self) -> list[WatchItem]:
        asked, self._asked = self._asked, 0
        return [WatchProgress(-1, self.hub.sequence) for _ in range(asked)] if self._watches else []

    def _set_timer(self) -> None:
        seconds = self._progress_seconds * self._environment.random.uniform(1.0, 1.1)
        self._timer = self._environment.tasks.call_later(seconds, self._tick)

    def _tick(self) -> None:
        """Marks for those watches that want them and were told of nothing since the last ones."""
        self._timer = None
        wanting = [watch for watch in self._watches.values() if watch.progress]
        for watch in wanting:
            if not watch.told and not watch.items:
                watch.marked = True
                self.stir(watch)
            watch.told = False
        if wanting:
            self._set_timer()
            self.hub.wake()
