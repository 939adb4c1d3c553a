# SPDX-License-Identifier: Apache-2.0
"""Checks that need no state, in etcd's order and with its oversights."""

from __future__ import annotations

import pytest

from tricord.base.errors import (
    DuplicateKey,
    InvalidRequest,
    InvalidSortOption,
    KeyNotProvided,
    LeaseProvided,
    TooManyOperations,
    TricordError,
    ValueProvided,
)
from tricord.base.operations import Compact, Compare, DeleteRange, Operation, Put, Range, Request, Txn
from tricord.statemachine.validation import Limits, validate

LIMITS = Limits()


def check(request: Request, limits: Limits = LIMITS) -> type[TricordError] | None:
    try:
        validate(request, limits)
    except TricordError as error:
        return type(error)
    return None


def then(*operations: Operation) -> Txn:
    return Txn([], list(operations), [])


def put(key: bytes) -> Put:
    return Put(key, b"")


@pytest.mark.parametrize(
    ("request_", "refusal"),
    [
        (Put(b"k", b"v"), None),
        (Put(b"", b"v"), KeyNotProvided),
        (Put(b"", b"v", 1, ignore_value=True, ignore_lease=True), KeyNotProvided),
        (Put(b"k", b"v", 1, ignore_value=True, ignore_lease=True), ValueProvided),
        (Put(b"k", b"", 1, ignore_value=True, ignore_lease=True), LeaseProvided),
        (Put(b"k", b"", ignore_value=True, ignore_lease=True), None),
        (DeleteRange(b"k"), None),
        (DeleteRange(b"", b"z"), KeyNotProvided),
        (Range(b"k", sort_order=2, sort_target=4), None),
        (Range(b"", sort_order=9), KeyNotProvided),
        (Range(b"k", sort_order=3), InvalidSortOption),
        (Range(b"k", sort_order=-1), InvalidSortOption),
        (Range(b"k", sort_target=5), InvalidSortOption),
        (Compact(-5), None),
        (Txn([], [], []), None),
        (Txn([Compare(b"", 0, 0, 0)], [], []), KeyNotProvided),
        (Txn([Compare(b"k", 3, 0, b"")], [], []), None),
        (Txn([Compare(b"k", 3, 0, 5)], [], []), InvalidRequest),
        (Txn([Compare(b"k", 0, 0, b"5")], [], []), InvalidRequest),
        (Txn([], [put(b"")], []), KeyNotProvided),
        (Txn([], [], [Range(b"k", sort_order=7)]), InvalidSortOption),
        (then(then(DeleteRange(b""))), KeyNotProvided),
        # Duplicates are looked for last, the failure branch after the success branch.
        (Txn([], [put(b"a"), put(b"a")], [put(b"")]), KeyNotProvided),
    ],
)
def test_single_faults_and_their_order(request_: Request, refusal: type[TricordError] | None) -> None:
    assert check(request_) is refusal


@pytest.mark.parametrize(("count", "refusal"), [(128, None), (129, TooManyOperations)])
def test_each_list_of_a_transaction_has_a_limit_of_its_own(count: int, refusal: type[TricordError] | None) -> None:
    compares = [Compare(b"k", 0, 0, 0)] * count
    reads: list[Operation] = [Range(b"k")] * count
    assert check(Txn(compares, [], [])) is refusal
    assert check(Txn([], reads, [])) is refusal
    assert check(Txn([], [], reads)) is refusal
    assert check(Txn(compares, reads, reads)) is refusal


def test_a_nested_transaction_has_what_its_parent_left() -> None:
    reads: list[Operation] = [Range(b"k")] * 3
    assert check(then(Txn([], reads, [])), Limits(4)) is None
    assert check(then(Txn([], reads, [])), Limits(3)) is TooManyOperations
    assert check(then(Range(b"k"), Txn([], reads, [])), Limits(4)) is TooManyOperations
    deep: Operation = then()
    for _ in range(4):
        deep = then(deep)
    assert check(deep, Limits(4)) is None
    assert check(then(deep), Limits(4)) is TooManyOperations


A_TO_C = DeleteRange(b"a", b"c")


@pytest.mark.parametrize(
    ("branch", "is_duplicate"),
    [
        ([put(b"a"), put(b"b")], False),
        ([put(b"a"), put(b"a")], True),
        ([put(b"a"), DeleteRange(b"a")], True),
        ([DeleteRange(b"a"), put(b"a")], True),
        ([DeleteRange(b"a"), DeleteRange(b"a"), A_TO_C], False),
        ([put(b"b"), A_TO_C], True),
        ([put(b"c"), A_TO_C], False),
        ([put(b"b"), DeleteRange(b"c", b"a")], False),
        ([put(b"a"), Range(b"a"), Range(b"a")], False),
        ([put(b"a"), then(put(b"b"))], False),
        ([put(b"a"), then(put(b"a"))], True),
        ([then(put(b"a")), then(put(b"a"))], True),
        ([Txn([], [put(b"a")], [put(b"a")])], False),
        ([Txn([], [put(b"a")], [put(b"a")]), put(b"a")], True),
        ([Txn([], [put(b"a")], []), Txn([], [], [put(b"a")])], True),
        ([Txn([], [put(b"a"), put(b"a")], [])], True),
        ([DeleteRange(b"a"), then(put(b"a"))], True),
        ([then(DeleteRange(b"a")), put(b"a")], True),
        ([then(A_TO_C), then(then(put(b"b")))], True),
        # What etcd lets pass:
        ([DeleteRange(b"\x00", b"\x00"), put(b"a")], False),
        ([DeleteRange(b"a", b"\x00"), put(b"a")], False),
        ([Txn([], [put(b"a")], [DeleteRange(b"a")])], False),
        ([then(put(b"a")), then(DeleteRange(b"a"))], False),
    ],
)
def test_a_key_is_written_once(branch: list[Operation], is_duplicate: bool) -> None:
    expected = DuplicateKey if is_duplicate else None
    assert check(Txn([], branch, [])) is expected
    assert check(Txn([], [], branch)) is expected


def test_the_two_branches_may_put_one_key() -> None:
    assert check(Txn([], [put(b"a")], [put(b"a"), DeleteRange(b"b")])) is None
