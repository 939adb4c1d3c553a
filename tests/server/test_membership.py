# SPDX-License-Identifier: Apache-2.0
"""What a member that runs alone says of members, and which changes it refuses."""

from __future__ import annotations

import asyncio

import pytest

from tricord.base.context import Context
from tricord.base.errors import MembershipRefused, Unimplemented
from tricord.base.members import MemberRecord
from tricord.base.operations import Range
from tricord.server.membership import Membership

ALONE = [MemberRecord(7, "alone", [], ["http://127.0.0.1:2379"])]


@pytest.fixture
def asked() -> list[Range]:
    return []


@pytest.fixture
def membership(asked: list[Range]) -> Membership:
    async def ask(request: Range, context: Context) -> None:
        asked.append(request)

    return Membership(ask, lambda: ALONE, 7)


def test_a_linearizable_list_costs_one_read(membership: Membership, asked: list[Range]) -> None:
    assert asyncio.run(membership.list_members(False)) == ALONE
    assert not asked
    assert asyncio.run(membership.list_members(True)) == ALONE
    assert len(asked) == 1


def test_changes_are_refused_with_the_reason(membership: Membership) -> None:
    async def refusals() -> list[str]:
        reasons = []
        for change in (
            membership.remove_member(7),
            membership.remove_member(8),
            membership.promote_member(7),
            membership.promote_member(8),
            membership.update_member(8, []),
            membership.replace_member(7, 7),
            membership.move_leader(8),
        ):
            with pytest.raises(MembershipRefused) as refused:
                await change
            reasons.append(refused.value.reason)
        return reasons

    assert asyncio.run(refusals()) == [
        "last_voter",
        "unknown_member",
        "not_a_learner",
        "unknown_member",
        "unknown_member",
        "not_a_learner",
        "bad_transferee",
    ]


def test_nobody_can_join_and_the_lead_stays(membership: Membership) -> None:
    with pytest.raises(Unimplemented):
        asyncio.run(membership.add_member(["http://127.0.0.1:2380"]))
    with pytest.raises(Unimplemented):
        asyncio.run(membership.update_member(7, ["http://127.0.0.1:2380"]))
    asyncio.run(membership.move_leader(7))
