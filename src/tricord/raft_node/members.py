# SPDX-License-Identifier: Apache-2.0
"""The members of a cluster, by name: what the core's configuration says with numbers."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from tricord.base.errors import CorruptData
from tricord.base.members import MemberInfo, decode_member_info, encode_member_info
from tricord.base.membership import Configuration
from tricord.base.message import message
from tricord.raft_node.config import member_number


class Suffrage(Enum):
    """What a member's say is."""

    VOTER = "voter"
    LEARNER = "learner"
    """It gets the log and has no vote."""
    LEAVING = "leaving"
    """Its vote counts until the change under way is complete."""


@message
class Member:
    """One member as the configuration knows it."""

    name: str
    address: str
    suffrage: Suffrage


def member_info(name: str, address: str) -> bytes:
    """What a configuration keeps about a member."""
    return encode_member_info(MemberInfo(name, [address] if address else [], []))


def configuration_of(cluster: str, voters: Mapping[str, str]) -> Configuration:
    """The configuration in which these vote. Raises ValueError where two names have one number."""
    numbers = {member_number(cluster, name): name for name in voters}
    if len(numbers) != len(voters):
        raise ValueError("two names have the same number: change one of them")
    info = {number: member_info(name, voters[name]) for number, name in sorted(numbers.items())}
    return Configuration(tuple(sorted(numbers)), info=info)


def members_of(configuration: Configuration) -> list[Member]:
    """All members, by name. Raises CorruptData."""
    members = []
    for number in configuration.members():
        if number in configuration.learners:
            suffrage = Suffrage.LEARNER
        elif number in configuration.voters:
            suffrage = Suffrage.VOTER
        else:
            suffrage = Suffrage.LEAVING
        name, address = name_and_address(configuration, number)
        members.append(Member(name, address, suffrage))
    return sorted(members, key=lambda member: member.name)


def name_and_address(configuration: Configuration, number: int) -> tuple[str, str]:
    """Of a member; a number in place of a name that is not known."""
    data = configuration.info.get(number, b"")
    if not data:
        return f"{number:x}", ""
    try:
        info = decode_member_info(data)
    except ValueError as error:
        raise CorruptData("configuration", 0, str(error)) from None
    return info.name, info.peer_urls[0] if info.peer_urls else ""


def name_of(configuration: Configuration, number: int) -> str:
    """The name of a member; empty for 0."""
    return name_and_address(configuration, number)[0] if number else ""
