# SPDX-License-Identifier: Apache-2.0
"""The members as doors ask for them and change them. See ``Engine``.

A member that runs alone knows itself, keeps the lead, and refuses to change who the members are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tricord.base.context import Context
from tricord.base.errors import MembershipRefused, Unimplemented
from tricord.base.members import MemberRecord
from tricord.base.operations import Range

# The cheapest linearizable read: that it was answered shows that this member is up to date.
_ROUND = Range(b"\0", count_only=True)


class Membership:
    """What the engine says of members."""

    def __init__(
        self,
        ask: Callable[[Range, Context], Awaitable[Any]],
        members: Callable[[], list[MemberRecord]],
        member: int,
    ) -> None:
        self._ask = ask
        self._members = members
        self._member = member

    async def list_members(self, linearizable: bool) -> list[MemberRecord]:
        """See ``Engine``."""
        if linearizable:
            await self._ask(_ROUND, Context())
        return self._members()

    async def add_member(self, peer_urls: list[str], *, name: str = "", learner: bool = False) -> MemberRecord:
        """See ``Engine``."""
        raise Unimplemented("this member runs alone: no other can join it yet")

    async def remove_member(self, member: int) -> None:
        """See ``Engine``."""
        self._known(member)
        raise MembershipRefused("a cluster needs a voter", reason="last_voter")

    async def promote_member(self, member: int) -> None:
        """See ``Engine``."""
        self._known(member)
        raise MembershipRefused("the member is no learner", reason="not_a_learner")

    async def update_member(self, member: int, peer_urls: list[str]) -> None:
        """See ``Engine``."""
        self._known(member)
        raise Unimplemented("this member runs alone: it has no address for peers yet")

    async def replace_member(self, old: int, new: int) -> None:
        """See ``Engine``."""
        self._known(old)
        self._known(new)
        raise MembershipRefused("the member is no learner", reason="not_a_learner")

    async def move_leader(self, target: int) -> None:
        """See ``Engine``."""
        if target != self._member:
            raise MembershipRefused("no other member can lead", reason="bad_transferee")

    def _known(self, member: int) -> None:
        if member != self._member:
            raise MembershipRefused("no such member", reason="unknown_member")
