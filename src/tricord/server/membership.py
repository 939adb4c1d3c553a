# SPDX-License-Identifier: Apache-2.0
"""The members as doors ask for them and change them. See ``Engine``.

Only the leader decides on a change; another member passes the call on to it, and answers when the change is applied
here too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from tricord.base.context import Context
from tricord.base.errors import MembershipRefused, NoLeader, OutcomeUnknown, TricordError
from tricord.base.members import MemberInfo, MemberRecord, encode_member_info
from tricord.base.membership import (
    AddLearner,
    AddVoter,
    Change,
    Configuration,
    Promote,
    Remove,
    UpdateInfo,
)
from tricord.base.operations import Range
from tricord.server import membership_rules as rules
from tricord.server.leader_calls import LeaderAnswer, LeaderCall, raise_for, refusing

# The cheapest linearizable read: that it was answered shows that this member is up to date.
_ROUND = Range(b"\0", count_only=True)
CHANGE_SECONDS = 7.0
"""How long a change may take. It needs a majority, twice."""
RETRY_SECONDS = 0.05
PENDING_RETRIES = 20


class Cluster(Protocol):
    """The member behind the calls."""

    @property
    def configuration(self) -> Configuration:
        """The one in force here."""

    client_urls: list[str]
    """Where clients can dial this member."""
    is_learner: bool
    """Whether this member has no vote, and so answers nothing that needs the newest state."""

    @property
    def leader(self) -> int:
        """Who leads, as far as this member knows (0: nobody)."""

    def is_active(self, member: int) -> bool:
        """Whether the member was heard of within an election timeout, or is this one."""

    def is_steady(self, member: int) -> bool:
        """Whether it is active, and was connected for as long as the configuration asks before it may be counted on."""

    def change(self, ticket: int, changes: list[Change]) -> None:
        """Begin a change; ``Membership`` hears of its end."""

    def transfer(self, ticket: int, target: int) -> None:
        """Begin a transfer of the lead; ``Membership`` hears of its end."""

    def new_member_id(self) -> int:
        """An id that nobody ever had."""

    async def call_leader(self, call: LeaderCall) -> LeaderAnswer:
        """Ask the leader, another member. Raises NoLeader (it was not asked), OutcomeUnknown."""

    async def until_led(self) -> None:
        """Return when this member knows a leader."""


class Membership:
    """What the engine says of members and does to them."""

    def __init__(
        self,
        member: int,
        cluster: Cluster,
        ask: Callable[[Range, Context], Awaitable[Any]],
        new_ticket: Callable[[], int],
    ) -> None:
        self._member = member
        self._cluster = cluster
        self._ask = ask
        self._new_ticket = new_ticket
        self.learners_max = 1
        self.strict = True
        """Whether changes are refused that would leave too few members that live."""
        self._waiting: dict[int, asyncio.Future[None]] = {}

    def members(self) -> list[MemberRecord]:
        """See ``Engine``."""
        # Of itself a member knows better: it may not have got to publish it.
        own, urls = self._member, self._cluster.client_urls
        return [
            MemberRecord(record.id, record.name, record.peer_urls, list(urls), record.is_learner)
            if record.id == own
            else record
            for record in rules.records(self._cluster.configuration)
        ]

    async def list_members(self, linearizable: bool) -> list[MemberRecord]:
        """See ``Engine``."""
        if linearizable:
            await self._ask(_ROUND, Context())
        return self.members()

    async def add_member(self, peer_urls: list[str], *, name: str = "", learner: bool = False) -> MemberRecord:
        """See ``Engine``."""
        answer = await self._do(LeaderCall("add_member", peer_urls=peer_urls, name=name, learner=learner))
        return MemberRecord(answer.member, name, peer_urls, [], learner)

    async def remove_member(self, member: int) -> None:
        """See ``Engine``."""
        await self._do(LeaderCall("remove_member", member))

    async def promote_member(self, member: int) -> None:
        """See ``Engine``."""
        await self._do(LeaderCall("promote_member", member))

    async def update_member(self, member: int, peer_urls: list[str]) -> None:
        """See ``Engine``."""
        await self._do(LeaderCall("update_member", member, peer_urls=peer_urls))

    async def replace_member(self, old: int, new: int) -> None:
        """See ``Engine``."""
        await self._do(LeaderCall("replace_member", old, new))

    async def publish(self, member: int, info: MemberInfo) -> None:
        """Put what is true of the member into the configuration. Raises as the changes do."""
        await self._do(LeaderCall("publish", member, info=encode_member_info(info)))

    async def move_leader(self, target: int) -> None:
        """See ``Engine``."""
        configuration = self._cluster.configuration
        if self._cluster.leader != self._member:
            raise MembershipRefused("this member does not lead", reason="not_leader")
        if target == self._member:
            return
        others = [voter for voter in configuration.voters if voter != self._member]
        if (target and target not in others) or not others:
            raise MembershipRefused("no such member can lead", reason="bad_transferee")
        try:
            async with asyncio.timeout(CHANGE_SECONDS):
                await self._end_of(lambda ticket: self._cluster.transfer(ticket, target))
        except TimeoutError:
            # Cut off in the midst of it, this member hears of no leader any more.
            text = f"no leader was known within {CHANGE_SECONDS:g} s"
            raise MembershipRefused(text, reason="transfer_failed") from None

    async def answer(self, call: LeaderCall) -> LeaderAnswer:
        """Do what another member asked for. Never raises a TricordError."""
        try:
            if self._cluster.leader != self._member:
                raise NoLeader("the member that was asked does not lead")
            return await self._decide(call)
        except TricordError as error:
            return refusing(error)

    def ended(self, ticket: int) -> None:
        """A change of this member is in force, or its transfer worked."""
        waiting = self._waiting.pop(ticket, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def dropped(self, ticket: int, error: TricordError) -> None:
        """A change or transfer failed, or nobody can say."""
        waiting = self._waiting.pop(ticket, None)
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)

    def stop(self) -> None:
        """Answer those that wait."""
        for ticket in list(self._waiting):
            self.dropped(ticket, OutcomeUnknown())

    async def _do(self, call: LeaderCall) -> LeaderAnswer:
        try:
            async with asyncio.timeout(CHANGE_SECONDS):
                return await self._do_somewhere(call)
        except TimeoutError:
            raise OutcomeUnknown(f"no answer within {CHANGE_SECONDS} s") from None

    async def _do_somewhere(self, call: LeaderCall) -> LeaderAnswer:
        patience = PENDING_RETRIES
        while True:
            await self._cluster.until_led()
            try:
                if self._cluster.leader == self._member:
                    return await self._decide(call)
                answer = await self._cluster.call_leader(call)
                raise_for(answer)
            except NoLeader:
                # It did nothing; the election ends soon.
                await asyncio.sleep(RETRY_SECONDS)
                continue
            except MembershipRefused as refusal:
                # The change under way may be a member's own, that published its addresses: it takes a moment.
                if refusal.reason not in ("change_pending", "transferring") or not patience:
                    raise
                patience -= 1
                await asyncio.sleep(RETRY_SECONDS)
                continue
            await self._catch_up()
            return answer

    async def _catch_up(self) -> None:
        """The change is in the leader's state: a read behind it finds it here. It is done even where the read fails,
        as with the member that was removed: an error would say that it is not."""
        try:
            await self._ask(_ROUND, Context())
        except TricordError:
            return

    async def _decide(self, call: LeaderCall) -> LeaderAnswer:
        """On the leader: check, then change."""
        cluster = self._cluster
        configuration, is_active, is_steady = cluster.configuration, cluster.is_active, cluster.is_steady
        added = 0
        changes: list[Change]
        if call.operation == "add_member":
            added = cluster.new_member_id()
            info = encode_member_info(MemberInfo(call.name, call.peer_urls, []))
            if self.strict:
                (rules.check_add_learner if call.learner else rules.check_add_voter)(configuration, is_steady)
            # In etcd's order: a cluster that is not well says so first, one that is full last.
            rules.check_urls(configuration, call.peer_urls)
            if call.learner:
                rules.check_room_for_learner(configuration, self.learners_max)
            changes = [AddLearner(added, info) if call.learner else AddVoter(added, info)]
        elif call.operation == "remove_member":
            if self.strict:
                rules.check_remove(configuration, call.member, is_active, is_steady)
            else:
                rules.check_is_not_last(configuration, call.member)
            changes = [Remove(call.member)]
        elif call.operation == "promote_member":
            rules.check_is_learner(configuration, call.member)
            if self.strict:
                rules.check_promote(configuration, call.member)
            changes = [Promote(call.member)]
        elif call.operation == "replace_member":
            rules.check_replace(configuration, call.member, call.other, is_active)
            changes = [Promote(call.other), Remove(call.member)]
        elif call.operation == "update_member":
            rules.check_known(configuration, call.member)
            rules.check_urls(configuration, call.peer_urls, but=call.member)
            known = rules.member_info(configuration, call.member)
            if known.peer_urls == call.peer_urls:
                return LeaderAnswer()
            known = MemberInfo(known.name, call.peer_urls, known.client_urls, known.incarnation)
            changes = [UpdateInfo(call.member, encode_member_info(known))]
        elif call.operation == "publish":
            rules.check_known(configuration, call.member)
            changes = [UpdateInfo(call.member, call.info)]
        else:
            raise MembershipRefused(f"{call.operation} is not known to this version", reason="unknown_operation")
        await self._end_of(lambda ticket: cluster.change(ticket, changes))
        return LeaderAnswer(member=added)

    async def _end_of(self, begin: Callable[[int], None]) -> None:
        ticket = self._new_ticket()
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = waiting
        begin(ticket)
        try:
            await waiting
        finally:
            self._waiting.pop(ticket, None)
