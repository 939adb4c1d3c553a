# SPDX-License-Identifier: Apache-2.0
"""A member in memory whose engine also has a causal and an eventual keyspace of one replica, on the real types."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

from tricord.base.context import Context
from tricord.base.dots import Dot, Origin, VersionVector
from tricord.base.errors import KeyNotProvided, NotOfThisModel, TricordError
from tricord.base.hybrid_clock import hybrid_time
from tricord.base.keyspaces import KeyspaceRecord, Model
from tricord.base.levels import Level, Stamp
from tricord.base.operations import Request
from tricord.base.typed import Fetch, FetchResult, TypedEvents, TypedKey, TypedStream, TypedWatch, Update, UpdateResult
from tricord.crdt.cell import Write
from tricord.crdt.changes import mutate
from tricord.crdt.keyspace_state import KeyspaceState
from tricord.crdt.read_context import decode_read_context, encode_read_context
from tricord.crdt.shown import show
from tricord.embedded.member_caller import start
from tricord.server.engine import Engine, Reply

CARTS = KeyspaceRecord(70, "carts", Model.CAUSAL)
PRESENCE = KeyspaceRecord(71, "presence", Model.EVENTUAL)
HERE = Origin(1, 9)
MILLISECONDS = 1_700_000_000_000


class _Keyspace:
    def __init__(self, record: KeyspaceRecord) -> None:
        self.record = record
        self.state = KeyspaceState()
        self.sequence = 0
        self.streams: list[_Stream] = []

    def update(self, request: Update) -> UpdateResult:
        if self.record.model is Model.CAUSAL and request.acks != 1:
            raise NotOfThisModel("acks are of eventual keyspaces")
        deltas = []
        for one in request.changes:
            if not one.key:
                raise KeyNotProvided
            self.sequence += 1
            seen = decode_read_context(one.seen) if one.seen else None
            write = Write(Dot(*HERE, self.sequence), hybrid_time(MILLISECONDS + self.sequence), seen)
            deltas.append((one.key, mutate(self.state.cell(one.key), write, one.change)))
        changed = self.state.apply(deltas)
        for stream in self.streams:
            stream.tell(changed)
        return UpdateResult(self.sequence, request.acks)

    def fetch(self, request: Fetch) -> FetchResult:
        keys = [request.key] if not request.range_end else self.within(request.key, request.range_end)
        limit = request.limit or len(keys)
        return FetchResult(self.sequence, [self.shown(key) for key in keys[:limit]], len(keys) > limit)

    def within(self, key: bytes, end: bytes) -> list[bytes]:
        return [each for each in sorted(self.state.cells) if each >= key and (end == b"\0" or each < end)]

    def shown(self, key: bytes) -> TypedKey:
        cell = self.state.cell(key)
        return TypedKey(key, show(cell, MILLISECONDS), encode_read_context(cell))

    @property
    def vector(self) -> VersionVector | None:
        if self.record.model is Model.EVENTUAL:
            return None
        return VersionVector({HERE: self.sequence} if self.sequence else {})

    def stamp(self, plain: Stamp) -> Stamp:
        level = Level.CAUSAL if self.record.model is Model.CAUSAL else Level.EVENTUAL
        vectors = None if self.vector is None else {self.record.id: self.vector}
        return replace(plain, revision=self.sequence, level=level, age=None, index=0, vectors=vectors)


class _Stream:
    def __init__(self, keyspace: _Keyspace, wake: Callable[[], None]) -> None:
        self.keyspace, self.wake = keyspace, wake
        self.watches: dict[int, TypedWatch] = {}
        self.ready: deque[TypedEvents] = deque()
        self.failure: TricordError | None = None
        keyspace.streams.append(self)

    def add(self, spec: TypedWatch) -> int:
        if not spec.key:
            raise KeyNotProvided
        number = len(self.watches)
        self.watches[number] = spec
        if spec.resume is None and not spec.position:
            self._tell(number, [key for key in self.keyspace.state.cells if _covers(spec, key)])
        else:
            told = int(spec.position) if spec.position else spec.resume.counter(HERE) if spec.resume else 0
            if told < self.keyspace.sequence:
                self._tell(number, [key for key in self.keyspace.state.cells if _covers(spec, key)], resynced=True)
        self.wake()
        return number

    def remove(self, watch: int) -> bool:
        return self.watches.pop(watch, None) is not None

    def tell(self, changed: list[bytes]) -> None:
        for number, spec in self.watches.items():
            if keys := [key for key in changed if _covers(spec, key)]:
                self._tell(number, keys)
        self.wake()

    def _tell(self, number: int, keys: list[bytes], *, resynced: bool = False) -> None:
        shown = [self.keyspace.shown(key) for key in sorted(keys)]
        place = b"%016d" % self.keyspace.sequence
        self.ready.append(TypedEvents(number, self.keyspace.sequence, shown, self.keyspace.vector, resynced, place))

    def take(self, budget_bytes: int) -> list[TypedEvents]:
        if self.failure is not None:
            raise self.failure
        taken = list(self.ready)
        self.ready.clear()
        return taken

    def close(self) -> None:
        if self in self.keyspace.streams:
            self.keyspace.streams.remove(self)


def _covers(spec: TypedWatch, key: bytes) -> bool:
    if not spec.range_end:
        return key == spec.key
    return key >= spec.key and (spec.range_end == b"\0" or key < spec.range_end)


class ModelEngine:
    """The engine of a real member, and two keyspaces more."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.keyspaces = {record.name: _Keyspace(record) for record in (CARTS, PRESENCE)}
        self.contexts: list[Context] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def keyspace(self, name: str) -> KeyspaceRecord | None:
        found = self.keyspaces.get(name)
        return self._engine.keyspace(name) if found is None else found.record

    def stamp(self, keyspace: str = "default") -> Stamp:
        found = self.keyspaces.get(keyspace)
        plain = self._engine.stamp(keyspace)
        return plain if found is None else found.stamp(plain)

    def call(self, request: Request, context: Context, reply: Reply, body: bytes | None = None) -> None:
        found = self.keyspaces.get(context.keyspace)
        if found is None:
            self._engine.call(request, context, reply, body)
            return
        self.contexts.append(context)
        assert isinstance(request, Update | Fetch)
        try:
            outcome = found.update(request) if isinstance(request, Update) else found.fetch(request)
        except TricordError as error:
            reply(error, self.stamp(context.keyspace))
            return
        reply(outcome, self.stamp(context.keyspace))

    def open_typed_watch(self, context: Context, wake: Callable[[], None]) -> TypedStream:
        found = self.keyspaces.get(context.keyspace)
        return self._engine.open_typed_watch(context, wake) if found is None else _Stream(found, wake)


@asynccontextmanager
async def model_engine() -> AsyncIterator[ModelEngine]:
    """One on a member in memory."""
    caller = await start("memory://", None, None)
    try:
        yield ModelEngine(cast(Engine, caller._engine))
    finally:
        await caller.close()


def as_engine(engine: ModelEngine) -> Engine:
    """For those who ask for the protocol, which it has in part by delegation."""
    return cast(Engine, engine)
