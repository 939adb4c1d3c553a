# SPDX-License-Identifier: Apache-2.0
"""``tricord put``: write one key."""

from __future__ import annotations

from typing import Annotated

import typer

from tricord.base.operations import Put, PutResult
from tricord.cli import arguments
from tricord.cli.arguments import AsJson, Key, Raw
from tricord.cli.connection import Connection
from tricord.cli.output import Format, chosen_format, escaped, json_key_value, write_json, write_raw, write_rows
from tricord.cli.usage import WrongUsage


def put(
    connection: Connection,
    key: Key,
    value: Annotated[str | None, typer.Argument(metavar="VALUE", help="The value; - reads it from stdin.")] = None,
    lease: Annotated[str, typer.Option(metavar="ID", help="Attach the key to this lease.")] = "0",
    previous: Annotated[bool, typer.Option("--previous", help="Also print what the key held.")] = False,
    ignore_value: Annotated[bool, typer.Option("--ignore-value", help="Keep the value the key has.")] = False,
    ignore_lease: Annotated[bool, typer.Option("--ignore-lease", help="Keep the lease the key has.")] = False,
    as_json: AsJson = False,
    raw: Raw = False,
) -> None:
    """Write a key, and print the revision of the write.

    \b
    Examples:
      tricord put greeting hello
      tricord put config - < config.json
      tricord put --previous greeting 'good day'
      tricord put -- greeting --flag-like
    """
    shape = chosen_format(as_json, raw)
    if (value is None) != ignore_value:
        raise WrongUsage("give a VALUE or --ignore-value, one of the two")
    content = b"" if value is None else arguments.value(value)
    lease_id = arguments.lease_id(lease)
    request = Put(arguments.data(key), content, lease_id, previous, ignore_value, ignore_lease)
    result, stamp = connection.run(lambda client: client.call(request))
    assert isinstance(result, PutResult)
    before = result.previous
    if shape is Format.JSON:
        write_json({"revision": stamp.revision, "previous": json_key_value(before) if before else None})
    elif shape is Format.RAW:
        write_raw(before.value if before else b"")
    else:
        row: list[object] = [stamp.revision]
        write_rows(
            ["revision", "previous"][: 1 + previous], [row + [escaped(before.value) if before else ""] * previous]
        )
