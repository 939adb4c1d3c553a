# SPDX-License-Identifier: Apache-2.0
"""Records are cheap, compare by value, and hold what they name and nothing else."""

from __future__ import annotations

import pytest

from tricord.base.levels import Level, Stamp
from tricord.base.operations import Compact, DeleteRange, KeyValue, Put, Range, Txn, is_read


def test_equal_content_is_equal() -> None:
    assert Stamp(1, 2, 3, 4) == Stamp(1, 2, 3, 4, Level.LINEARIZABLE)
    assert Stamp(1, 2, 3, 4) != Stamp(1, 2, 3, 5)


def test_a_record_has_no_room_for_what_it_does_not_name() -> None:
    with pytest.raises(AttributeError):
        setattr(Stamp(1, 2, 3, 4), "colour", "red")  # noqa: B010  mypy would refuse the plain assignment


def test_a_value_is_read_as_text_or_bytes() -> None:
    pair = KeyValue(b"key", "zwölf".encode(), 2, 2, 1, 0)
    assert pair.text == "zwölf"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (Range(b"a"), True),
        (Put(b"a", b"1"), False),
        (DeleteRange(b"a"), False),
        (Compact(5), False),
        (Txn([], [Range(b"a")], [Range(b"b")]), True),
        (Txn([], [Range(b"a")], [Put(b"b", b"1")]), False),
        (Txn([], [Txn([], [Range(b"a")], [DeleteRange(b"a")])], []), False),
        (Txn([], [], []), True),
    ],
)
def test_a_request_is_a_read_when_no_branch_of_it_can_write(request_: Range | Txn, expected: bool) -> None:
    assert is_read(request_) is expected
