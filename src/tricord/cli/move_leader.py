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
        await client.move_leader(known_member(members, member).id if member else 0)
        return members, (await client.status()).leader

    members, leader = connection.run(work)
    name = next((called(each) for each in members if each.id == leader), "")
    if as_json:
        write_json({"leader": f"{leader:x}", "name": name})
    else:
        write_rows(("leader", "name"), [(f"{leader:x}", name)])
