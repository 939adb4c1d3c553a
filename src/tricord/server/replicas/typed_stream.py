# SPDX-License-Identifier: Apache-2.0
"""Watches that tell typed values, for the native door and for clients in this process: ``base.typed.TypedStream``."""

from __future__ import annotations

from collections.abc import Callable

from tricord.base.context import Context
from tricord.base.dots import VersionVector
from tricord.base.environment import Environment
from tricord.base.errors import ReplicaCatchingUp, ResponseTooLarge, TricordError
from tricord.base.typed import TypedEvents, TypedKey, TypedWatch
from tricord.server.replicas.ranges import size_of
from tricord.server.replicas.streams import HubStream, Watch
from tricord.server.replicas.watching import Batch, ReplicaHub, Told

SNAPSHOT_BYTES = 64 << 20
"""What is there when a watch begins, or is resynced, is one batch of this size at most."""
RESUME_SECONDS = 10.0
"""So long a watch waits for what it is resumed from to come here."""
LOOK_AGAIN_SECONDS = 0.1
SLICE_KEYS = 500
"""Keys that are read at a time where a watch begins: a few milliseconds of the loop."""


class TypedWatching(Watch[TypedEvents]):
    """``begins``: it has to tell all that is there now. That is read slice by slice into ``found``, and what changes
    meanwhile goes into ``later``; both are told together as ``first``."""

    def __init__(self, stream: TypedWatchStream, number: int, spec: TypedWatch) -> None:
        super().__init__(stream, number, spec.key, spec.range_end)
        self.begins = False
        self.resynced = False
        self.found: dict[bytes, TypedKey] | None = None
        self.later: dict[bytes, Told] = {}
        self.size = 0
        self.cursor = b""
        self.first: TypedEvents | None = None

    def offer(self, batch: Batch, changes: list[Told]) -> None:
        if self.found is None:
            super().offer(batch, changes)
        else:
            self.later.update((change.key, change) for change in changes)

    def clear(self) -> None:
        super().clear()
        self.found = self.first = None
        self.later.clear()


class TypedWatchStream(HubStream[TypedEvents]):
    """See ``TypedStream``."""

    def __init__(
        self,
        environment: Environment,
        hub: ReplicaHub,
        context: Context,
        wake: Callable[[], None],
        seen: VersionVector | None = None,
    ) -> None:
        """``seen``: what the session has seen of the keyspace, so that nothing is told as of before that."""
        super().__init__(hub, context, wake)
        self._environment = environment
        self._seen = seen
        self._watches: dict[int, TypedWatching] = {}
        self._failure: TricordError | None = None
        hub.keep_recent()

    def add(self, spec: TypedWatch) -> int:
        watch = TypedWatching(self, self._number(spec.key, spec.range_end), spec)
        self._watches[watch.number] = watch
        missed = self.hub.since_position(spec.position) if spec.position else None
        if missed is not None:
            self._go_on(watch, missed)
        elif (resume := spec.resume) is not None:
            self._once_here(watch, resume, lambda: self._go_on_from(watch, resume))
        elif self._seen is not None:
            self._once_here(watch, self._seen, lambda: self._begin(watch, resynced=bool(spec.position)))
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

    def _once_here(self, watch: TypedWatching, vector: VersionVector, then: Callable[[], None]) -> None:
        replica = self.hub.replica
        if replica.covers(vector):
            then()
            return

        def ready(error: TricordError | None) -> None:
            if self._watches.get(watch.number) is not watch:
                return
            if error is None:
                then()
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
        watch.begins, watch.resynced = True, resynced or watch.resynced
        self.stir(watch)

    def _fail(self, error: TricordError) -> None:
        self._failure = error
        for watch in self._watches.values():
            self.stir(watch)

    def _tell(self, watch: Watch[TypedEvents]) -> tuple[TypedEvents, int] | None:
        assert isinstance(watch, TypedWatching)
        if watch.begins:
            self._begin_reading(watch)
        if watch.first is not None:
            told, watch.first = watch.first, None
            return told, sum(map(size_of, told.keys)) + 1
        if not watch.items:
            return None
        batch, changes = watch.next()
        size = 1
        newest = {change.key: change for change in changes}
        for change in newest.values():
            size += change.bytes
        found = [self._typed(change) for change in newest.values()]
        position = self.hub.position(batch.sequence)
        return TypedEvents(watch.number, batch.sequence, found, batch.vector, False, position), size

    def _begin_reading(self, watch: TypedWatching) -> None:
        """Read what is there: a slice now, the others in later turns of the loop."""
        hub = self.hub
        try:
            hub.replica.check_open()
        except ReplicaCatchingUp:
            self._environment.tasks.call_later(LOOK_AGAIN_SECONDS, lambda: self._again(watch))
            return
        watch.begins, watch.size, watch.cursor = False, 0, watch.watcher.start
        watch.found = {}
        watch.watcher.after = hub.sequence
        hub.add(watch.watcher)
        self._read(watch, watch.found)

    def _read(self, watch: TypedWatching, found: dict[bytes, TypedKey]) -> None:
        """A slice. Raises UnknownType, ResponseTooLarge."""
        hub = self.hub
        for count, (key, cell) in enumerate(hub.replica.cells(watch.cursor, watch.watcher.end)):
            if count == SLICE_KEYS:
                watch.cursor = key
                self._environment.tasks.call_soon(lambda: self._read_on(watch, found))
                return
            typed = hub.keys.typed_of(key, cell)
            if typed.value is not None:
                found[key] = typed
                watch.size += size_of(typed)
                if watch.size > SNAPSHOT_BYTES:
                    raise ResponseTooLarge(f"the watch has more than {SNAPSHOT_BYTES >> 20} MiB: watch narrower ranges")
        if hub.replica.is_durable:
            self._end_reading(watch, found)
        else:
            hub.replica.when_durable(lambda error: self._durable(watch, found, error))

    def _read_on(self, watch: TypedWatching, found: dict[bytes, TypedKey]) -> None:
        if watch.found is not found or self._watches.get(watch.number) is not watch:
            return  # it ended, or begins anew
        try:
            self._read(watch, found)
        except TricordError as error:
            self._fail(error)
        self.hub.wake()

    def _durable(self, watch: TypedWatching, found: dict[bytes, TypedKey], error: TricordError | None) -> None:
        """All that was read is; an error: the replica ends, and the hub says why."""
        if error is None and watch.found is found and self._watches.get(watch.number) is watch:
            try:
                self._end_reading(watch, found)
            except TricordError as failure:
                self._fail(failure)
            self.hub.wake()

    def _end_reading(self, watch: TypedWatching, found: dict[bytes, TypedKey]) -> None:
        """With what changed since each slice was read, it is what is durable now: one moment of the replica. Raises
        UnknownType."""
        hub = self.hub
        for change in watch.later.values():
            typed = self._typed(change)
            if typed.value is None:
                found.pop(change.key, None)
            else:
                found[change.key] = typed
        resynced = watch.resynced
        watch.clear()
        watch.resynced = False
        vector = hub.replica.vector() if hub.is_causal else None
        keys = [found[key] for key in sorted(found)]
        position = hub.position(hub.sequence)
        watch.first = TypedEvents(watch.number, hub.sequence, keys, vector, resynced, position)
        self.stir(watch)

    def _typed(self, change: Told) -> TypedKey:
        if change.typed is None:
            change.typed = self.hub.keys.typed_of(change.key, change.cell)
        return change.typed

    def _again(self, watch: TypedWatching) -> None:
        if self._watches.get(watch.number) is watch:
            self.stir(watch)
            self.hub.wake()
