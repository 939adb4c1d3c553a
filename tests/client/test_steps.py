# SPDX-License-Identifier: Apache-2.0
"""The words of transactions: what they ask, and how their answers read."""

from __future__ import annotations

import pytest

from tricord.base.levels import Stamp
from tricord.base.operations import (
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    DeleteRangeResult,
    KeyValue,
    OperationResult,
    Put,
    PutResult,
    Range,
    RangeResult,
    SortOrder,
    SortTarget,
    Txn,
    TxnResult,
)
from tricord.txn import (
    Condition,
    absent,
    count,
    create_revision,
    delete,
    delete_prefix,
    delete_range,
    exists,
    get,
    get_prefix,
    get_range,
    has,
    lease,
    mod_revision,
    put,
    txn,
    value,
    version,
)

STAMP = Stamp(1, 2, 3, 40)
KV = KeyValue(b"k", b"v", 4, 5, 2)


@pytest.mark.parametrize(
    ("condition", "compare"),
    [
        (value("k") == "v", Compare(b"k", CompareTarget.VALUE, CompareResult.EQUAL, b"v")),
        (value("k") != b"v", Compare(b"k", CompareTarget.VALUE, CompareResult.NOT_EQUAL, b"v")),
        (value("k") < "v", Compare(b"k", CompareTarget.VALUE, CompareResult.LESS, b"v")),
        (value("k") > "v", Compare(b"k", CompareTarget.VALUE, CompareResult.GREATER, b"v")),
        (version("k") == 3, Compare(b"k", CompareTarget.VERSION, CompareResult.EQUAL, 3)),
        (create_revision("k") != 3, Compare(b"k", CompareTarget.CREATE, CompareResult.NOT_EQUAL, 3)),
        (mod_revision("k") < 3, Compare(b"k", CompareTarget.MOD, CompareResult.LESS, 3)),
        (mod_revision("k") <= 3, Compare(b"k", CompareTarget.MOD, CompareResult.LESS, 4)),
        (mod_revision("k") >= 3, Compare(b"k", CompareTarget.MOD, CompareResult.GREATER, 2)),
        (lease("k") > 3, Compare(b"k", CompareTarget.LEASE, CompareResult.GREATER, 3)),
        (exists("k"), Compare(b"k", CompareTarget.VERSION, CompareResult.GREATER, 0)),
        (absent("k"), Compare(b"k", CompareTarget.VERSION, CompareResult.EQUAL, 0)),
        (version("a", range_end="b") > 1, Compare(b"a", CompareTarget.VERSION, CompareResult.GREATER, 1, b"b")),
    ],
)
def test_a_comparison_becomes_a_compare(condition: Condition, compare: Compare) -> None:
    assert condition.compare == compare


def test_a_condition_has_no_truth_of_its_own() -> None:
    with pytest.raises(TypeError, match="decided by the store"):
        bool(exists("a") and exists("b"))
    with pytest.raises(TypeError):
        hash(value("a"))


def test_steps_become_operations() -> None:
    assert put("k", "v", lease=7, previous=True).operation == Put(b"k", b"v", 7, True)
    assert get("k", revision=3).operation == Range(b"k", revision=3)
    assert get_prefix("k/", limit=2, keys_only=True).operation == Range(b"k/", b"k0", limit=2, keys_only=True)
    assert get_range("a", "c", order=SortOrder.DESCEND, sort_by=SortTarget.MOD).operation == Range(
        b"a", b"c", sort_order=SortOrder.DESCEND, sort_target=SortTarget.MOD
    )
    assert count("k/").operation == Range(b"k/", b"k0", count_only=True)
    assert has("k").operation == Range(b"k", count_only=True)
    assert delete("k", previous=True).operation == DeleteRange(b"k", previous=True)
    assert delete_prefix("k/").operation == DeleteRange(b"k/", b"k0")
    assert delete_range("a").operation == DeleteRange(b"a", b"\0")


def test_the_reply_says_which_branch_ran_and_each_step_reads_its_own_answer() -> None:
    write, read, remove, number = put("a", "1"), get("k"), delete("z"), count()
    other = get("k")
    step = txn(when=[absent("a")], then=[write, read, remove, number], otherwise=[other])
    results: list[OperationResult] = [
        PutResult(),
        RangeResult([KV], False, 1),
        DeleteRangeResult(0, []),
        RangeResult([], False, 9),
    ]
    reply = step.read(TxnResult(True, results), STAMP)
    assert reply and reply.succeeded
    assert reply.revision == 40
    assert reply.of(write).revision == 40
    assert reply.of(read) == KV
    assert not reply.of(remove)
    assert reply.of(number) == 9
    assert reply.results == [reply.of(write), KV, reply.of(remove), 9]
    with pytest.raises(LookupError):
        reply.of(other)
    refused = step.read(TxnResult(False, [RangeResult([], False, 0)]), STAMP)
    assert not refused
    assert refused.of(other) is None


def test_transactions_nest() -> None:
    inner = txn(when=[exists("b")], then=[read := get("b")])
    outer = txn(then=[inner])
    assert outer.operation == Txn([], [Txn([exists("b").compare], [Range(b"b")], [])], [])
    reply = outer.read(TxnResult(True, [TxnResult(True, [RangeResult([KV], False, 1)])]), STAMP)
    assert reply.of(inner).of(read) == KV
