# SPDX-License-Identifier: Apache-2.0
"""``tricord lock``: hold a lock, or run a command while holding it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from tricord.base.errors import LockLost
from tricord.cli import arguments
from tricord.cli.connection import Connection, seconds
from tricord.cli.exit_codes import ExitCode, say_error
from tricord.cli.output import escaped, write_line
from tricord.cli.until_told import until_told

if TYPE_CHECKING:
    import asyncio

    from tricord.client.asynchronous import AsyncClient
    from tricord.client.locks import Lock

TimeToLive: TypeAlias = Annotated[
    int, typer.Option("--ttl", min=1, metavar="SECONDS", help="How long it outlives this process, should that die.")
]
Wait: TypeAlias = Annotated[
    str, typer.Option(metavar="SECONDS", help="Wait so long at most; also as 500ms or 1m.", show_default=False)
]

GRACE_SECONDS = 0.5
"""What a command gets to end by itself when the lock is lost."""
NO_COMMAND, NO_SUCH_COMMAND = 126, 127
"""The exit codes of shells for what cannot be run, and for what is not there."""


def lock(
    connection: Connection,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The lock.")],
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[-- COMMAND...]", help="Run this while holding the lock.")
    ] = None,
    ttl: TimeToLive = 10,
    wait: Wait = "",
) -> int:
    """Hold a lock: until interrupted, or while a command runs, whose exit code is then this one's.

    \b
    Who comes first is first; etcdctl lock and etcd's clients stand in the same queue. Without a command, the key
    of this place and its create revision are printed once the lock is held. A command finds them in
    TRICORD_LOCK_KEY and TRICORD_LOCK_REVISION: the revision grows with every holder. Should the lock be lost, the
    command is terminated before another can have it. Not held within --wait: exit code 4.

    \b
    Examples:
      tricord lock backup -- ./backup.sh
      tricord lock --wait 5 --ttl 30 backup -- ./backup.sh
    """
    patience = seconds(wait) if wait else None
    return connection.run(lambda client: _hold(client, arguments.data(name), command or [], ttl, patience))


async def _hold(client: AsyncClient, name: bytes, command: list[str], ttl: int, patience: float | None) -> int:
    async with until_told(), client.lock(name, ttl=ttl, timeout=patience) as held:
        if command:
            return await _run(held, command)
        import asyncio

        write_line((escaped(held.token.key), held.token.revision))
        await asyncio.Event().wait()
    return ExitCode.DONE


async def _run(held: Lock, command: list[str]) -> int:
    import asyncio

    token = held.token
    variables = {"TRICORD_LOCK_KEY": os.fsdecode(token.key), "TRICORD_LOCK_REVISION": str(token.revision)}
    sys.stdout.flush()
    try:
        process = await asyncio.create_subprocess_exec(*command, env=os.environ | variables)
    except OSError as error:
        say_error(f"{command[0]}: {error.strerror}")
        return NO_SUCH_COMMAND if isinstance(error, FileNotFoundError) else NO_COMMAND
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        await _end(process, min(GRACE_SECONDS, ttl_left(held)))
        raise
    held.check()
    return code if code >= 0 else 128 - code


def ttl_left(held: Lock) -> float:
    """Seconds in which the lock surely is nobody else's; at its loss, a part of the margin is left."""
    try:
        held.check()
    except LockLost:
        return GRACE_SECONDS / 2
    return GRACE_SECONDS


async def _end(process: asyncio.subprocess.Process, grace: float) -> None:
    import asyncio

    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(grace):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
