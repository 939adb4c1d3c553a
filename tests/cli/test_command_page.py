# SPDX-License-Identifier: Apache-2.0
"""The page about the command line shows what the commands take."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from typer.testing import CliRunner

from tricord.base.operations import DeleteRange, Put, Range
from tricord.cli.main import app
from tricord.cli.txn_text import parse_condition, parse_lines, parse_operation

PAGE = (Path(__file__).parents[2] / "docs" / "command_line.md").read_text(encoding="utf-8")


def test_every_command_is_on_the_page_and_every_one_on_the_page_is_there() -> None:
    groups = "(?:member |config |cluster |lease |snapshot |keyspace )?"
    named = set(re.findall(rf"`tricord ({groups}[a-z][a-z-]*)[` ]", PAGE)) - {"COMMAND"}
    for words in named:
        assert CliRunner().invoke(app, [*words.split(), "--help"]).exit_code == 0, words
    shown = CliRunner().invoke(app, ["--help"]).stdout.partition("Commands:")[2]
    commands = {line.split()[0] for line in shown.splitlines() if line.startswith("  ") and line[2] != " "}
    assert commands == {words.split()[0] for words in named}


def test_the_examples_of_transactions_are_read() -> None:
    first, second = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)
    words = shlex.split(first)[2:]
    for option, text in zip(words[::2], words[1::2], strict=True):
        (parse_condition if option == "--if" else parse_operation)(text)
    txn = parse_lines(second.splitlines())
    assert (len(txn.compares), len(txn.success), len(txn.failure)) == (2, 1, 1)


def test_every_option_of_an_operation_is_on_the_page() -> None:
    for kind, example in (("put", "put k v"), ("get", "get k"), ("del", "del k")):
        (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{kind} ")]
        for option in re.findall(r"`(--[a-z-]+)", row):
            value = " 1" if f"`{option} " in row else ""
            assert type(parse_operation(f"{example} {option}{value}")) in (Put, Range, DeleteRange)
