# SPDX-License-Identifier: Apache-2.0
"""``tricord elect``: campaign in an election, or see who leads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tricord.cli import arguments
from tricord.cli.connection import Connection
from tricord.cli.exit_codes import ExitCode
from tricord.cli.lock import TimeToLive
from tricord.cli.output import escaped, write_line
from tricord.cli.until_told import until_told
from tricord.cli.usage import WrongUsage

if TYPE_CHECKING:
    from tricord.client.asynchronous import AsyncClient


def elect(
    connection: Connection,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The election.")],
    value: Annotated[str | None, typer.Argument(metavar="[VALUE]", help="What this candidate is known by.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Print who leads now, and leave; 3 when nobody does.")] = False,
    ttl: TimeToLive = 10,
) -> int:
    """Campaign, and lead until interrupted; or, without a VALUE, print who leads, each time that changes.

    \b
    A line is the leader's key and its value, split by a tab. etcdctl elect and etcd's clients take part in the same.

    \b
    Examples:
      tricord elect scheduler host-1:8000
      tricord elect scheduler
      tricord elect --once scheduler
    """
    if value is not None and once:
        raise WrongUsage("--once shows who leads: leave out the VALUE, or --once to campaign")
    if value is not None:
        candidate = arguments.data(value)
        return connection.run(lambda client: _lead(client, arguments.data(name), candidate, ttl))
    return connection.run(lambda client: _observe(client, arguments.data(name), once))


async def _lead(client: AsyncClient, name: bytes, value: bytes, ttl: int) -> int:
    import asyncio

    async with until_told(), client.election(name, ttl=ttl) as election:
        await election.campaign(value)
        write_line((escaped(election.token.key), escaped(value)))
        await asyncio.Event().wait()
    return ExitCode.DONE


async def _observe(client: AsyncClient, name: bytes, once: bool) -> int:
    election = client.election(name)
    if once:
        leader = await election.leader()
        if leader is None:
            return ExitCode.NOT_FOUND
        write_line((escaped(leader.key), escaped(leader.value)))
        return ExitCode.DONE
    async with election.observe() as leaders:
        async for kv in leaders:
            write_line((escaped(kv.key), escaped(kv.value)))
    return ExitCode.DONE
