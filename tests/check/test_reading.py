# SPDX-License-Identifier: Apache-2.0
"""Histories from files: what is right is read back, and each wrong line is named."""

from __future__ import annotations

import gzip
import json
from codecs import BOM_UTF8
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tricord.check.history import BadHistory, Operation
from tricord.check.reading import line_of, read_history

PUT = {
    "client": 3,
    "op": "put",
    "key": "k1",
    "input": "v7",
    "output": None,
    "call_ns": 10,
    "return_ns": 25,
    "status": "ok",
}


def lines(*operations: Any) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in operations)


def but(**changes: Any) -> dict[str, Any]:
    return {**PUT, **changes}


def without(name: str) -> dict[str, Any]:
    return {field: value for field, value in PUT.items() if field != name}


def test_a_line_is_an_operation() -> None:
    (one,) = read_history(lines(PUT)).operations
    assert (one.client, one.op, one.key, one.input, one.output) == (3, "put", "k1", "v7", None)
    assert (one.call_ns, one.return_ns, one.status, one.revision, one.index) == (10, 25, "ok", 0, 0)


def test_nothing_is_an_empty_history() -> None:
    assert len(read_history(b"")) == len(read_history(b"\n \r\n")) == 0


def test_what_never_returned_needs_neither_return_nor_output() -> None:
    (one,) = read_history(b'{"client":"a","op":"get","key":"k","call_ns":1,"status":"unknown"}\r\n').operations
    assert (one.client, one.input, one.output, one.return_ns) == ("a", None, None, None)


def test_what_failed_needs_no_return() -> None:
    operations = lines(but(return_ns=None, status="fail"), {**without("return_ns"), "status": "fail"})
    assert [one.return_ns for one in read_history(operations).operations] == [None, None]


def test_an_append_need_not_say_what_it_made_and_no_line_its_revision() -> None:
    append = {**without("output"), "op": "append", "revision": None}
    (one,) = read_history(lines(append)).operations
    assert (one.output, one.revision) == (None, 0)


def test_a_byte_order_mark_is_left_aside() -> None:
    assert len(read_history(BOM_UTF8 + lines(PUT))) == 1


WRONG = [
    ("status must be", but(status="maybe")),
    ("client must be", but(client=None)),
    ("client must be a number", but(client=True)),
    ("call_ns must be", but(call_ns=-1)),
    ("call_ns must be a whole", but(call_ns=1.5)),
    ("return_ns must be", but(return_ns="25")),
    ("return_ns is before call_ns", but(return_ns=9)),
    ("has returned", but(return_ns=None)),
    ("return_ns must be .*, below 2\\^63", but(return_ns=2**63)),
    ("the output of a get is the value: text, or null, written out", {**without("output"), "op": "get"}),
    ("key must be", but(key=7)),
    ("a put needs a key", but(key=None)),
    ("op must be", but(op=1)),
    ("revision must be", but(revision=-1)),
    ("client is missing", without("client")),
    ("op is missing", without("op")),
    ("call_ns is missing", without("call_ns")),
    ("status is missing", without("status")),
    ("the input of a put", without("input")),
    ("the input of a put is", but(input=7)),
    ("the output of a get", but(op="get", output=7)),
    ("the input of a cas", but(op="cas", input={"expect": None})),
    ("the input of a cas is", but(op="cas", input={"expect": None, "value": 1})),
    ("the output of a cas", but(op="cas", input={"expect": None, "value": "x"}, output=None)),
    ("the input of an append", but(op="append", input=None)),
    ("the output of an append", but(op="append", output=["v7"])),
    ("the input of a txn", but(op="txn", key=None, input=[["x", "k", 1]])),
    ("the output of a txn", but(op="txn", key=None, input=[["r", "k", None]], output=[])),
    ("keeps its kind", but(op="txn", key=None, input=[["w", "k", 1]], output=[["w", "k", 2]])),
    ("it is no operation", [PUT]),
    ("it is no operation: Expected `object`", 7),
]


@pytest.mark.parametrize(("words", "line"), WRONG)
def test_a_wrong_line_is_named(words: str, line: Any) -> None:
    with pytest.raises(BadHistory, match=f"^line 2: .*{words}"):
        read_history(lines(PUT, line, PUT))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"client":1,"op":"pu', "line 2: it is no JSON object: Input data was truncated"),
        (b"\xff\xfe", "line 2: it is no JSON object"),
        (b'{"client":1,"op":"\xff"}', "line 2: it is no JSON object"),
        (b'{"input":' + b"[" * 100_000, "line 2: it is nested too deeply"),
        (b"\n" + lines(PUT), "line 2: it is blank"),
        (b"{} {}", "line 2: "),
    ],
)
def test_what_is_no_line_is_named(data: bytes, words: str) -> None:
    with pytest.raises(BadHistory, match=f"^{words}"):
        read_history(lines(PUT) + data)


def test_a_compressed_file_is_told_from_a_wrong_one() -> None:
    with pytest.raises(BadHistory, match="it is compressed; unpack it: `zcat FILE"):
        read_history(gzip.compress(lines(PUT)))


def test_that_a_queue_was_empty_is_written_out() -> None:
    taken = {**without("output"), "op": "dequeue", "input": None}
    assert len(
        read_history(lines({**taken, "output": None}, {**taken, "status": "unknown", "call_ns": 30, "return_ns": 31}))
    )
    with pytest.raises(BadHistory, match="line 1: the output of a dequeue is the element, or null, written out"):
        read_history(lines(taken))


def test_a_client_does_one_thing_at_a_time() -> None:
    with pytest.raises(BadHistory, match=r"line 2: client 3 calls get at 20 ns, but its put of line 1 returns at 25"):
        read_history(lines(PUT, but(op="get", call_ns=20, return_ns=30)))
    assert len(read_history(lines(PUT, but(call_ns=25, return_ns=30), but(client="3", call_ns=11))))


def test_a_client_may_do_several_things_at_once_where_its_order_does_not_count() -> None:
    data = lines(PUT, but(op="get", call_ns=20, return_ns=30))
    assert len(read_history(data, may_overlap=True)) == 2


def test_lines_may_stand_in_any_order() -> None:
    assert len(read_history(lines(but(call_ns=30, return_ns=40), PUT)))
    with pytest.raises(BadHistory, match="line 1: client 3 calls put at 24 ns, but its put of line 2 returns"):
        read_history(lines(but(call_ns=24, return_ns=40), PUT))


def test_what_a_client_called_at_one_moment_follows_the_returns() -> None:
    slow, quick = but(call_ns=10, return_ns=12), but(call_ns=10, return_ns=10)
    assert len(read_history(lines(slow, quick))) == len(read_history(lines(quick, slow))) == 2
    with pytest.raises(BadHistory, match="line 1: client 3 calls put at 10 ns, but its put of line 2"):
        read_history(lines(but(call_ns=10, return_ns=13), slow))


def test_a_client_goes_on_after_an_unknown_operation() -> None:
    assert len(read_history(lines(but(status="unknown"), but(call_ns=11), but(call_ns=25, status="unknown"))))


@given(
    st.builds(
        Operation,
        client=st.integers(-(2**63), 2**63 - 1) | st.text(),
        op=st.sampled_from(("put", "append")),
        key=st.text(),
        input=st.text(),
        output=st.none(),
        call_ns=st.integers(0, 2**40),
        return_ns=st.integers(2**40, 2**63 - 1),
        status=st.sampled_from(("ok", "fail", "unknown")),
        revision=st.integers(0, 2**63 - 1),
    )
)
def test_what_is_written_is_read(one: Operation) -> None:
    (read,) = read_history(line_of(one)).operations
    assert line_of(read) == line_of(one)
    assert all(getattr(read, name) == getattr(one, name) for name in one.__struct_fields__)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_history_or_a_bad_one(data: bytes) -> None:
    try:
        read_history(data)
    except BadHistory as error:
        assert str(error).startswith("line ")
