# SPDX-License-Identifier: Apache-2.0
"""A member is replaced: learner first; when it has caught up, the swap. One joint change on tricord, promote and remove
on etcd.

Whoever runs it may be interrupted anywhere: what was done is seen in the list of members, and another run goes on from
there. Progress goes to stderr.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tricord.base.errors import DeadlineExceeded, MembershipRefused, NoLeader, OutcomeUnknown, TricordError, Unavailable
from tricord.base.members import MemberRecord, MemberStatus
from tricord.cli.joining import command_to_start
from tricord.cli.naming import called, find_member
from tricord.cli.replacement_plan import Plan, make_plan
from tricord.client.asynchronous import AsyncClient

LOOK_SECONDS = 0.5
"""How often the new member is looked at while it catches up."""
NEAR_ENTRIES = 1000
"""How far behind the leader the new member may be when the swap is tried; the cluster itself judges exactly."""
NEW_LEADER_SECONDS = 5.0
"""A new leader has not heard of everybody yet, and calls the cluster unhealthy."""
PASSING = ("learner_behind", "change_pending", "transferring", "not_ready", "not_leader", "unhealthy")
"""Refusals that may go away by themselves."""


def say(text: str) -> None:
    """One line of progress."""
    print(text, file=sys.stderr, flush=True)


@dataclass
class Replacement:
    """One replacement, from the list of members to the list of members."""

    client: AsyncClient
    old: str
    name: str
    peer_urls: list[str]
    patience: float
    joint: bool = True

    async def is_done(self) -> bool:
        """Whether the new one votes and the old one is gone. Raises MembershipRefused when neither is there."""
        members = await self.client.members()
        new = self._new(members)
        if find_member(members, self.old) is not None:
            return False
        if new is None:
            names = ", ".join(called(member) for member in members)
            raise MembershipRefused(f"no member is called {self.old!r}; there are {names}", reason="unknown_member")
        if not new.is_learner:
            say(f"{self.old} was replaced by {self.name} already")
        return not new.is_learner

    async def plan(self) -> Plan:
        """The steps and the judgement, as the cluster is now."""
        members = await self.client.members()
        old = self._old(members)
        if old.is_learner:
            raise MembershipRefused(f"{called(old)} is a learner: remove it, and add another", reason="not_a_voter")
        new = self._new(members)
        taken = find_member(members, self.name)
        if taken is not None and taken is not new:
            raise MembershipRefused(f"there is a member called {self.name!r} already", reason="known_member")
        self.joint = bool(await self.client.server_version())
        voters = [member for member in members if not member.is_learner and member is not new]
        statuses = await self._statuses()
        healthy = [member.id for member in voters if (found := statuses.get(member.id)) is not None and found.leader]
        names = {member.id: called(member) for member in voters}
        return make_plan(names, healthy, old.id, self.name, joint=self.joint)

    async def judged_plan(self) -> Plan | None:
        """As ``plan``, where it may be carried out; None where the old one left already. Raises MembershipRefused."""
        if find_member(await self.client.members(), self.old) is None:
            return None
        planned = await self.plan()
        if planned.refusal:
            raise MembershipRefused(planned.refusal, reason="unhealthy")
        return planned

    async def carry_out(self) -> None:
        """Every step that is not done yet."""
        planned = await self.judged_plan()
        if planned is not None and planned.removes_first:
            await self._repeat(lambda: self.client.remove_member(planned.old), planned.old)
            say(f"{self.old} is no member any more")
        members = await self.client.members()
        new = self._new(members)
        if new is None:
            new = await self.client.add_member(self.peer_urls, learner=True)
            members = await self.client.members()
            say(f"{self.name} is in, as a learner ({new.id:x})")
        if not new.client_urls:
            say(f"start it, if it does not run yet:\n\n  {command_to_start(members, new, self.name)}\n")
        if new.is_learner:
            await self._catch_up(new)
        await self._swap(new)
        say(f"{self.name} votes in the place of {self.old}; {self.old} may be switched off")

    async def _catch_up(self, new: MemberRecord) -> None:
        """Wait until the learner is near the leader, and show how far it is."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.patience
        shown = ""
        while True:
            text, near = await self._progress(new)
            if text != shown:
                say(f"  {self.name}: {text}")
                shown = text
            if near:
                return
            if loop.time() > deadline:
                text = f"{self.name} has not caught up in {self.patience:g} s ({text}); it stays a learner: try again"
                raise DeadlineExceeded(text)
            await asyncio.sleep(LOOK_SECONDS)

    async def _progress(self, new: MemberRecord) -> tuple[str, bool]:
        try:
            statuses = await self._statuses()
        except Unavailable as error:
            return str(error), False
        found = statuses.get(new.id)
        if found is None:
            return "not started yet, or out of reach", False
        furthest = max(status.raft_index for status in statuses.values())
        behind = max(0, furthest - found.raft_applied_index)
        if not found.leader or not found.raft_applied_index:
            return "started", False
        return f"{found.raft_applied_index:,} of {furthest:,} entries", behind <= NEAR_ENTRIES

    async def _swap(self, new: MemberRecord) -> None:
        """Give the new one its vote, and let the old one go if it is there. Judged anew: time has passed."""
        planned = await self.judged_plan()
        if planned is None:
            await self._repeat(lambda: self._promote(new), 0)
            return
        old = planned.old
        await self._take_the_lead_from(old)
        if self.joint:
            await self._repeat(lambda: self.client.replace_member(old, new.id), old)
        else:
            await self._repeat(lambda: self._promote(new), 0)
            await self._repeat(lambda: self.client.remove_member(old), old)

    async def _promote(self, new: MemberRecord) -> None:
        now = find_member(await self.client.members(), f"{new.id:x}")
        if now is not None and now.is_learner:
            await self.client.promote_member(new.id)
            say(f"  {self.name} votes")

    async def _repeat(self, change: Callable[[], Awaitable[None]], leaving: int) -> None:
        """Try while the cluster says that the learner is behind, or that it has other things to do. A lost answer,
        maybe of the very member that left, is made good by a look at who is there."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while True:
            try:
                await change()
                return
            except OutcomeUnknown:
                if leaving and leaving not in [member.id for member in await self.client.members()]:
                    return
                if loop.time() - begun > self.patience:
                    raise
            except (MembershipRefused, NoLeader) as error:
                reason = error.reason if isinstance(error, MembershipRefused) else "not_leader"
                patience = NEW_LEADER_SECONDS if reason == "unhealthy" else self.patience
                if reason not in PASSING or loop.time() - begun > patience:
                    raise
            await asyncio.sleep(LOOK_SECONDS)

    async def _take_the_lead_from(self, old: int) -> None:
        """A leader that leaves costs an election, a lead that was handed over does not."""
        if (await self.client.status()).leader != old:
            return
        try:
            await self.client.move_leader()
            say(f"  {self.old} handed the lead over")
        except TricordError as error:
            say(f"  {self.old} keeps the lead until it leaves: {error}")

    async def _statuses(self) -> dict[int, MemberStatus]:
        answers = await self.client.status_of_each(everyone=True)
        return {answer.status.member: answer.status for answer in answers if answer.status is not None}

    def _old(self, members: list[MemberRecord]) -> MemberRecord:
        old = find_member(members, self.old)
        if old is None:
            raise MembershipRefused(f"{self.old} left meanwhile", reason="unknown_member")
        return old

    def _new(self, members: list[MemberRecord]) -> MemberRecord | None:
        """The new member, where it was let in already: it is known by its peer addresses."""
        return next((member for member in members if set(member.peer_urls) == set(self.peer_urls)), None)
