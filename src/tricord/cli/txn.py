# SPDX-License-Identifier: Apache-2.0
"""``tricord txn``: several operations as one, if conditions hold."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from tricord.base.operations import (
    DeleteRangeResult,
    Operation,
    OperationResult,
    Put,
    PutResult,
    Range,
    RangeResult,
    Txn,
    TxnResult,
)
from tricord.cli.arguments import AsJson, Raw
from tricord.cli.connection import Connection
from tricord.cli.exit_codes import ExitCode
from tricord.cli.output import (
    Format,
    chosen_format,
    escaped,
    json_key_value,
    json_text,
    write_json,
    write_raw,
    write_rows,
)
from tricord.cli.txn_text import parse_condition, parse_lines, parse_operation


def txn(
    connection: Connection,
    conditions: Annotated[list[str] | None, typer.Option("--if", metavar="CONDITION", help="Must hold.")] = None,
    then: Annotated[list[str] | None, typer.Option("--then", metavar="OPERATION", help="Done if all hold.")] = None,
    otherwise: Annotated[list[str] | None, typer.Option("--else", metavar="OPERATION", help="Done if not.")] = None,
    as_json: AsJson = False,
    raw: Raw = False,
) -> int:
    """Do several operations as one revision, depending on conditions. When these do not hold, the exit code is 3.

    \b
    Each option can be given many times. Without any, lines are read from stdin: if CONDITION, then OPERATION,
    else OPERATION, and # for comments.

    \b
    Conditions:
      value(KEY) = TEXT      also !=  <  >
      version(KEY) > 0       also create, mod, lease; and  =  !=  <  <=  >=
      exists(KEY)            absent(KEY)
    Operations:
      put KEY VALUE  [--lease ID] [--previous]
      get KEY [END]  [--prefix] [--from-key] [--limit N] [--revision N] [--keys-only] [--count-only]
      del KEY [END]  [--prefix] [--from-key] [--previous]
    Quote what has spaces or parentheses; outside single quotes \\n, \\t, \\r and \\xff are escapes.

    \b
    Examples:
      tricord txn --if 'absent(lock)' --then 'put lock me' --else 'get lock'
      tricord txn --if 'value(seat) = free' --if 'mod(seat) < 90' --then 'put seat "Ada L."' --then 'get seat'
      printf 'if exists(a)\\nthen del a\\n' | tricord txn
    """
    shape = chosen_format(as_json, raw)
    if conditions or then or otherwise:
        compares = [parse_condition(text) for text in conditions or ()]
        request = Txn(compares, list(map(parse_operation, then or ())), list(map(parse_operation, otherwise or ())))
    else:
        if sys.stdin.isatty():
            print("tricord: reading a transaction from the terminal; end it with Ctrl-D", file=sys.stderr)
        text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
        request = parse_lines(text.split("\n"))
    result, stamp = connection.run(lambda client: client.call(request))
    assert isinstance(result, TxnResult)
    steps = list(zip(request.success if result.succeeded else request.failure, result.results, strict=True))
    if shape is Format.JSON:
        results = [_json_result(operation, answer) for operation, answer in steps]
        write_json({"succeeded": result.succeeded, "revision": stamp.revision, "results": results})
    elif shape is Format.RAW:
        for _, answer in steps:
            if isinstance(answer, RangeResult):
                write_raw(b"".join(kv.value for kv in answer.kvs))
    else:
        rows: list[tuple[object, ...]] = [("txn", str(result.succeeded).lower(), stamp.revision)]
        for operation, answer in steps:
            rows.extend(_rows(operation, answer))
        write_rows(("operation", "result", ""), rows)
    return ExitCode.DONE if result.succeeded else ExitCode.NOT_FOUND


def _rows(operation: Operation, answer: OperationResult) -> Iterator[tuple[object, ...]]:
    if isinstance(operation, Put) and isinstance(answer, PutResult):
        yield "put", escaped(operation.key), escaped(answer.previous.value) if answer.previous else ""
    elif isinstance(operation, Range) and isinstance(answer, RangeResult):
        if operation.count_only:
            yield "count", answer.count, ""
        for kv in answer.kvs:
            yield "get", escaped(kv.key), escaped(kv.value)
    elif isinstance(answer, DeleteRangeResult):
        yield "del", answer.deleted, ""
        for kv in answer.previous:
            yield "deleted", escaped(kv.key), escaped(kv.value)


def _json_result(operation: Operation, answer: OperationResult) -> dict[str, Any]:
    if isinstance(operation, Put) and isinstance(answer, PutResult):
        previous = json_key_value(answer.previous) if answer.previous else None
        return {"operation": "put", **json_text("key", operation.key), "previous": previous}
    if isinstance(operation, Range) and isinstance(answer, RangeResult):
        kvs = [json_key_value(kv, with_value=not operation.keys_only) for kv in answer.kvs]
        return {"operation": "get", "count": answer.count, "more": answer.more, "kvs": kvs}
    assert isinstance(answer, DeleteRangeResult)
    return {"operation": "del", "deleted": answer.deleted, "previous": list(map(json_key_value, answer.previous))}
