# SPDX-License-Identifier: Apache-2.0
"""Transactions as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tricord.base.operations import Compare, CompareResult, CompareTarget, DeleteRange, Operation, Put, Range, Txn
from tricord.cli.output import escaped
from tricord.cli.txn_text import parse_condition, parse_lines, parse_operation
from tricord.cli.usage import WrongUsage

VALUE, VERSION, LEASE = CompareTarget.VALUE, CompareTarget.VERSION, CompareTarget.LEASE
EQUAL, LESS, GREATER, NOT_EQUAL = (
    CompareResult.EQUAL,
    CompareResult.LESS,
    CompareResult.GREATER,
    CompareResult.NOT_EQUAL,
)


@pytest.mark.parametrize(
    ("text", "compare"),
    [
        ("value(k) = v", Compare(b"k", VALUE, EQUAL, b"v")),
        ("value(k)=v", Compare(b"k", VALUE, EQUAL, b"v")),
        ("  value ( k )  !=  'a b' ", Compare(b"k", VALUE, NOT_EQUAL, b"a b")),
        ('value("a) b") < \\xff\\n', Compare(b"a) b", VALUE, LESS, b"\xff\n")),
        ("value(k) = ''", Compare(b"k", VALUE, EQUAL, b"")),
        ("version(k) = 0", Compare(b"k", VERSION, EQUAL, 0)),
        ("version(k) >= 3", Compare(b"k", VERSION, GREATER, 2)),
        ("version(k) <= 3", Compare(b"k", VERSION, LESS, 4)),
        ("create(k) > 3", Compare(b"k", CompareTarget.CREATE, GREATER, 3)),
        ("mod(k) < 3", Compare(b"k", CompareTarget.MOD, LESS, 3)),
        ("lease(k) = 0x1f", Compare(b"k", LEASE, EQUAL, 31)),
        ("exists(k)", Compare(b"k", VERSION, GREATER, 0)),
        ("absent(k)", Compare(b"k", VERSION, EQUAL, 0)),
    ],
)
def test_a_condition(text: str, compare: Compare) -> None:
    assert parse_condition(text) == compare


@pytest.mark.parametrize(
    ("text", "operation"),
    [
        ("put k v", Put(b"k", b"v")),
        ("put 'a key' \"it's\" --lease 0x10 --previous", Put(b"a key", b"it's", 16, True)),
        ("put k --lease=7 v", Put(b"k", b"v", 7)),
        ("put -- k --v", Put(b"k", b"--v")),
        ("put k '--v'", Put(b"k", b"--v")),
        ("put k 'single \\n'", Put(b"k", b"single \\n")),
        ("put k pre'fix ed'post", Put(b"k", b"prefix edpost")),
        ("get k", Range(b"k")),
        ("get a f --limit 3", Range(b"a", b"f", 3)),
        ("get a/ --prefix --keys-only", Range(b"a/", b"a0", keys_only=True)),
        ("get '' --prefix --count-only", Range(b"\0", b"\0", count_only=True)),
        ("get a --from-key --revision 9", Range(b"a", b"\0", 0, 9)),
        ("del k", DeleteRange(b"k")),
        ("del k --prefix --previous", DeleteRange(b"k", b"l", True)),
    ],
)
def test_an_operation(text: str, operation: Operation) -> None:
    assert parse_operation(text) == operation


@pytest.mark.parametrize(
    "text",
    [
        "",
        "value",
        "value(k",
        "value() = v",
        "value(k) v",
        "value(k) =",
        "value(k) = a b",
        "value(k) <= v",
        "value(k) =< v",
        "valu(k) = v",
        "version(k) = many",
        "exists(k) = 1",
        "value(k) = 'open",
        "value(k) = \\",
        "value(k) = \\xzz",
        "value(k) = \\x1",
    ],
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(WrongUsage):
        parse_condition(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "set k v",
        "put k",
        "put k v w",
        "put k v --lease",
        "put k v --lease x",
        "put k v --prefix",
        "put k v --previous=1",
        "get",
        "get a b c",
        "get a b --prefix",
        "get a --limit ten",
        "del a --limit 1",
        "del 'a",
    ],
)
def test_what_is_no_operation_is_refused(text: str) -> None:
    with pytest.raises(WrongUsage):
        parse_operation(text)


def test_lines_make_a_transaction() -> None:
    lines = ["# take the lock", "if absent(lock)", "", "  then put lock me  ", "then get lock", "else del lock"]
    assert parse_lines(lines) == Txn(
        [Compare(b"lock", VERSION, EQUAL, 0)], [Put(b"lock", b"me"), Range(b"lock")], [DeleteRange(b"lock")]
    )


def test_a_wrong_line_is_named() -> None:
    with pytest.raises(WrongUsage, match=r"line 2: .*'when'"):
        parse_lines(["then get k", "when absent(k)"])
    with pytest.raises(WrongUsage, match=r"line 1: .*takes 2 words, got 1"):
        parse_lines(["then put k"])


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_what_commands_print_can_be_typed_back(key: bytes, value: bytes) -> None:
    text = f'put "{_quoted(key)}" "{_quoted(value)}"'
    assert parse_operation(text) == Put(key, value)


def _quoted(data: bytes) -> str:
    return escaped(data).replace('"', '\\"')
