# SPDX-License-Identifier: Apache-2.0
"""``tricord member list``: who belongs to the cluster."""

from __future__ import annotations

from tricord.cli.arguments import AsJson
from tricord.cli.connection import Connection
from tricord.cli.output import write_json, write_rows


def member_list(connection: Connection, as_json: AsJson = False) -> None:
    """Print the members of the cluster.

    \b
    Examples:
      tricord member list
    """
    members = connection.run(lambda client: client.members())
    if as_json:
        write_json(
            [
                {
                    "id": f"{member.id:x}",
                    "name": member.name,
                    "is_learner": member.is_learner,
                    "peer_urls": member.peer_urls,
                    "client_urls": member.client_urls,
                }
                for member in members
            ]
        )
        return
    headers = ("id", "name", "learner", "peer urls", "client urls")
    write_rows(
        headers,
        (
            (f"{m.id:x}", m.name, str(m.is_learner).lower(), ",".join(m.peer_urls), ",".join(m.client_urls))
            for m in members
        ),
    )
