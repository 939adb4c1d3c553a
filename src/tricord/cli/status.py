# SPDX-License-Identifier: Apache-2.0
"""``tricord status``: how each endpoint's member is, and how far behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tricord.base.errors import TricordError
from tricord.base.levels import Level
from tricord.base.members import MemberStatus
from tricord.cli.arguments import AsJson
from tricord.cli.connection import Connection
from tricord.cli.exit_codes import ExitCode
from tricord.cli.naming import called
from tricord.cli.output import write_json, write_rows

if TYPE_CHECKING:
    from tricord.client.asynchronous import AsyncClient
    from tricord.client.changes import EndpointStatus

HEADERS = ("endpoint", "name", "role", "term", "index", "lag", "revision", "size", "errors")


def status(
    connection: Connection,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Ask every member that the cluster lists, not the endpoints given.")
    ] = False,
    as_json: AsJson = False,
) -> ExitCode:
    """Print how the member of each endpoint is: who leads, how far its log is applied, and how far behind that is.

    The exit code is 4 when an endpoint does not answer, or its member follows no leader.

    \b
    Examples:
      tricord status
      tricord status --endpoints db1:2379,db2:2379,db3:2379
      tricord status --cluster --json
    """

    async def work(client: AsyncClient) -> tuple[list[EndpointStatus], dict[int, str]]:
        answers = await client.status_of_each(everyone=cluster)
        if all(answer.status is None for answer in answers):
            return answers, {}
        try:
            members = await client.members(at_least=Level.ANY)
        except TricordError:
            return answers, {}
        return answers, {member.id: called(member) for member in members}

    answers, names = connection.run(work)
    furthest = max((answer.status.raft_index for answer in answers if answer.status), default=0)
    documents = [_document(answer, names, furthest) for answer in answers]
    if cluster:
        documents.sort(key=lambda document: document["name"])
    if as_json:
        write_json(documents)
    else:
        write_rows(HEADERS, map(_row, documents))
    well = all(answer.status is not None and answer.status.leader for answer in answers)
    return ExitCode.DONE if well else ExitCode.UNAVAILABLE


def _document(answer: EndpointStatus, names: dict[int, str], furthest: int) -> dict[str, Any]:
    found = answer.status
    if found is None:
        return {"endpoint": answer.endpoint, "name": "", "role": "down", "error": str(answer.error)}
    return {
        "endpoint": answer.endpoint,
        "id": f"{found.member:x}",
        "name": names.get(found.member, f"{found.member:x}"),
        "role": _role(found),
        "leader": f"{found.leader:x}",
        "is_learner": found.is_learner,
        "raft_term": found.raft_term,
        "raft_index": found.raft_index,
        "raft_applied_index": found.raft_applied_index,
        "lag": max(0, furthest - found.raft_applied_index),
        "revision": found.revision,
        "version": found.version,
        "size_bytes": found.size_bytes,
        "used_bytes": found.used_bytes,
        "quota_bytes": found.quota_bytes,
        "errors": found.errors,
    }


def _role(found: MemberStatus) -> str:
    if found.member == found.leader:
        return "leader"
    if found.is_learner:
        return "learner"
    return "follower" if found.leader else "no leader"


def _row(document: dict[str, Any]) -> tuple[object, ...]:
    if "error" in document:
        return (document["endpoint"], "", "down", "", "", "", "", "", document["error"])
    return (
        document["endpoint"],
        document["name"],
        document["role"],
        document["raft_term"],
        document["raft_applied_index"],
        document["lag"],
        document["revision"],
        document["size_bytes"],
        "; ".join(document["errors"]),
    )
