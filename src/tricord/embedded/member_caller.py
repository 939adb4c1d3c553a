# SPDX-License-Identifier: Apache-2.0
"""The caller over a member in this process: requests go to its engine as records, nothing is encoded for a wire."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import TYPE_CHECKING
from weakref import WeakSet

from tricord.base.context import Context
from tricord.base.dots import VersionVector
from tricord.base.environment import Environment
from tricord.base.errors import Cancelled, StorageError
from tricord.base.keyspaces import DEFAULT_RECORD, OWN_LEVEL, KeyspaceRecord, Model, check_backup_of
from tricord.base.levels import Level, ReadLevel, Stamp
from tricord.base.members import MemberRecord, MemberStatus
from tricord.base.operations import Request, Result
from tricord.base.token import Token
from tricord.base.typed import TypedWatch
from tricord.base.version import __version__
from tricord.base.watching import WatchSpec
from tricord.client.caller import Caller
from tricord.client.changes import (
    AddMember,
    EndpointStatus,
    MemberChange,
    PromoteMember,
    RemoveMember,
    ReplaceMember,
    UpdateMember,
)
from tricord.client.feed import Feed, TypedFeed
from tricord.client.session import Session
from tricord.embedded.location import MEMORY
from tricord.embedded.memory_world import memory_world
from tricord.runtime import close_environment, open_environment
from tricord.server.configuration import Configuration
from tricord.server.member import Member
from tricord.wire.etcd.bolt_state import etcd_database

if TYPE_CHECKING:
    from tricord.embedded.edge import Edge
    from tricord.embedded.member_feed import MemberFeed
    from tricord.embedded.member_typed_feed import MemberTypedFeed

MEMORY_SEGMENT_BYTES = 8 << 20
"""The log's files in memory are small: what is cut off is given back sooner."""
BACKUP_PIECE_BYTES = 1 << 20


class MemberCaller:
    """See ``client.caller``. It owns the member, or the edge."""

    def __init__(self, member: Member | Edge, environment: Environment, *, owns_environment: bool) -> None:
        self._member = member
        self._engine = member.engine
        self._environment = environment
        self._owns_environment = owns_environment
        self._clock = environment.clock
        self._feeds: WeakSet[MemberFeed | MemberTypedFeed] = WeakSet()
        self._closed = False
        self._base: MemberCaller = self
        self._session = Session()
        self._record = DEFAULT_RECORD
        self._given = b""
        """The token that a session began with: what this member answered, it still has."""
        self._here = self._context()
        """Of reads that are answered at once."""

    def _context(self) -> Context:
        record = self._record
        return Context(record.name, token=self._given, level_named=record.model is not Model.STRONG)

    @property
    def own_level(self) -> Level:
        return OWN_LEVEL[self._record.model]

    def within(self, keyspace: KeyspaceRecord) -> Caller:
        bound = self._copied()
        bound._record = keyspace
        bound._here = bound._context()
        return bound

    def session(self, token: Token | None) -> Caller:
        own = self._copied()
        own._session = Session(token)
        own._given = b"" if token is None else token.encode()
        own._here = own._context()
        return own

    def _copied(self) -> MemberCaller:
        copied = copy.copy(self)
        copied._feeds = WeakSet()
        return copied

    @property
    def token(self) -> Token | None:
        return self._session.token

    def saw(self, vector: VersionVector) -> None:
        # The engine has all that its watch told, and knows the keyspace's id, which an edge may have from later on.
        self._session.note(self._engine.stamp(self._record.name))

    @property
    def environment(self) -> Environment:
        return self._environment

    async def watch(self, spec: WatchSpec, timeout: float) -> Feed:
        from tricord.embedded.member_feed import MemberFeed

        if self._closed or self._base._closed:
            raise Cancelled("the store was closed")
        feed = MemberFeed(self._engine, spec, self._record.name)
        self._feeds.add(feed)
        self._base._feeds.add(feed)
        return feed

    async def watch_typed(self, spec: TypedWatch, timeout: float) -> TypedFeed:
        from tricord.embedded.member_typed_feed import MemberTypedFeed

        if self._closed or self._base._closed:
            raise Cancelled("the store was closed")
        context = self._context()
        context.level = self.own_level
        feed = MemberTypedFeed(self._engine, spec, context)
        self._feeds.add(feed)
        self._base._feeds.add(feed)
        return feed

    async def call(self, request: Request, level: ReadLevel, timeout: float) -> tuple[Result, Stamp]:
        if self._closed or self._base._closed:
            raise Cancelled("the store was closed")
        context = self._context()
        context.level, context.deadline = level, self._clock.monotonic() + timeout
        answer = await self._engine.ask(request, context)
        self._session.note(answer[1])
        return answer

    def call_now(self, request: Request, level: ReadLevel) -> tuple[Result, Stamp] | None:
        if self._closed or self._base._closed:
            raise Cancelled("the store was closed")
        here = self._here
        here.level = level
        answer = self._engine.read_now(request, here)
        if answer is not None:
            self._session.note(answer[1])
        return answer

    async def status(self, timeout: float) -> MemberStatus:
        stamp = self._engine.stamp()
        return dataclasses.replace(self._engine.status(), member=stamp.member, revision=stamp.revision)

    async def status_of_each(self, everyone: bool, timeout: float) -> list[EndpointStatus]:
        return [EndpointStatus("embedded", await self.status(timeout))]

    async def members(self, level: ReadLevel, timeout: float) -> list[MemberRecord]:
        return await self._engine.list_members(level is not Level.ANY)

    async def version(self, timeout: float) -> str:
        return __version__

    async def change_members(self, change: MemberChange, timeout: float) -> MemberRecord | None:
        engine = self._engine
        if isinstance(change, AddMember):
            return await engine.add_member(change.peer_urls, learner=change.learner)
        if isinstance(change, RemoveMember):
            await engine.remove_member(change.id)
        elif isinstance(change, PromoteMember):
            await engine.promote_member(change.id)
        elif isinstance(change, UpdateMember):
            await engine.update_member(change.id, change.peer_urls)
        elif isinstance(change, ReplaceMember):
            await engine.replace_member(change.old, change.new)
        else:
            await engine.move_leader(change.target)
        return None

    async def backup(self, take: Callable[[bytes], Awaitable[None]], timeout: float) -> None:
        if self._closed:
            raise Cancelled("the store was closed")
        check_backup_of(self._record)
        export = await self._engine.open_snapshot(etcd_database)
        digest = sha256()
        try:
            for start in range(0, export.size, BACKUP_PIECE_BYTES):
                piece = await export.read(start, BACKUP_PIECE_BYTES)
                digest.update(piece)
                await take(piece)
        finally:
            export.close()
        await take(digest.digest())

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for feed in list(self._feeds):
            feed.close()
        if self._base is not self:
            return
        try:
            await self._member.stop()
        finally:
            if self._owns_environment:
                close_environment(self._environment)


async def start(location: str, quota_bytes: int | None, given: Environment | None) -> MemberCaller:
    """Start a member on ``location``; return when it serves. Raises StorageError, ConfigurationError."""
    in_memory = location == MEMORY
    environment = given if given is not None else memory_world() if in_memory else open_environment()
    configuration = Configuration(name="embedded", data_dir="memory" if in_memory else location)
    if in_memory:
        configuration = dataclasses.replace(configuration, segment_bytes=MEMORY_SEGMENT_BYTES)
    if quota_bytes is not None:
        configuration = dataclasses.replace(configuration, quota_bytes=quota_bytes)
    try:
        try:
            member = Member(environment, configuration)
            await member.start()
        except OSError as error:
            raise StorageError(f"{location}: {error.strerror or error}") from error
    except BaseException:
        if given is None:
            close_environment(environment)
        raise
    return MemberCaller(member, environment, owns_environment=given is None)
