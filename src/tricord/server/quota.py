# SPDX-License-Identifier: Apache-2.0
"""Keeps this member's NOSPACE alarm true: raised when its store passed the quota or a disk is full, cleared when there
is room again.

The member refuses writes that grow the store at once, by itself; the alarm makes all members refuse them, since what
one of them cannot store it cannot follow. It is cleared well below the quota, so that a store at its edge does not
flap. An alarm that a person raised stays until a person clears it. The leader clears what members that left had raised.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from tricord.base.alarms import AlarmChange, AlarmKind
from tricord.base.context import Context
from tricord.base.environment import Environment
from tricord.base.errors import TricordError
from tricord.base.membership import Configuration
from tricord.server.telling import Tells
from tricord.statemachine.alarms import Alarms

CLEAR_PART = 0.8
"""The alarm is cleared when no more of the quota than this is in use."""
PATIENCE_SECONDS = 2.0
AGAIN_SECONDS = 0.5
"""So long after an attempt the next one may come: one that failed, or one that an operator undid."""


class Space(Protocol):
    """The member as the quota sees it."""

    def refuses_growth(self) -> str:
        """Why it has no room now; empty when it has."""

    def used_bytes(self) -> int:
        """What its store takes, with what is on its way there."""

    def can_log(self) -> bool:
        """Whether a change of alarms can be decided while this member's own log may be full."""


class KnowsMembers(Protocol):
    """The replica as the quota sees it."""

    @property
    def configuration(self) -> Configuration:
        """The one in force."""

    @property
    def is_leader(self) -> bool:
        """Whether this member leads."""


def wanted(member: int, alarms: Alarms, *, why_full: str, used: int, quota: int) -> bool | None:
    """Whether the member's alarm is to be raised (True), cleared (False) or left as it is (None)."""
    automatic = alarms.get((member, AlarmKind.NOSPACE))
    if automatic is None:
        return True if why_full else None
    return False if automatic and not why_full and used <= quota * CLEAR_PART else None


class Quota:
    """Looks now and then, and asks for one change at a time."""

    def __init__(
        self,
        environment: Environment,
        member: int,
        quota_bytes: int,
        space: Space,
        replica: KnowsMembers,
        alarms: Callable[[], Alarms],
        ask: Callable[[AlarmChange, Context], Awaitable[Any]],
        tells: Tells,
    ) -> None:
        self._clock = environment.clock
        self._tasks = environment.tasks
        self._member = member
        self._quota_bytes = quota_bytes
        self._space = space
        self._replica = replica
        self._alarms = alarms
        self._ask = ask
        self._tells = tells
        self._asking = False
        self._not_before = 0.0

    def look(self) -> None:
        """Called at times. Cheap."""
        if self._asking or self._clock.monotonic() < self._not_before:
            return
        change = self._change()
        if change is not None and self._space.can_log():
            self._asking = True
            self._tasks.spawn(self._carry_out(change), "an alarm")

    def _change(self) -> AlarmChange | None:
        alarms, why_full = self._alarms(), self._space.refuses_growth()
        if not alarms and not why_full:
            return None
        raised = wanted(self._member, alarms, why_full=why_full, used=self._space.used_bytes(), quota=self._quota_bytes)
        if raised is not None:
            return AlarmChange(self._member, AlarmKind.NOSPACE, raised, automatic=True)
        if self._replica.is_leader:
            members = self._replica.configuration.members()
            for (member, kind), automatic in alarms.items():
                if automatic and member and member not in members:
                    return AlarmChange(member, kind, False, automatic=True)
        return None

    async def _carry_out(self, change: AlarmChange) -> None:
        try:
            now = self._clock.monotonic()
            await self._ask(change, Context(deadline=now + PATIENCE_SECONDS))
        except TricordError:
            pass  # nobody leads, or this member stops
        else:
            member = f"{change.member:x}"
            if change.raised:
                self._tells.warning("alarm NOSPACE raised", member=member, why=self._space.refuses_growth())
            else:
                self._tells.info("alarm NOSPACE cleared", member=member)
        self._not_before = self._clock.monotonic() + AGAIN_SECONDS
        self._asking = False
