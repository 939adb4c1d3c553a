# SPDX-License-Identifier: Apache-2.0
"""``tricord member replace``: one safe operation in steps, each of which can be begun again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tricord.base.errors import MembershipRefused
from tricord.base.members import MemberRecord
from tricord.cli.arguments import AsJson
from tricord.cli.connection import Connection, seconds
from tricord.cli.member_changes import NewName
from tricord.cli.member_list import write_members
from tricord.cli.naming import Member, Peer, peer_urls
from tricord.cli.output import write_json, write_rows
from tricord.cli.replacement_plan import NEW, Plan

if TYPE_CHECKING:
    from tricord.client.asynchronous import AsyncClient


def member_replace(
    connection: Connection,
    old: Member,
    name: NewName,
    peer: Peer,
    plan: Annotated[bool, typer.Option("--plan", help="Show the steps and the judgement, and change nothing.")] = False,
    wait: Annotated[
        str, typer.Option("--wait", metavar="SECONDS", help="How long the new member may take to catch up; also as 5m.")
    ] = "10m",
    as_json: AsJson = False,
) -> None:
    """Put a new member in the place of another, which may be up or down.

    The new one joins as a learner, and gets the vote of the old one when it has caught up. Refused, with the reason,
    when one failure on the way could lose the quorum. Interrupted half-way, the same command goes on.

    \b
    Examples:
      tricord member replace n3 n4 --peer db4:2379 --plan
      tricord member replace n3 n4 --peer db4:2379
    """
    from tricord.cli.replacement import Replacement

    patience = seconds(wait)

    async def work(client: AsyncClient) -> list[MemberRecord] | Plan:
        urls = peer_urls(await client.members(), peer)
        replacement = Replacement(client, old, name, urls, patience)
        if await replacement.is_done():
            return await client.members()
        if plan:
            return await replacement.plan()
        await replacement.carry_out()
        return await client.members()

    result = connection.run(work)
    if isinstance(result, list):
        write_members(result, as_json)
    else:
        _write_plan(result, as_json)
        if result.refusal:
            raise MembershipRefused(result.refusal, reason="unhealthy")


def _write_plan(plan: Plan, as_json: bool) -> None:
    rows = [
        (number, step.text, " and ".join(_voters(plan, voters) for voters in step.sets), spare)
        for number, (step, spare) in enumerate(zip(plan.steps, plan.spare, strict=True), 1)
    ]
    headers = ("step", "what", "voters", "may fail")
    if as_json:
        steps = [dict(zip(("step", "what", "voters", "may_fail"), row, strict=True)) for row in rows]
        write_json({"steps": steps, "refusal": plan.refusal})
        return
    write_rows(headers, [(number, what, voters, max(0, spare)) for number, what, voters, spare in rows])
    if not plan.refusal:
        rest = "" if min(plan.spare) > 0 else "; until it is done, no further failure is survived"
        print(f"it may be carried out{rest}", file=sys.stderr)


def _voters(plan: Plan, voters: frozenset[int]) -> str:
    def shown(member: int) -> str:
        return plan.names[member] + ("" if member in plan.healthy else " (down)")

    ordered = sorted(voters, key=lambda member: (member == NEW, plan.names[member]))
    return ", ".join(map(shown, ordered))
