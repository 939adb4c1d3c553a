# SPDX-License-Identifier: Apache-2.0
"""The part of an engine that knows the members, by a list: it keeps what it was asked, and refuses when told to."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.api.scripted_maintenance import ScriptedMaintenance
from tricord.base.errors import TricordError
from tricord.base.members import MemberRecord


def two_members() -> list[MemberRecord]:
    """One that leads and a learner that never joined."""
    return [
        MemberRecord(22, "one", ["http://127.0.0.1:2380"], ["http://127.0.0.1:2379"]),
        MemberRecord(33, "", ["http://127.0.0.1:2480"], [], is_learner=True),
    ]


@dataclass(kw_only=True)
class ScriptedMembership(ScriptedMaintenance):
    """``changes`` holds each call as (name, arguments ...)."""

    records: list[MemberRecord] = field(default_factory=lambda: two_members()[:1])
    refusal: TricordError | None = None
    changes: list[tuple[object, ...]] = field(default_factory=list)

    def members(self) -> list[MemberRecord]:
        return self.records

    async def list_members(self, linearizable: bool) -> list[MemberRecord]:
        self._note("list", linearizable)
        return self.records

    async def add_member(self, peer_urls: list[str], *, name: str = "", learner: bool = False) -> MemberRecord:
        self._note("add", tuple(peer_urls), name, learner)
        self.records.append(MemberRecord(33, name, peer_urls, [], learner))
        return self.records[-1]

    async def remove_member(self, member: int) -> None:
        self._note("remove", member)

    async def promote_member(self, member: int) -> None:
        self._note("promote", member)

    async def update_member(self, member: int, peer_urls: list[str]) -> None:
        self._note("update", member, tuple(peer_urls))

    async def replace_member(self, old: int, new: int) -> None:
        self._note("replace", old, new)

    async def move_leader(self, target: int) -> None:
        self._note("move", target)

    def _note(self, *change: object) -> None:
        self.changes.append(change)
        if self.refusal is not None:
            raise self.refusal
