# SPDX-License-Identifier: Apache-2.0
"""``tricord del``: delete a key or a range of keys."""

from __future__ import annotations

from typing import Annotated

import typer

from tricord.base.operations import DeleteRange, DeleteRangeResult
from tricord.cli import arguments
from tricord.cli.arguments import AsJson, End, FromKey, Key, Prefix, Raw
from tricord.cli.connection import Connection
from tricord.cli.exit_codes import ExitCode
from tricord.cli.output import Format, chosen_format, escaped, json_key_value, write_json, write_raw, write_rows


def delete(
    connection: Connection,
    key: Key,
    end: End = None,
    prefix: Prefix = False,
    from_key: FromKey = False,
    previous: Annotated[bool, typer.Option("--previous", help="Print what was deleted instead of the count.")] = False,
    as_json: AsJson = False,
    raw: Raw = False,
) -> int:
    """Delete a key, or many, and print how many there were. When there was none, the exit code is 3.

    \b
    Examples:
      tricord del greeting
      tricord del --prefix users/
      tricord del --previous --json greeting
    """
    shape = chosen_format(as_json, raw)
    start, range_end = arguments.key_range(key, end, prefix, from_key)
    request = DeleteRange(start, range_end, previous or raw)
    result, stamp = connection.run(lambda client: client.call(request))
    assert isinstance(result, DeleteRangeResult)
    if shape is Format.JSON:
        document = {"revision": stamp.revision, "deleted": result.deleted}
        write_json(document | ({"previous": list(map(json_key_value, result.previous))} if previous else {}))
    elif shape is Format.RAW:
        write_raw(b"".join(kv.value for kv in result.previous))
    elif previous:
        write_rows(("key", "value"), ((escaped(kv.key), escaped(kv.value)) for kv in result.previous))
    else:
        write_rows(("deleted",), [(result.deleted,)])
    return ExitCode.DONE if result.deleted else ExitCode.NOT_FOUND
