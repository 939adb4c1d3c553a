# SPDX-License-Identifier: Apache-2.0
"""Changes of the members and of the lead, as records, and what each endpoint reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from tricord.base.errors import TricordError
from tricord.base.members import MemberStatus
from tricord.base.message import message


@message
class AddMember:
    """A new member, known by its peer addresses (full URLs) until it joins."""

    peer_urls: list[str]
    learner: bool


@message
class RemoveMember:
    """It leaves for good."""

    id: int


@message
class PromoteMember:
    """A learner that has caught up gets a vote."""

    id: int


@message
class UpdateMember:
    """Other peer addresses for a member."""

    id: int
    peer_urls: list[str]


@message
class ReplaceMember:
    """The learner ``new`` gets a vote and ``old`` leaves, in one joint change. Of tricord alone."""

    old: int
    new: int


@message
class MoveLeader:
    """``target`` is to lead; 0: the follower that is furthest."""

    target: int


MemberChange: TypeAlias = AddMember | RemoveMember | PromoteMember | UpdateMember | ReplaceMember | MoveLeader


@message
class EndpointStatus:
    """What one endpoint said of its member: a status, or the error that kept it from saying so."""

    endpoint: str
    status: MemberStatus | None
    error: TricordError | None = None


def full_urls(addresses: str | Sequence[str], scheme: str = "http") -> list[str]:
    """``host:port`` or URLs, one, a list, or texts with commas between, as URLs (``scheme`` where none is said)."""
    texts = [addresses] if isinstance(addresses, str) else addresses
    parts = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    return [part if "://" in part else f"{scheme}://{part}" for part in parts]
