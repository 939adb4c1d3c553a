# SPDX-License-Identifier: Apache-2.0
"""The check of registers accepts what may be and names what may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.faults.history import Recorder, States, check_registers
from tricord.base.operations import Event, EventKind, KeyValue
from tricord.check.history import Operation
from tricord.check.reading import read_history


def put(revision: int, value: bytes) -> Event:
    return Event(EventKind.PUT, KeyValue(b"k", value, 2, revision, 1))


# Revision 2: k = a; 3: k is deleted; 4: k = b; 5: k = bc.
STATES = States([put(2, b"a"), Event(EventKind.DELETE, KeyValue(b"k", b"", 0, 3, 0)), put(4, b"b"), put(5, b"bc")])


def op(kind: str, given: object, output: object, at: tuple[int, int], revision: int, status: str = "ok") -> Operation:
    return Operation(1, kind, "k", given, output, at[0], at[1], status, revision)


WRITE = op("put", "a", None, (0, 10), 2)


def test_what_may_be_is_accepted() -> None:
    history = [
        WRITE,
        op("get", None, "a", (5, 30), 2),
        op("get", None, None, (12, 20), 3),
        op("cas", {"expect": None, "value": "b"}, True, (25, 40), 4),
        op("cas", {"expect": "a", "value": "c"}, False, (50, 60), 4),
        op("delete", None, None, (12, 30), 3),
        op("append", "c", "bc", (50, 70), 5),
        op("put", "lost, and never promised", None, (50, 60), 0, "unknown"),
    ]
    assert check_registers(history, STATES) == 7


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (op("get", None, "b", (12, 20), 2), "a read of what was not there"),
        (op("put", "x", None, (12, 20), 4), "an acknowledged write is lost"),
        (op("delete", None, None, (12, 20), 4), "an acknowledged delete is lost"),
        (op("append", "c", "c", (12, 20), 5), "an append to another string"),
        (op("put", "a", None, (12, 20), 6), "a write without its revision"),
        (op("cas", {"expect": "a", "value": "b"}, True, (12, 20), 4), "a wrong comparison"),
        (op("cas", {"expect": None, "value": "c"}, True, (12, 20), 4), "an acknowledged write is lost"),
        (op("get", None, None, (11, 20), 1), "older than what had returned before"),
    ],
)
def test_what_may_not_be_is_named(wrong: Operation, text: str) -> None:
    with pytest.raises(AssertionError, match=text):
        check_registers([WRITE, wrong], STATES)


def test_a_recorder_keeps_a_line_for_each_operation(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "history.jsonl")
    recorder.add(3, "put", "k", "v", None, 10, "ok", 7)
    recorder.close()
    (one,) = read_history((tmp_path / "history.jsonl").read_bytes()).operations
    assert (one.client, one.op, one.key, one.input, one.call_ns, one.revision) == (3, "put", "k", "v", 10, 7)
    assert one.status == "ok" and one.return_ns is not None and one.return_ns > 10
