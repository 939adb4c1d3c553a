# SPDX-License-Identifier: Apache-2.0
"""``tricord get``: read a key or a range of keys."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from tricord.base.levels import Level, level_of
from tricord.base.operations import Range, RangeResult, SortOrder, SortTarget
from tricord.cli import arguments
from tricord.cli.arguments import AsJson, End, FromKey, Key, Prefix, Raw, chosen
from tricord.cli.connection import Connection
from tricord.cli.exit_codes import ExitCode, say_error
from tricord.cli.output import Format, chosen_format, escaped, json_key_value, write_json, write_raw, write_rows
from tricord.cli.usage import WrongUsage


class Order(Enum):
    """Words for a sort order."""

    ASCEND = "asc"
    DESCEND = "desc"


class SortBy(Enum):
    """Words for what is sorted by; named as ``SortTarget``."""

    KEY = "key"
    VERSION = "version"
    CREATE = "create"
    MOD = "mod"
    VALUE = "value"


def get(
    connection: Connection,
    key: Key,
    end: End = None,
    prefix: Prefix = False,
    from_key: FromKey = False,
    revision: Annotated[int, typer.Option("--revision", "--rev", metavar="N", help="Read the store as of N.")] = 0,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="At most N keys; 0 for all.")] = 0,
    order: Annotated[Order | None, typer.Option(help="Order of the keys.", show_default=False)] = None,
    sort_by: Annotated[SortBy, typer.Option(help="What --order sorts by.")] = SortBy.KEY,
    keys_only: Annotated[bool, typer.Option("--keys-only", help="Leave the values out.")] = False,
    count_only: Annotated[bool, typer.Option("--count-only", help="Only count the keys.")] = False,
    any_level: Annotated[
        bool,
        typer.Option("--any", "--serializable", help="Read what this member has: faster, and perhaps not the latest."),
    ] = False,
    level: Annotated[
        str,
        typer.Option(
            metavar="LEVEL",
            help="The least that will do: linearizable, sequential, any, bounded:2s, or bounded:10r (revisions); causal"
            " or eventual in such a keyspace.  [default: what the keyspace promises]",
            show_default=False,
        ),
    ] = "",
    as_json: AsJson = False,
    raw: Raw = False,
) -> int:
    """Read a key, or many. When there is none, the exit code is 3.

    \b
    Elsewhere than on a terminal a line is: key, tab, value. Special characters are escaped.
    With --raw and --keys-only each key is on a line of its own, unescaped.

    \b
    Examples:
      tricord get greeting
      tricord get --raw config > config.json
      tricord get --prefix users/ --limit 10 --order desc --sort-by mod
      tricord get a f                        keys from a to before f
      tricord get --prefix '' --count-only   how many keys there are
    """
    shape = chosen_format(as_json, raw)
    start, range_end = arguments.key_range(key, end, prefix, from_key)
    if sort_by is not SortBy.KEY and order is None:
        order = Order.ASCEND
    request = Range(
        start,
        range_end,
        limit,
        revision,
        SortOrder.NONE if order is None else SortOrder[order.name],
        SortTarget[sort_by.name],
        keys_only,
        count_only,
    )
    if count_only and raw:
        raise WrongUsage("--count-only has no values to print raw")
    if any_level and level:
        raise WrongUsage("--any is --level any: give one of them")
    at_least = Level.ANY if any_level else chosen(level, level_of, [one.value for one in Level]) if level else None
    result, stamp = connection.run(lambda client: client.call(request, at_least=at_least))
    assert isinstance(result, RangeResult)
    if shape is Format.JSON:
        kvs = [json_key_value(kv, with_value=not keys_only) for kv in result.kvs]
        siblings = {"siblings": stamp.siblings} if stamp.siblings else {}
        write_json({"revision": stamp.revision, "count": result.count, "more": result.more, "kvs": kvs, **siblings})
    elif shape is Format.RAW:
        write_raw(b"".join(kv.key + b"\n" if keys_only else kv.value for kv in result.kvs))
    elif count_only:
        write_rows(("count",), [(result.count,)])
    elif keys_only:
        write_rows(("key",), ((escaped(kv.key),) for kv in result.kvs))
    else:
        write_rows(("key", "value"), ((escaped(kv.key), escaped(kv.value)) for kv in result.kvs))
    if stamp.siblings and shape is not Format.JSON:
        say_error(
            f"{stamp.siblings} more of what was written at the same time stands beside this, and nobody has settled it",
            "GET /tricord/v1/keyspaces/NAME/values/KEY lists them; a put takes the place of all",
        )
    return ExitCode.DONE if result.kvs or count_only else ExitCode.NOT_FOUND
