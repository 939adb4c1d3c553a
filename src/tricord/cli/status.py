# SPDX-License-Identifier: Apache-2.0
"""``tricord status``: what the member that answers knows of itself."""

from __future__ import annotations

from tricord.cli.arguments import AsJson
from tricord.cli.connection import Connection
from tricord.cli.output import write_json, write_rows


def status(connection: Connection, as_json: AsJson = False) -> None:
    """Print what the member that answers knows of itself.

    \b
    Examples:
      tricord status
      tricord status --endpoints db1:2379 --json
    """
    found = connection.run(lambda client: client.status())
    document: dict[str, object] = {
        "version": found.version,
        "leader": f"{found.leader:x}",
        "is_learner": found.is_learner,
        "raft_term": found.raft_term,
        "raft_index": found.raft_index,
        "raft_applied_index": found.raft_applied_index,
        "size_bytes": found.size_bytes,
        "used_bytes": found.used_bytes,
        "quota_bytes": found.quota_bytes,
        "errors": found.errors,
    }
    if as_json:
        write_json(document)
    else:
        document["is_learner"] = str(found.is_learner).lower()
        document["errors"] = "; ".join(found.errors)
        write_rows(("name", "value"), document.items())
