# SPDX-License-Identifier: Apache-2.0
"""How results look: escaping, JSON, and the table on a terminal."""

from __future__ import annotations

import io
import json
import sys

import pytest

from tricord.base.operations import KeyValue
from tricord.cli.output import escaped, json_key_value, json_text, write_json, write_rows


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain", "plain"),
        ("größer ✓".encode(), "größer ✓"),
        (b"two\nlines\tand\rmore", "two\\nlines\\tand\\rmore"),
        (b"back\\slash", "back\\\\slash"),
        (b"\x1b[31mred", "\\x1b[31mred"),
        (b"a\xff\x00b", "a\\xff\\x00b"),
        ("\u202e".encode(), "\\xe2\\x80\\xae"),
        (b"", ""),
    ],
)
def test_no_value_breaks_a_line_or_steers_a_terminal(data: bytes, text: str) -> None:
    assert escaped(data) == text


def test_json_says_which_bytes_are_base64() -> None:
    assert json_text("key", "ä".encode()) == {"key": "ä"}
    assert json_text("key", b"\xff") == {"key_base64": "/w=="}
    kv = KeyValue(b"k", b"\xff", 2, 3, 2, 7)
    assert json_key_value(kv) == {
        "key": "k",
        "value_base64": "/w==",
        "create_revision": 2,
        "mod_revision": 3,
        "version": 2,
        "lease": 7,
    }
    assert "value" not in json_key_value(KeyValue(b"k", b"", 2, 3, 2), with_value=False)


def test_elsewhere_than_on_a_terminal_rows_are_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    write_rows(("key", "value"), [("a", 1), ("b", 2)])
    assert out.getvalue() == "a\t1\nb\t2\n"


def test_a_terminal_gets_a_table_with_headers_and_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    write_rows(("key", "value"), [("[red]a[/red]", "1")])
    table = out.getvalue()
    assert "key" in table.splitlines()[0]
    assert "[red]a[/red]" in table


def test_json_is_one_line_for_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    write_json({"a": ["ä"]})
    assert out.getvalue() == '{"a": ["ä"]}\n'
    assert json.loads(out.getvalue()) == {"a": ["ä"]}
