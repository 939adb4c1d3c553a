# SPDX-License-Identifier: Apache-2.0
"""``tricord lease``: grant, revoke, renew, and ask about leases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from tricord.base.errors import DeadlineExceeded, Unavailable
from tricord.base.leases import (
    LeaseGrant,
    LeaseGrantResult,
    LeaseKeepAlive,
    LeaseKeepAliveResult,
    LeaseList,
    LeaseListResult,
    LeaseRevoke,
    LeaseTimeToLive,
    LeaseTimeToLiveResult,
)
from tricord.cli import arguments
from tricord.cli.arguments import AsJson
from tricord.cli.connection import Connection
from tricord.cli.exit_codes import ExitCode, say_error
from tricord.cli.output import escaped, json_text, write_json, write_json_line, write_line, write_rows

if TYPE_CHECKING:
    from tricord.client.asynchronous import AsyncClient

RETRY_SECONDS = 0.5

LeaseId: TypeAlias = Annotated[str, typer.Argument(metavar="ID", help="The lease; in hexadecimal with 0x.")]


def shown(lease: int) -> str:
    """A lease's number as commands print and take it."""
    return f"{lease:#x}"


def _gone(lease: int) -> int:
    say_error(f"there is no lease {shown(lease)} (any more)")
    return ExitCode.NOT_FOUND


def grant(
    connection: Connection,
    ttl: Annotated[int, typer.Argument(metavar="SECONDS", help="How long it lives without a renewal.")],
    lease: Annotated[str, typer.Option("--id", metavar="ID", help="Its number; 0 lets the member choose.")] = "0",
    as_json: AsJson = False,
) -> None:
    """Grant a lease, and print its number and its time to live, which may be longer than asked for.

    \b
    Examples:
      tricord lease grant 60
      tricord put workers/me here --lease 0x70cc5a6c3e2f1d04
    """
    request = LeaseGrant(ttl, arguments.lease_id(lease))
    result, _ = connection.run(lambda client: client.call(request))
    assert isinstance(result, LeaseGrantResult)
    if as_json:
        write_json({"id": result.id, "hex": shown(result.id), "ttl": result.ttl})
    else:
        write_rows(("lease", "ttl"), [(shown(result.id), result.ttl)])


def revoke(connection: Connection, lease: LeaseId, as_json: AsJson = False) -> None:
    """End a lease now: its keys are deleted.

    \b
    Example:
      tricord lease revoke 0x70cc5a6c3e2f1d04
    """
    number = arguments.lease_id(lease)
    connection.run(lambda client: client.call(LeaseRevoke(number)))
    if as_json:
        write_json({"revoked": number, "hex": shown(number)})
    else:
        write_rows(("revoked",), [(shown(number),)])


def keep_alive(
    connection: Connection,
    lease: LeaseId,
    once: Annotated[bool, typer.Option("--once", help="Renew it once, and leave.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for each renewal.")] = False,
) -> int:
    """Renew a lease until interrupted, and print each time what it has. When it is gone, the exit code is 3.

    \b
    Examples:
      tricord lease keep-alive 0x70cc5a6c3e2f1d04
      tricord lease keep-alive --once 0x70cc5a6c3e2f1d04
    """
    number = arguments.lease_id(lease)
    return connection.run(lambda client: _keep(client, number, once, as_json))


async def _keep(client: AsyncClient, number: int, once: bool, as_json: bool) -> int:
    import asyncio

    left = 0.0
    while True:
        try:
            result, _ = await client.call(LeaseKeepAlive(number))
        except (Unavailable, DeadlineExceeded):
            if left <= 0:
                raise
            # It lives for a while yet.
            left -= RETRY_SECONDS
            await asyncio.sleep(RETRY_SECONDS)
            continue
        assert isinstance(result, LeaseKeepAliveResult)
        left = result.ttl
        if result.ttl <= 0:
            return _gone(number)
        if as_json:
            write_json_line({"id": number, "hex": shown(number), "ttl": result.ttl})
        else:
            write_line((shown(number), result.ttl))
        if once:
            return ExitCode.DONE
        await asyncio.sleep(result.ttl / 3)


def ttl(
    connection: Connection,
    lease: LeaseId,
    keys: Annotated[bool, typer.Option("--keys", help="Also print the keys that are attached to it.")] = False,
    as_json: AsJson = False,
) -> int:
    """Print how many seconds a lease has left, and for how many it was granted. When it is gone, the exit code is 3.

    \b
    Examples:
      tricord lease ttl 0x70cc5a6c3e2f1d04
      tricord lease ttl --keys --json 0x70cc5a6c3e2f1d04
    """
    number = arguments.lease_id(lease)
    result, _ = connection.run(lambda client: client.call(LeaseTimeToLive(number, keys)))
    assert isinstance(result, LeaseTimeToLiveResult)
    if result.ttl < 0:
        return _gone(number)
    if as_json:
        document = {"id": number, "hex": shown(number), "ttl": result.ttl, "granted_ttl": result.granted_ttl}
        write_json(document | ({"keys": [json_text("key", key) for key in result.keys]} if keys else {}))
    else:
        rows = [(shown(number), result.ttl, result.granted_ttl, *([""] if keys else []))]
        if keys and result.keys:
            rows = [(shown(number), result.ttl, result.granted_ttl, escaped(key)) for key in result.keys]
        write_rows(("lease", "ttl", "granted", "key")[: 3 + keys], rows)
    return ExitCode.DONE


def list_leases(connection: Connection, as_json: AsJson = False) -> None:
    """Print the number of every lease there is.

    \b
    Example:
      tricord lease list
    """
    result, _ = connection.run(lambda client: client.call(LeaseList()))
    assert isinstance(result, LeaseListResult)
    if as_json:
        write_json([{"id": number, "hex": shown(number)} for number in result.ids])
    else:
        write_rows(("lease",), ((shown(number),) for number in result.ids))
