# SPDX-License-Identifier: Apache-2.0
"""``tricord member add``, ``remove``, ``promote`` and ``update``: one change of the members each."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from tricord.base.errors import MembershipRefused, OutcomeUnknown
from tricord.base.members import MemberRecord
from tricord.cli.arguments import AsJson
from tricord.cli.connection import Connection
from tricord.cli.joining import command_to_start
from tricord.cli.member_list import member_document, write_members
from tricord.cli.naming import Member, Peer, find_member, known_member, peer_urls
from tricord.cli.output import write_json

if TYPE_CHECKING:
    from tricord.client.asynchronous import AsyncClient

NewName: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="What the new member is to be called.")]


def member_add(
    connection: Connection,
    name: NewName,
    peer: Peer,
    learner: Annotated[bool, typer.Option("--learner", help="Without a vote, until it is promoted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let a new member in, and print the command that starts it.

    A voter counts at once: until it is started, the cluster has one voter that does not answer. A learner does not.

    \b
    Examples:
      tricord member add n4 --peer db4:2379
      tricord member add n4 --peer db4:2379 --learner
    """

    async def work(client: AsyncClient) -> tuple[list[MemberRecord], MemberRecord]:
        members = await client.members()
        if find_member(members, name) is not None:
            raise MembershipRefused(f"there is a member called {name!r} already", reason="known_member")
        added = await client.add_member(peer_urls(members, peer), learner=learner)
        return await client.members(), added

    members, added = connection.run(work)
    command = command_to_start(members, added, name)
    if as_json:
        write_json({**member_document(added), "name": name, "command": command})
        return
    kind = "learner" if learner else "voter"
    print(f"member {added.id:x} is in, as a {kind}; start it on its machine, with the secret or certificates of all:")
    print(f"\n  {command}\n")
    if learner:
        print(f"when it has caught up: tricord member promote {name}", file=sys.stderr)


def member_remove(connection: Connection, member: Member, as_json: AsJson = False) -> None:
    """Let a member go, for good: it cannot come back under this id.

    \b
    Examples:
      tricord member remove n4
      tricord member remove 8e9e05c52164694d
    """
    _change(
        connection,
        member,
        as_json,
        lambda client, found: client.remove_member(found.id),
        lambda found, now: now is None,
    )


def member_promote(connection: Connection, member: Member, as_json: AsJson = False) -> None:
    """Give a learner that has caught up a vote.

    \b
    Examples:
      tricord member promote n4
    """
    _change(
        connection,
        member,
        as_json,
        lambda client, found: client.promote_member(found.id),
        lambda found, now: now is not None and not now.is_learner,
    )


def member_update(connection: Connection, member: Member, peer: Peer, as_json: AsJson = False) -> None:
    """Tell the cluster at which address peers reach a member from now on.

    \b
    Examples:
      tricord member update n4 --peer db4.example:2379
    """

    async def change(client: AsyncClient, found: MemberRecord) -> None:
        await client.update_member(found.id, peer_urls(await client.members(), peer))

    _change(connection, member, as_json, change, lambda found, now: now is not None and now != found)


def _change(
    connection: Connection,
    word: str,
    as_json: bool,
    change: Callable[[AsyncClient, MemberRecord], Awaitable[None]],
    is_done: Callable[[MemberRecord, MemberRecord | None], bool],
) -> None:
    """Make a change of one member and print who the members are then. Where the answer was lost, maybe with the member
    that left and was asked, the list tells whether it is done."""

    async def work(client: AsyncClient) -> list[MemberRecord]:
        found = known_member(await client.members(), word)
        try:
            await change(client, found)
        except OutcomeUnknown:
            members = await client.members()
            if not is_done(found, find_member(members, f"{found.id:x}")):
                raise
            return members
        return await client.members()

    write_members(connection.run(work), as_json)
