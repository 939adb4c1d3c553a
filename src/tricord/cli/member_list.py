# SPDX-License-Identifier: Apache-2.0
"""``tricord member list``: who belongs to the cluster."""

from __future__ import annotations

from typing import Annotated

import typer

from tricord.base.levels import Level
from tricord.base.members import MemberRecord
from tricord.cli.arguments import AsJson
from tricord.cli.connection import Connection
from tricord.cli.output import write_json, write_rows


def member_list(
    connection: Connection,
    any_level: Annotated[
        bool, typer.Option("--any", help="As the member that answers knows them; needs no majority.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the members of the cluster.

    \b
    Examples:
      tricord member list
      tricord member list --any
    """
    level = Level.ANY if any_level else Level.LINEARIZABLE
    write_members(connection.run(lambda client: client.members(at_least=level)), as_json)


def write_members(members: list[MemberRecord], as_json: bool) -> None:
    """A row for each, or one document."""
    if as_json:
        write_json([member_document(member) for member in members])
        return
    headers = ("id", "name", "learner", "peer urls", "client urls")
    write_rows(
        headers,
        (
            (f"{m.id:x}", m.name, str(m.is_learner).lower(), ",".join(m.peer_urls), ",".join(m.client_urls))
            for m in members
        ),
    )


def member_document(member: MemberRecord) -> dict[str, object]:
    """The member as JSON has it."""
    return {
        "id": f"{member.id:x}",
        "name": member.name,
        "is_learner": member.is_learner,
        "peer_urls": member.peer_urls,
        "client_urls": member.client_urls,
    }
