# SPDX-License-Identifier: Apache-2.0
"""Watches that tell typed values, for the native door and for clients in this process: ``base.typed.TypedStream``."""

from __future__ import annotations

from collections.abc import Callable

from tricord.base.context import Context
from tricord.base.dots import VersionVector
from tricord.base.environment import Environment
from tricord.base.errors import ReplicaCatchingUp, ResponseTooLarge, TricordError
from tricord.base.typed import TypedEvents, TypedWatch
from tricord.server.replicas.ranges import size_of
from tricord.server.replicas.streams import HubStream, Watch
from tricord.server.replicas.watching import Batch, ReplicaHub

SNAPSHOT_BYTES = 64 << 20
"""What is there when a watch begins, or is resynced, is one batch of this size at most."""
RESUME_SECONDS = 10.0
"""So long a watch waits for what it is resumed from to come here."""
LOOK_AGAIN_SECONDS = 0.1


class TypedWatching(Watch[TypedEvents]):
    """``begins``: it has to tell all that is there now. ``first``: that, as soon as it is durable."""

    def __init__(self, stream: TypedWatchStream, number: int, spec: TypedWatch) -> None:
        super().__init__(stream, number, spec.key, spec.range_end)
        self.begins = False
        self.resynced = False
        self.first: TypedEvents | None = None
        self.waits = False


class TypedWatchStream(HubStream[TypedEvents]):
    """See ``TypedStream``."""

    def __init__(self, environment: Environment, hub: ReplicaHub, context: Context, wake: Callable[[], None]) -> None:
        super().__init__(hub, context, wake)
        self._environment = environment
        self._watches: dict[int, TypedWatching] = {}
        self._failure: TricordError | None = None
        hub.keep_recent()

    def add(self, spec: TypedWatch) -> int:
        watch = TypedWatching(self, self._number(spec.key, spec.range_end), spec)
        self._watches[watch.number] = watch
        missed = self.hub.since_position(spec.position) if spec.position else None
        if missed is not None:
            self._go_on(watch, missed)
        elif spec.resume is not None:
            self._resume(watch, spec.resume)
        else:
            self._begin(watch, resynced=bool(spec.position))
        self.hub.wake()
        return watch.number

    def remove(self, watch: int) -> bool:
        found = self._watches.pop(watch, None)
        if found is None:
            return False
        self.hub.remove(found.watcher)
        found.clear()
        self._stirred.pop(found, None)
        return True

    def take(self, budget_bytes: int) -> list[TypedEvents]:
        if self._failure is not None:
            raise self._failure
        return super().take(budget_bytes)

    def close(self) -> None:
        for number in list(self._watches):
            self.remove(number)
        super().close()

    def overflow(self, watch: Watch[TypedEvents]) -> None:
        assert isinstance(watch, TypedWatching)
        self._begin(watch, resynced=True)

    def resync(self) -> None:
        for watch in self._watches.values():
            self._begin(watch, resynced=True)

    def _resume(self, watch: TypedWatching, vector: VersionVector) -> None:
        replica = self.hub.replica
        if replica.covers(vector):
            self._go_on_from(watch, vector)
            return

        def ready(error: TricordError | None) -> None:
            if self._watches.get(watch.number) is not watch:
                return
            if error is None:
                self._go_on_from(watch, vector)
            else:
                self._fail(error)
            self.hub.wake()

        replica.wait_for(vector, self._environment.clock.monotonic() + RESUME_SECONDS, ready)

    def _go_on_from(self, watch: TypedWatching, vector: VersionVector) -> None:
        missed = self.hub.since_vector(vector)
        if missed is None:
            self._begin(watch, resynced=True)
        else:
            self._go_on(watch, missed)

    def _go_on(self, watch: TypedWatching, missed: list[Batch]) -> None:
        """Tell what was missed, then what comes."""
        watch.watcher.after = self.hub.sequence
        self.hub.add(watch.watcher)
        covers = watch.watcher.covers
        for batch in missed:
            if found := [one for one in batch.changes if covers(one.key)]:
                watch.offer(batch, found)

    def _begin(self, watch: TypedWatching, *, resynced: bool) -> None:
        """Tell all that is there, when it is taken."""
        self.hub.remove(watch.watcher)
        watch.clear()
        watch.first, watch.begins, watch.resynced = None, True, resynced or watch.resynced
        self.stir(watch)

    def _fail(self, error: TricordError) -> None:
        self._failure = error
        for watch in self._watches.values():
            self.stir(watch)

    def _tell(self, watch: Watch[TypedEvents]) -> tuple[TypedEvents, int] | None:
        assert isinstance(watch, TypedWatching)
        if watch.begins and not self._look(watch):
            return None
        if watch.first is not None:
            if watch.waits:
                return None
            told, watch.first = watch.first, None
            return told, sum(map(size_of, told.keys)) + 1
        if not watch.items:
            return None
        batch, changes = watch.next()
        keys = self.hub.keys
        size = 1
        newest = {change.key: change for change in changes}
        for change in newest.values():
            if change.typed is None:
                change.typed = keys.typed_of(change.key, change.cell)
            size += change.bytes
        found = [change.typed for change in newest.values() if change.typed is not None]
        position = self.hub.position(batch.sequence)
        return TypedEvents(watch.number, batch.sequence, found, batch.vector, False, position), size

    def _look(self, watch: TypedWatching) -> bool:
        """Take down what is there; whether it may be told already, or else when it is durable."""
        hub, replica = self.hub, self.hub.replica
        try:
            replica.check_open()
        except ReplicaCatchingUp:
            self._environment.tasks.call_later(LOOK_AGAIN_SECONDS, lambda: self._again(watch))
            return False
        vector = replica.vector() if hub.is_causal else None
        keys, size = [], 0
        for key, cell in replica.cells(watch.watcher.start, watch.watcher.end):
            typed = hub.keys.typed_of(key, cell)
            if typed.value is not None:
                keys.append(typed)
                size += size_of(typed)
                if size > SNAPSHOT_BYTES:
                    raise ResponseTooLarge(f"the watch has more than {SNAPSHOT_BYTES >> 20} MiB: watch narrower ranges")
        sequence = watch.watcher.after = replica.sequence
        resynced, watch.resynced, watch.begins = watch.resynced, False, False
        first = TypedEvents(watch.number, sequence, keys, vector, resynced, hub.position(sequence))
        watch.first = first
        hub.add(watch.watcher)
        watch.waits = not replica.is_durable
        if watch.waits:
            replica.when_durable(lambda error: self._durable(watch, first, error))
        return True

    def _durable(self, watch: TypedWatching, first: TypedEvents, error: TricordError | None) -> None:
        """What was taken down is; an error: the replica ends, and the hub says why."""
        if error is None and watch.first is first:
            watch.waits = False
            self._again(watch)

    def _again(self, watch: TypedWatching) -> None:
        if self._watches.get(watch.number) is watch:
            self.stir(watch)
            self.hub.wake()
