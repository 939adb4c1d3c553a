# SPDX-License-Identifier: Apache-2.0
"""Typed watches of a strong keyspace, over the engine's own: the state first, then each revision by itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tricord.api.native.strong_values import LIMIT_MAX, context_of_revision, key_of, revision_of_context
from tricord.base.context import Context
from tricord.base.errors import KeyNotProvided, NotOfThisModel, ResponseTooLarge, TricordError
from tricord.base.levels import Stamp
from tricord.base.operations import Range, RangeResult
from tricord.base.typed import TypedEvents, TypedKey, TypedWatch
from tricord.base.watching import WatchCompacted, WatchEvents, WatchSpec
from tricord.server.engine import Engine, Outcome


@dataclass(slots=True)
class _Watch:
    """``number`` is the client's; ``inner`` the engine's, None while the state is read."""

    number: int
    spec: TypedWatch
    inner: int | None = None
    reading: Context | None = None


class StrongStream:
    """See ``base.typed.TypedStream``. Raises what ``Engine.open_watch`` does."""

    def __init__(self, engine: Engine, context: Context, wake: Callable[[], None]) -> None:
        self._engine = engine
        self._context = context
        self._wake = wake
        self._stream = engine.open_watch(context, wake)
        self._watches: dict[int, _Watch] = {}
        self._by_inner: dict[int, _Watch] = {}
        self._ready: deque[TypedEvents] = deque()
        self._failure: TricordError | None = None
        self._next = 0
        self._closed = False

    def add(self, spec: TypedWatch) -> int:
        if spec.resume is not None and not spec.position:
            raise NotOfThisModel("the keyspace is strong: its watches go on behind a position, not behind a vector")
        if not spec.key:
            raise KeyNotProvided
        position = revision_of_context(spec.position) if spec.position else 0
        watch = _Watch(self._next, spec)
        if position:
            self._follow(watch, position)
        else:
            self._read(watch, resynced=False)
        self._watches[watch.number] = watch
        self._next += 1
        return watch.number

    def remove(self, watch: int) -> bool:
        found = self._watches.pop(watch, None)
        if found is None:
            return False
        if found.inner is not None:
            del self._by_inner[found.inner]
            self._stream.remove(found.inner)
        if found.reading is not None:
            found.reading.cancel()
        self._ready = deque(events for events in self._ready if events.watch != watch)
        return True

    def take(self, budget_bytes: int) -> list[TypedEvents]:
        if self._failure is not None:
            raise self._failure
        taken = list(self._ready)
        self._ready.clear()
        if not taken:
            for item in self._stream.take(budget_bytes):
                watch = self._by_inner.get(item.watch)
                if watch is None:
                    continue
                if isinstance(item, WatchEvents):
                    taken += _by_revision(watch.number, item)
                elif isinstance(item, WatchCompacted):
                    del self._by_inner[item.watch]
                    watch.inner = None
                    self._read(watch, resynced=True)
            if not taken and self._ready:  # read at once
                return self.take(budget_bytes)
        return taken

    def close(self) -> None:
        self._closed = True
        for watch in self._watches.values():
            if watch.reading is not None:
                watch.reading.cancel()
        self._watches.clear()
        self._by_inner.clear()
        self._ready.clear()
        self._stream.close()

    def _follow(self, watch: _Watch, revision: int) -> None:
        spec = watch.spec
        watch.inner = self._stream.add(WatchSpec(spec.key, spec.range_end, revision + 1))
        self._by_inner[watch.inner] = watch

    def _read(self, watch: _Watch, *, resynced: bool) -> None:
        spec, asked = watch.spec, self._context
        context = watch.reading = Context(asked.keyspace, asked.level, asked.identity, None, asked.token)
        context.level_named = asked.level_named

        def answer(outcome: Outcome, stamp: Stamp) -> None:
            watch.reading = None
            if context.cancelled or self._closed:
                return
            if isinstance(outcome, RangeResult) and outcome.more:
                outcome = ResponseTooLarge(
                    f"there are more than {LIMIT_MAX:,} keys: fetch them in pages, and watch behind that sequence"
                )
            if isinstance(outcome, TricordError):
                self._failure = outcome
            else:
                assert isinstance(outcome, RangeResult)
                keys = [key_of(kv) for kv in outcome.kvs]
                self._ready.append(
                    TypedEvents(watch.number, stamp.revision, keys, None, resynced, context_of_revision(stamp.revision))
                )
                try:
                    self._follow(watch, stamp.revision)
                except TricordError as error:
                    self._failure = error
            self._wake()

        self._engine.call(Range(spec.key, spec.range_end, LIMIT_MAX), context, answer)


def _by_revision(number: int, item: WatchEvents) -> list[TypedEvents]:
    found: list[TypedEvents] = []
    for shared in item.events:
        event = shared.event
        key = TypedKey(event.key, None, context_of_revision(0)) if event.deleted else key_of(event.kv)
        if not found or found[-1].sequence != event.revision:
            found.append(TypedEvents(number, event.revision, [], None, False, context_of_revision(event.revision)))
        found[-1].keys.append(key)
    return found
