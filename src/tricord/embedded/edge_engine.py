# SPDX-License-Identifier: Apache-2.0
"""What answers at an edge: the part of a member's engine that needs no cluster, for the embedded client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn, Protocol

from tricord.base.context import Context
from tricord.base.edges import EdgeStatus
from tricord.base.environment import Environment
from tricord.base.errors import NotOfThisModel, ReplicaCatchingUp, TricordError
from tricord.base.export import Export, ExportForm
from tricord.base.keyspaces import (
    DEFAULT_KEYSPACE,
    KeyspaceCreate,
    KeyspaceCreateResult,
    KeyspaceDrop,
    KeyspaceDropResult,
    KeyspaceList,
    KeyspaceListResult,
    KeyspaceRecord,
    Model,
)
from tricord.base.levels import Level, Stamp
from tricord.base.members import MemberRecord, MemberStatus
from tricord.base.operations import Request, Result
from tricord.base.replica_sets import KeyspaceDescribe, KeyspaceDescribeResult, ReplicaSet
from tricord.base.typed import TypedStream
from tricord.base.values import DataType
from tricord.base.version import __version__
from tricord.base.watching import WatchStream
from tricord.server.engine import Outcome
from tricord.server.replicas.requests import ReplicaRequests

AGAIN_SECONDS = 0.02
"""How often is looked whether a replica that is made anew is there again."""
_NO_STAMP = Stamp(0, 0, 0, 0, Level.ANY, None)


class Keyspaces(Protocol):
    """The edge behind the engine."""

    @property
    def records(self) -> list[KeyspaceRecord]:
        """All keyspaces."""

    def find_record(self, name: str) -> KeyspaceRecord:
        """Raises KeyspaceNotFound, and whatever keeps the keyspace from being used."""

    async def create(self, name: str, model: Model, kind: DataType | None) -> KeyspaceRecord:
        """Hold one."""

    async def drop(self, name: str) -> KeyspaceRecord:
        """Give one up."""

    def status(self) -> EdgeStatus:
        """Of now."""


class EdgeEngine:
    """See ``server.engine.Engine``; what only members do is refused as NotOfThisModel."""

    def __init__(self, environment: Environment, keyspaces: Keyspaces, requests: ReplicaRequests) -> None:
        self._clock = environment.clock
        self._keyspaces = keyspaces
        self._requests = requests

    async def ask(self, request: Request, context: Context) -> tuple[Result, Stamp]:
        """See ``Engine``."""
        if isinstance(request, KeyspaceCreate | KeyspaceDrop | KeyspaceList | KeyspaceDescribe):
            return await self._catalogue(request), _NO_STAMP
        while True:
            try:
                return await self._ask(self._record(context.keyspace), request, context)
            except ReplicaCatchingUp:
                # Nothing was done: its number was just given, or another replica's state is being taken over.
                if context.deadline is not None and self._clock.monotonic() + AGAIN_SECONDS > context.deadline:
                    raise
                await asyncio.sleep(AGAIN_SECONDS)

    async def _ask(self, record: KeyspaceRecord, request: Request, context: Context) -> tuple[Result, Stamp]:
        answered: asyncio.Future[tuple[Outcome, Stamp]] = asyncio.get_running_loop().create_future()

        def reply(outcome: Outcome, stamp: Stamp) -> None:
            if not answered.done():
                answered.set_result((outcome, stamp))

        self._requests.call(record, request, context, reply)
        try:
            outcome, stamp = await answered
        except asyncio.CancelledError:
            context.cancel()
            raise
        if isinstance(outcome, TricordError):
            raise outcome
        assert not hasattr(outcome, "data"), "nothing is encoded for a caller in the same process"
        return outcome, stamp

    def read_now(self, request: Request, context: Context) -> tuple[Result, Stamp] | None:
        """See ``MemberEngine.read_now``."""
        try:
            return self._requests.read_now(self._record(context.keyspace), request, context)
        except ReplicaCatchingUp:
            return None

    def open_watch(self, context: Context, wake: Callable[[], None]) -> WatchStream:
        """See ``Engine``."""
        return self._requests.open_watch(self._record(context.keyspace), context, wake)

    def open_typed_watch(self, context: Context, wake: Callable[[], None]) -> TypedStream:
        """See ``Engine``."""
        return self._requests.open_typed_watch(self._record(context.keyspace), context, wake)

    def stamp(self, keyspace: str = DEFAULT_KEYSPACE) -> Stamp:
        """See ``Engine``."""
        try:
            return self._requests.stamp(self._record(keyspace))
        except TricordError:
            return _NO_STAMP

    def keyspace(self, name: str) -> KeyspaceRecord | None:
        """See ``Engine``."""
        return next((record for record in self._keyspaces.records if record.name == name), None)

    def status(self) -> MemberStatus:
        """See ``Engine``: what an edge knows of itself is in ``edge``."""
        return MemberStatus(__version__, 0, 0, 0, 0, 0, 0, 0, False, [], [], edge=self._keyspaces.status())

    # --- what only members do -------------------------------------------------------------------------------

    async def list_members(self, linearizable: bool) -> list[MemberRecord]:
        """See ``Engine``."""
        _not_here()

    async def add_member(self, peer_urls: list[str], *, name: str = "", learner: bool = False) -> MemberRecord:
        """See ``Engine``."""
        _not_here()

    async def remove_member(self, member: int) -> None:
        """See ``Engine``."""
        _not_here()

    async def promote_member(self, member: int) -> None:
        """See ``Engine``."""
        _not_here()

    async def update_member(self, member: int, peer_urls: list[str]) -> None:
        """See ``Engine``."""
        _not_here()

    async def replace_member(self, old: int, new: int) -> None:
        """See ``Engine``."""
        _not_here()

    async def move_leader(self, target: int) -> None:
        """See ``Engine``."""
        _not_here()

    async def open_snapshot(self, form: ExportForm) -> Export:
        """See ``Engine``."""
        _not_here()

    # --- inner ----------------------------------------------------------------------------------------------

    def _record(self, name: str) -> KeyspaceRecord:
        if name == DEFAULT_KEYSPACE:
            raise NotOfThisModel(
                "the default keyspace is strong, and an edge holds causal and eventual ones:"
                " store.keyspace(name, model=...); for strong ones use tricord.connect"
            )
        return self._keyspaces.find_record(name)

    async def _catalogue(
        self, request: KeyspaceCreate | KeyspaceDrop | KeyspaceList | KeyspaceDescribe
    ) -> KeyspaceCreateResult | KeyspaceDropResult | KeyspaceListResult | KeyspaceDescribeResult:
        if isinstance(request, KeyspaceCreate):
            return KeyspaceCreateResult(await self._keyspaces.create(request.name, request.model, request.type))
        if isinstance(request, KeyspaceDrop):
            return KeyspaceDropResult(await self._keyspaces.drop(request.name))
        if isinstance(request, KeyspaceList):
            return KeyspaceListResult(self._keyspaces.records)
        return KeyspaceDescribeResult(self._keyspaces.find_record(request.name), ReplicaSet())


def _not_here() -> NoReturn:
    raise NotOfThisModel("an edge is no member and knows none: use tricord.connect")
