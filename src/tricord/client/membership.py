# SPDX-License-Identifier: Apache-2.0
"""What the client knows of members: who they are, how each is, and changes of them. The same on tricord and on etcd."""

from __future__ import annotations

from collections.abc import Sequence

from tricord.base.levels import Level, ReadLevel
from tricord.base.members import MemberRecord, MemberStatus
from tricord.client.caller import Caller
from tricord.client.changes import (
    AddMember,
    EndpointStatus,
    MemberChange,
    MoveLeader,
    PromoteMember,
    RemoveMember,
    ReplaceMember,
    UpdateMember,
    full_urls,
)


class MembershipCalls:
    """The part of ``AsyncClient`` that asks about members and changes them.

    A change is refused with MembershipRefused, whose ``reason`` is stable; OutcomeUnknown alone says that it may have
    happened. Peer addresses are ``host:port`` or URLs.
    """

    _timeout: float
    _caller: Caller | None

    async def _open(self) -> Caller:
        raise NotImplementedError

    async def status(self, *, timeout: float | None = None) -> MemberStatus:
        """What the member that answers knows of itself."""
        caller = self._caller or await self._open()
        return await caller.status(self._timeout if timeout is None else timeout)

    async def status_of_each(self, *, everyone: bool = False, timeout: float | None = None) -> list[EndpointStatus]:
        """What each endpoint says of its member, all asked at once; with ``everyone``, each member that the cluster
        lists. One that does not answer has an error in its place."""
        caller = self._caller or await self._open()
        return await caller.status_of_each(everyone, self._timeout if timeout is None else timeout)

    async def members(
        self, *, at_least: ReadLevel = Level.LINEARIZABLE, timeout: float | None = None
    ) -> list[MemberRecord]:
        """The members of the cluster, as a majority knows them; with ``at_least=Level.ANY`` as the member that answers
        does, which needs no majority."""
        caller = self._caller or await self._open()
        return await caller.members(at_least, self._timeout if timeout is None else timeout)

    async def server_version(self, *, timeout: float | None = None) -> str:
        """tricord's version on the member that answers; empty when that is an etcd."""
        caller = self._caller or await self._open()
        return await caller.version(self._timeout if timeout is None else timeout)

    async def add_member(
        self, peer_urls: str | Sequence[str], *, learner: bool = False, timeout: float | None = None
    ) -> MemberRecord:
        """Let a new member in, by the addresses at which its peers will reach it; then start it. A learner has no vote
        until it is promoted."""
        record = await self._change(AddMember(full_urls(peer_urls), learner), timeout)
        assert record is not None
        return record

    async def remove_member(self, member: int, *, timeout: float | None = None) -> None:
        """Let a member go, for good: it cannot come back under this id."""
        await self._change(RemoveMember(member), timeout)

    async def promote_member(self, member: int, *, timeout: float | None = None) -> None:
        """Give a learner a vote. Reason ``learner_behind``: it has not caught up yet; try again."""
        await self._change(PromoteMember(member), timeout)

    async def update_member(self, member: int, peer_urls: str | Sequence[str], *, timeout: float | None = None) -> None:
        """Tell the cluster other peer addresses of a member."""
        await self._change(UpdateMember(member, full_urls(peer_urls)), timeout)

    async def replace_member(self, old: int, new: int, *, timeout: float | None = None) -> None:
        """One joint change: the learner ``new`` gets a vote and ``old`` leaves. Raises Unimplemented on etcd."""
        await self._change(ReplaceMember(old, new), timeout)

    async def move_leader(self, target: int = 0, *, timeout: float | None = None) -> None:
        """Hand the lead to ``target`` (0: to the follower that is furthest), whichever member is asked."""
        await self._change(MoveLeader(target), timeout)

    async def _change(self, change: MemberChange, timeout: float | None) -> MemberRecord | None:
        caller = self._caller or await self._open()
        return await caller.change_members(change, self._timeout if timeout is None else timeout)
