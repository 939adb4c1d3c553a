# SPDX-License-Identifier: Apache-2.0
"""What a client stands on: something that carries one request to a store and brings the result back.

There is one for a store behind a network (``remote``) and one for a store in this process (``tricord.embedded``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from tricord.base.dots import VersionVector
from tricord.base.environment import Environment
from tricord.base.keyspaces import KeyspaceRecord
from tricord.base.levels import Level, ReadLevel, Stamp
from tricord.base.members import MemberRecord, MemberStatus
from tricord.base.operations import Request, Result
from tricord.base.token import Token
from tricord.base.typed import TypedWatch
from tricord.base.watching import WatchSpec
from tricord.client.changes import EndpointStatus, MemberChange
from tricord.client.feed import Feed, TypedFeed


class Caller(Protocol):
    """Carries requests. Used on one loop. Raises TricordError and nothing else.

    Of a write, OutcomeUnknown alone says that it may have happened; every other error says that it did not.
    """

    async def call(self, request: Request, level: ReadLevel, timeout: float) -> tuple[Result, Stamp]:
        """Carry out ``request``; reads at least at ``level``; ``timeout`` in seconds."""

    def call_now(self, request: Request, level: ReadLevel) -> tuple[Result, Stamp] | None:
        """The answer, where it is at hand: a read of a store in this process that waits for nothing. Else None."""

    @property
    def environment(self) -> Environment:
        """Whose clock, randomness and tasks the recipes on top use."""

    @property
    def own_level(self) -> Level:
        """What reads get that ask for nothing else: what the keyspace's model promises."""

    def within(self, keyspace: KeyspaceRecord) -> Caller:
        """One that carries requests about that keyspace over the same connections; closing it leaves those open."""

    def session(self, token: Token | None) -> Caller:
        """One that remembers what it alone has seen, beginning with the token; closing it leaves this one open."""

    @property
    def token(self) -> Token | None:
        """What this one and those ``within`` it have seen, as far as their answers said."""

    def saw(self, vector: VersionVector) -> None:
        """A watch of this causal keyspace told all up to there: later calls see it too."""

    async def watch(self, spec: WatchSpec, timeout: float) -> Feed:
        """Make a watch on one member; ``timeout`` in seconds is for the making. Not tried again: its reader does."""

    async def watch_typed(self, spec: TypedWatch, timeout: float) -> TypedFeed:
        """Watch typed values on one member; ``timeout`` in seconds is for the making. Its reader tries again."""

    async def status(self, timeout: float) -> MemberStatus:
        """What the member that answers knows of itself."""

    async def status_of_each(self, everyone: bool, timeout: float) -> list[EndpointStatus]:
        """What each endpoint, or each member of the cluster, knows of itself; errors stand in place of statuses."""

    async def members(self, level: ReadLevel, timeout: float) -> list[MemberRecord]:
        """The members of the cluster: as a majority knows them, or at ANY as the member that answers does."""

    async def version(self, timeout: float) -> str:
        """tricord's version, as the member that answers has it; empty when it is an etcd."""

    async def change_members(self, change: MemberChange, timeout: float) -> MemberRecord | None:
        """Change who the members are, or who leads; the new member's record after AddMember."""

    async def backup(self, take: Callable[[bytes], Awaitable[None]], timeout: float) -> None:
        """Give the state of the member that answers to ``take``, piece by piece: an etcd database file and its SHA-256.

        ``timeout`` in seconds is for reaching a member. Not tried again.
        """

    async def close(self) -> None:
        """Give up what it holds. Calls under way fail. Closing twice is fine."""


Opener: TypeAlias = Callable[[], Awaitable[Caller]]
"""Makes the caller when the client is first used, on the loop it is used on."""
