# SPDX-License-Identifier: Apache-2.0
"""``tricord move-leader``: hand the lead over, without a pause for an election."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tricord.base.members import MemberRecord
from tricord.cli.arguments import AsJson
from tricord.cli.connection import Connection
from tricord.cli.naming import called, known_member
from tricord.cli.output import write_json, write_rows

if TYPE_CHECKING:
    from tricord.client.asynchronous import AsyncClient


LOOK_SECONDS = 0.05
LOOKS = 40


async def _follows(client: AsyncClient, before: int) -> int:
    """Who leads, once the member that answers has heard that it is not ``before`` any more."""
    import asyncio

    for _ in range(LOOKS):
        leader = (await client.status()).leader
        if leader not in (0, before):
            break
        await asyncio.sleep(LOOK_SECONDS)
    return leader


def move_leader(
    connection: Connection,
    member: Annotated[
        str | None, typer.Argument(metavar="[MEMBER]", help="Who is to lead; none: the follower that is furthest.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hand the lead over, and print who leads. Ask any member: the leader is looked up.

    \b
    Examples:
      tricord move-leader
      tricord move-leader n2
    """

    async def work(client: AsyncClient) -> tuple[list[MemberRecord], int]:
        members = await client.members()
        before = (await client.status()).leader
        target = known_member(members, member).id if member else 0
        await client.move_leader(target)
        return members, before if target == before else await _follows(client, before)

    members, leader = connection.run(work)
    name = next((called(each) for each in members if each.id == leader), "")
    if as_json:
        write_json({"leader": f"{leader:x}", "name": name})
    else:
        write_rows(("leader", "name"), [(f"{leader:x}", name)])
