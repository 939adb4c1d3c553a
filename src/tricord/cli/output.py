# SPDX-License-Identifier: Apache-2.0
"""How results look on stdout.

- On a terminal: a table. Elsewhere, plain: one line a row, columns split by tabs.
- ``--json``: one JSON document. A key or value that is not UTF-8 comes base64 encoded under ``key_base64`` or
  ``value_base64`` instead.
- Commands that go on (``watch``) print a line for each thing that happens, with ``--json`` a document a line.
- ``--raw``: the bytes of the values and nothing else.

In tables and plain lines, control characters, backslashes and bytes that are not UTF-8 are escaped (``\\n``,
``\\xff``), so a line is a row and no value can steer a terminal.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

from tricord.base.operations import KeyValue
from tricord.cli.usage import WrongUsage

ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Format(Enum):
    """What was asked for; LINES is a table on a terminal and plain lines elsewhere."""

    LINES = "lines"
    JSON = "json"
    RAW = "raw"


def chosen_format(as_json: bool, raw: bool) -> Format:
    """The format that the two flags ask for."""
    if as_json and raw:
        raise WrongUsage("--json and --raw exclude each other")
    return Format.JSON if as_json else Format.RAW if raw else Format.LINES


def escaped(data: bytes) -> str:
    """``data`` as printable text on one line; reversible."""
    text = data.decode("utf-8", "surrogateescape")
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(
        character if character.isprintable() and character != "\\" else _escape(character) for character in text
    )


def _escape(character: str) -> str:
    known = ESCAPES.get(character)
    if known is not None:
        return known
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


def write_rows(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows as a table, or as plain lines without the headers."""
    if not sys.stdout.isatty():
        for row in rows:
            sys.stdout.write("\t".join(map(str, row)) + "\n")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    Console(file=sys.stdout).print(table)


def write_json(document: Any) -> None:
    """One JSON document, indented for a terminal and on one line elsewhere."""
    indent = 2 if sys.stdout.isatty() else None
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=indent) + "\n")


def write_line(columns: Iterable[object]) -> None:
    """One plain line, at once: of a command that goes on, on a terminal too."""
    sys.stdout.write("\t".join(map(str, columns)) + "\n")
    sys.stdout.flush()


def write_json_line(document: Any) -> None:
    """One JSON document on one line, at once: of a command that goes on."""
    write_line((json.dumps(document, ensure_ascii=False),))


def write_raw(data: bytes) -> None:
    """Exactly these bytes."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


def json_text(name: str, data: bytes) -> dict[str, str]:
    """``{name: text}``, or ``{name_base64: ...}`` where the bytes are no UTF-8."""
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(data).decode()}


def json_key_value(kv: KeyValue, *, with_value: bool = True) -> dict[str, Any]:
    """A key with its value and revisions."""
    return {
        **json_text("key", kv.key),
        **(json_text("value", kv.value) if with_value else {}),
        "create_revision": kv.create_revision,
        "mod_revision": kv.mod_revision,
        "version": kv.version,
        "lease": kv.lease,
    }
