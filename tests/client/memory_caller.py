# SPDX-License-Identifier: Apache-2.0
"""A caller over a dictionary: the few operations that the facades' own tests need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tricord.base.dots import VersionVector
from tricord.base.environment import Environment
from tricord.base.errors import KeyNotProvided, Unimplemented
from tricord.base.keyspaces import KeyspaceRecord
from tricord.base.levels import Level, ReadLevel, Stamp
from tricord.base.members import MemberRecord, MemberStatus
from tricord.base.operations import (
    Compact,
    CompactResult,
    DeleteRange,
    DeleteRangeResult,
    KeyValue,
    Put,
    PutResult,
    Range,
    RangeResult,
    Request,
    Result,
)
from tricord.base.token import Token
from tricord.base.typed import TypedWatch
from tricord.base.watching import WatchSpec
from tricord.client.caller import Caller
from tricord.client.changes import AddMember, EndpointStatus, MemberChange
from tricord.client.feed import Feed, TypedFeed


class MemoryCaller:
    """See ``client.caller``. Each entry of ``past`` is the whole store at that revision."""

    def __init__(self) -> None:
        self.past: list[dict[bytes, KeyValue]] = [{}, {}]
        self.asked: list[tuple[Request, ReadLevel, float]] = []
        self.changes: list[tuple[MemberChange, float]] = []
        self.listed: list[ReadLevel] = []
        self.closed = 0
        self.pieces: list[bytes] = []

    @property
    def revision(self) -> int:
        """The last one."""
        return len(self.past) - 1

    @property
    def own_level(self) -> Level:
        return Level.LINEARIZABLE

    def saw(self, vector: VersionVector) -> None:
        raise Unimplemented

    def within(self, keyspace: KeyspaceRecord) -> Caller:
        raise Unimplemented

    def session(self, token: Token | None) -> Caller:
        return self

    def call_now(self, request: Request, level: ReadLevel) -> tuple[Result, Stamp] | None:
        return None

    @property
    def token(self) -> Token | None:
        return None

    async def call(self, request: Request, level: ReadLevel, timeout: float) -> tuple[Result, Stamp]:
        self.asked.append((request, level, timeout))
        result: Result
        if isinstance(request, Put):
            result = self._put(request)
        elif isinstance(request, Range):
            found = self._find(self.past[request.revision or -1], request.key, request.range_end)
            limited = found[: request.limit or None]
            result = RangeResult([] if request.count_only else limited, len(found) > len(limited), len(found))
        elif isinstance(request, DeleteRange):
            gone = self._find(self.past[-1], request.key, request.range_end)
            if gone:
                self.past.append({key: kv for key, kv in self.past[-1].items() if kv not in gone})
            result = DeleteRangeResult(len(gone), gone if request.previous else [])
        else:
            assert isinstance(request, Compact)
            result = CompactResult()
        return result, Stamp(1, 2, 3, self.revision, level)

    def _put(self, request: Put) -> PutResult:
        if not request.key:
            raise KeyNotProvided
        before = self.past[-1].get(request.key)
        revision = len(self.past)
        created, version = (before.create_revision, before.version + 1) if before else (revision, 1)
        kv = KeyValue(request.key, request.value, created, revision, version, request.lease)
        self.past.append(self.past[-1] | {request.key: kv})
        return PutResult(before if request.previous else None)

    @staticmethod
    def _find(store: dict[bytes, KeyValue], key: bytes, end: bytes) -> list[KeyValue]:
        if not end:
            return [store[key]] if key in store else []
        return [store[found] for found in sorted(store) if key <= found and (end == b"\0" or found < end)]

    @property
    def environment(self) -> Environment:
        raise AssertionError("the dictionary has no world")

    async def watch(self, spec: WatchSpec, timeout: float) -> Feed:
        raise Unimplemented

    async def watch_typed(self, spec: TypedWatch, timeout: float) -> TypedFeed:
        raise Unimplemented

    async def status(self, timeout: float) -> MemberStatus:
        return MemberStatus("3.6", 1, 1, 1, 2, 3, 4, 4, False, [], [])

    async def version(self, timeout: float) -> str:
        return "1.2.3"

    async def members(self, level: ReadLevel, timeout: float) -> list[MemberRecord]:
        self.listed.append(level)
        return [MemberRecord(2, "default", [], ["http://127.0.0.1:2379"])]

    async def status_of_each(self, everyone: bool, timeout: float) -> list[EndpointStatus]:
        return [EndpointStatus("everyone" if everyone else "memory", await self.status(timeout))]

    async def change_members(self, change: MemberChange, timeout: float) -> MemberRecord | None:
        self.changes.append((change, timeout))
        if not isinstance(change, AddMember):
            return None
        return MemberRecord(7, "", change.peer_urls, [], change.learner)

    async def backup(self, take: Callable[[bytes], Awaitable[None]], timeout: float) -> None:
        for piece in self.pieces:
            await take(piece)

    async def close(self) -> None:
        self.closed += 1
