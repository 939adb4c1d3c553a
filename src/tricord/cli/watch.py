# SPDX-License-Identifier: Apache-2.0
"""``tricord watch``: print changes as they happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tricord.base.errors import RevisionCompacted
from tricord.base.operations import Event
from tricord.cli import arguments
from tricord.cli.arguments import End, FromKey, Key, Prefix
from tricord.cli.connection import Connection
from tricord.cli.exit_codes import ExitCode, exit_code, say_error
from tricord.cli.output import escaped, json_key_value, json_text, write_json_line, write_line

if TYPE_CHECKING:
    from tricord.client.asynchronous import AsyncClient
    from tricord.client.feed import Progress, Resynced


def watch(
    connection: Connection,
    key: Key,
    end: End = None,
    prefix: Prefix = False,
    from_key: FromKey = False,
    revision: Annotated[
        int, typer.Option("--revision", "--rev", min=0, metavar="N", help="Begin at N; 0: with what comes from now on.")
    ] = 0,
    previous: Annotated[bool, typer.Option("--previous", help="Also print what the key held before.")] = False,
    resync: Annotated[
        bool, typer.Option("--resync", help="Where changes are compacted away, print what there is, and go on.")
    ] = False,
    count: Annotated[int, typer.Option(min=0, metavar="N", help="Leave after N changes; 0: never.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for each change.")] = False,
) -> int:
    """Print changes of a key, or of many, as they happen, until interrupted.

    \b
    A line is: PUT or DELETE, revision, key, value (with --previous also what was there before), split by tabs.
    Lost connections are mended without a word, and nothing is left out; with --resync a line may be KEY:
    of a key that is there after changes that were compacted away.

    \b
    Examples:
      tricord watch greeting
      tricord watch --prefix jobs/ --revision 42 --json
    """
    start, range_end = arguments.key_range(key, end, prefix, from_key)
    try:
        connection.run(lambda client: _print(client, start, range_end, revision, previous, resync, count, as_json))
    except RevisionCompacted as error:
        say_error(str(error), "begin at a later --revision; or, with --resync, by what the keys hold now")
        return exit_code(error)
    return ExitCode.DONE


async def _print(
    client: AsyncClient,
    key: bytes,
    range_end: bytes,
    revision: int,
    previous: bool,
    resync: bool,
    count: int,
    as_json: bool,
) -> None:
    spec: dict[str, Any] = {"key": key}
    if range_end:
        spec = {"start": key, "end": None if range_end == b"\0" else range_end}
    tell = _tell_json if as_json else _tell_line
    told = 0
    on_compaction: Any = "resync" if resync else "raise"
    watching = client.watch(**spec, from_revision=revision, previous=previous, on_compaction=on_compaction)
    async with watching as items:
        async for item in items:
            tell(item, previous)
            told += isinstance(item, Event)
            if count and told >= count:
                return


def _tell_line(item: Event | Progress | Resynced, previous: bool) -> None:
    if isinstance(item, Event):
        columns = ["DELETE" if item.deleted else "PUT", item.revision, escaped(item.key), escaped(item.value)]
        if previous:
            columns.append(escaped(item.previous.value) if item.previous is not None else "")
        write_line(columns)
    else:
        for kv in getattr(item, "kvs", ()):
            write_line(["KEY", kv.mod_revision, escaped(kv.key), escaped(kv.value)])


def _tell_json(item: Event | Progress | Resynced, previous: bool) -> None:
    if not isinstance(item, Event):
        kvs = [json_key_value(kv) for kv in getattr(item, "kvs", ())]
        write_json_line({"type": "resynced", "revision": item.revision, "kvs": kvs})
        return
    document: dict[str, Any] = {"type": "delete" if item.deleted else "put", "revision": item.revision}
    document |= json_text("key", item.key) if item.deleted else json_key_value(item.kv)
    if previous:
        document["previous"] = json_key_value(item.previous) if item.previous is not None else None
    write_json_line(document)
