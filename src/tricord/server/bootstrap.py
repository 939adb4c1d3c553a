# SPDX-License-Identifier: Apache-2.0
"""Before a new member decides anything it asks the others: is this our cluster, and am I who I think I am?

A founding member asks until nobody objects and a majority, itself included, has answered. One that joins asks until
somebody knows a member at its address whom no data directory has claimed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tricord.base.errors import WrongMember
from tricord.base.membership import Configuration as Members
from tricord.base.membership import decode_configuration
from tricord.server.configuration import Configuration
from tricord.server.founding import Invitation
from tricord.server.initial_cluster import InitialMember
from tricord.server.membership_rules import member_info
from tricord.server.peer_addresses import PeerAddress, addresses_of
from tricord.server.telling import Tells
from tricord.storage.identity import Identity
from tricord.wire.peer.query import Answer
from tricord.wire.peer.refusals import Refusal

AGAIN_SECONDS = 0.1
TELL_EVERY = 50
"""So many rounds without news pass before it is said again who is waited for."""

Ask = Callable[[PeerAddress, int], Awaitable[Answer | Refusal]]


def objection(answer: Answer, identity: Identity) -> str:
    """What speaks against founding as this member; empty: nothing."""
    if answer.cluster != identity.cluster:
        return f"it belongs to another cluster ({answer.cluster:x}, and this one would be {identity.cluster:x})"
    if answer.known_incarnation not in (0, identity.incarnation):
        return "it knows this member with another data directory"
    if answer.configuration and not answer.knows:
        return "it does not know this member (any more)"
    return ""


async def consent(
    ask: Ask, configuration: Configuration, identity: Identity, tells: Tells, stopped: Callable[[], bool]
) -> None:
    """Return when a majority of the listed members has answered. Raises WrongMember when one objects."""
    members = configuration.initial_members.members
    others = [member for member in members if member.name != configuration.listed_name]
    agreed = {configuration.listed_name}
    rounds = 0
    while not stopped():
        waiting = [member for member in others if member.name not in agreed]
        answers = await asyncio.gather(*(_ask(ask, member, identity.member) for member in waiting))
        for member, answer in zip(waiting, answers, strict=True):
            if not isinstance(answer, Answer) or not answer.cluster:
                continue
            problem = objection(answer, identity)
            if problem:
                raise WrongMember(f"{member.name} at {member.address} objects: {problem}")
            agreed.add(member.name)
        if len(agreed) > len(members) // 2:
            return
        if rounds % TELL_EVERY == 0:
            missing = [f"{one.name} at {one.address}" for one in others if one.name not in agreed]
            tells.info("waiting for other members", missing=", ".join(missing))
        rounds += 1
        await asyncio.sleep(AGAIN_SECONDS)


async def invitation(
    ask: Ask,
    configuration: Configuration,
    tells: Tells,
    stopped: Callable[[], bool] = lambda: False,
    *,
    rounds_max: int | None = None,
) -> Invitation:
    """What the cluster knows of the member at this one's address. It asks so many times, or for as long as it takes.

    Raises WrongMember when the member was claimed already, and when nobody knows it.
    """
    own = configuration.advertise_peer_address
    others = [one for one in configuration.initial_members.members if one.name != configuration.listed_name]
    rounds, problem = 0, ""
    while not stopped() and (rounds_max is None or rounds < rounds_max):
        problem = "none of them answers"
        for member, answer in zip(others, await asyncio.gather(*(_ask(ask, one, 0) for one in others)), strict=True):
            if not isinstance(answer, Answer) or not answer.configuration:
                continue
            members = decode_configuration(answer.configuration)
            found = _at(members, (own.host, own.port))
            if found and not member_info(members, found).incarnation:
                return Invitation(answer.cluster, answer.history, found, members)
            if found:
                raise WrongMember(f"{member.name} knows the member at {own} with another data directory")
            problem = f"{member.name} knows no member at {own}: `tricord member add` comes first"
        if rounds % TELL_EVERY == 0:
            tells.info("waiting for the cluster to know this member", because=problem)
        rounds += 1
        await asyncio.sleep(AGAIN_SECONDS)
    if stopped():
        raise WrongMember("this member was stopped before it belonged to the cluster")
    raise WrongMember(f"the cluster does not know this member: {problem}")


async def introduction(
    ask: Ask, configuration: Configuration, identity: Identity, stopped: Callable[[], bool]
) -> Members:
    """For one that was stopped before it heard anything of its leader: who the others are. Empty when it is stopped."""
    others = [one for one in configuration.initial_members.members if one.name != configuration.listed_name]
    while not stopped():
        for answer in await asyncio.gather(*(_ask(ask, one, identity.member) for one in others)):
            if isinstance(answer, Answer) and answer.cluster == identity.cluster and answer.configuration:
                return decode_configuration(answer.configuration)
        await asyncio.sleep(AGAIN_SECONDS)
    return Members(())


async def _ask(ask: Ask, member: InitialMember, about: int) -> Answer | Refusal | OSError:
    """By its first address that answers."""
    failure = OSError("no address")
    for address in member.addresses:
        try:
            return await ask((address.host, address.port), about)
        except OSError as error:
            failure = error
    return failure


def _at(members: Members, address: PeerAddress) -> int:
    for member in members.members():
        if address in addresses_of(member_info(members, member).peer_urls):
            return member
    return 0
