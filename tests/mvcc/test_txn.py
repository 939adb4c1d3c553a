# SPDX-License-Identifier: Apache-2.0
"""Transactions: which branch runs, what its operations see, and that all or nothing happens."""

from __future__ import annotations

import pytest

from tests.mvcc.space import Space
from tricord.base.errors import (
    DuplicateKey,
    KeyAbsent,
    KeyNotProvided,
    LeaseNotFound,
    RevisionCompacted,
    RevisionInFuture,
    TricordError,
)
from tricord.base.operations import (
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    DeleteRangeResult,
    Event,
    EventKind,
    KeyValue,
    Operation,
    Put,
    PutResult,
    Range,
    RangeResult,
    Txn,
    TxnResult,
)
from tricord.base.ordered import Table

EQUAL, GREATER, LESS, NOT_EQUAL = CompareResult
VERSION, CREATE, MOD, VALUE, LEASE = CompareTarget
FROM_KEY = b"\x00"


def holds(space: Space, compare: Compare) -> bool:
    return space.txn(Txn([compare], [], [])).succeeded


def test_every_target_and_relation() -> None:
    space = Space()
    space.grant(9)
    space.put(b"other")
    space.put(b"a", b"m", lease=9)
    space.put(b"a", b"n", lease=9)  # create 3, mod 4, version 2
    for target, found, below, above in (
        (VERSION, 2, 1, 3),
        (CREATE, 3, 2, 4),
        (MOD, 4, 3, 5),
        (VALUE, b"n", b"m", b"n\x00"),
        (LEASE, 9, 8, 10),
    ):
        assert isinstance(found, int | bytes)
        assert isinstance(below, int | bytes)
        assert isinstance(above, int | bytes)
        answers = {
            relation: [holds(space, Compare(b"a", target, relation, operand)) for operand in (below, found, above)]
            for relation in CompareResult
        }
        assert answers == {
            EQUAL: [False, True, False],
            NOT_EQUAL: [True, False, True],
            GREATER: [True, False, False],
            LESS: [False, False, True],
        }


def test_an_absent_key_compares_as_zero_and_its_value_as_nothing_at_all() -> None:
    space = Space()
    for target in (VERSION, CREATE, MOD, LEASE):
        assert holds(space, Compare(b"a", target, EQUAL, 0))
        assert holds(space, Compare(b"a", target, LESS, 1))
        assert not holds(space, Compare(b"a", target, GREATER, 0))
    for relation in CompareResult:
        assert not holds(space, Compare(b"a", VALUE, relation, b""))


def test_a_compare_of_a_range_asks_it_of_every_key_and_of_a_zero_key_where_there_is_none() -> None:
    space = Space()
    space.put(b"a", b"1")
    space.put(b"b", b"1")
    space.put(b"b", b"1")
    assert holds(space, Compare(b"a", VALUE, EQUAL, b"1", FROM_KEY))
    assert not holds(space, Compare(b"a", VERSION, EQUAL, 1, FROM_KEY))
    assert holds(space, Compare(b"a", VERSION, EQUAL, 1, b"b"))
    assert holds(space, Compare(b"x", VERSION, EQUAL, 0, FROM_KEY))
    assert holds(space, Compare(b"b", VERSION, EQUAL, 0, b"a"))
    assert not holds(space, Compare(b"x", VALUE, NOT_EQUAL, b"1", FROM_KEY))


def test_what_a_compare_does_not_know_is_equal_and_holds() -> None:
    space = Space()
    space.put(b"a", b"1")
    assert holds(space, Compare(b"a", VERSION, 9, 7))
    assert holds(space, Compare(b"a", 9, EQUAL, 0))
    assert not holds(space, Compare(b"a", 9, NOT_EQUAL, 0))


def test_all_compares_must_hold_and_the_other_branch_runs_otherwise() -> None:
    space = Space()
    space.put(b"a", b"1")
    right, wrong = Compare(b"a", VALUE, EQUAL, b"1"), Compare(b"a", VALUE, EQUAL, b"2")
    request = Txn([right, wrong], [Put(b"yes", b"")], [Put(b"no", b"")])
    assert space.txn(request) == TxnResult(False, [PutResult()])
    assert space.txn(Txn([right, right], [], [Put(b"no", b"")])) == TxnResult(True, [])
    assert list(space.all()) == [b"a", b"no"]


def test_gets_see_earlier_puts_and_deletes_of_the_transaction() -> None:
    space = Space()
    space.put(b"a", b"1")
    space.put(b"c", b"3")
    result = space.do(
        Range(b"a", FROM_KEY, keys_only=True),
        Put(b"b", b"2"),
        Range(b"a", FROM_KEY, count_only=True),
        DeleteRange(b"a"),
        Range(b"a", FROM_KEY),
        Range(b"a"),
        Range(b"b", b"c", limit=1),
    )
    kv_b, kv_c = KeyValue(b"b", b"2", 4, 4, 1), KeyValue(b"c", b"3", 3, 3, 1)
    assert result.results == [
        RangeResult([KeyValue(b"a", b"", 2, 2, 1), KeyValue(b"c", b"", 3, 3, 1)], False, 2),
        PutResult(),
        RangeResult([], False, 3),
        DeleteRangeResult(1, []),
        RangeResult([kv_b, kv_c], False, 2),
        RangeResult([], False, 0),
        RangeResult([kv_b], False, 1),
    ]


def test_a_count_sees_each_key_once_however_the_transaction_changed_it() -> None:
    space = Space()
    for key in (b"a", b"b", b"c"):
        space.put(key)
    count = Range(b"a", FROM_KEY, count_only=True)
    cut = Range(b"a", FROM_KEY, limit=1, keys_only=True)
    result = space.do(Put(b"a", b"over"), DeleteRange(b"b"), Put(b"d", b"new"), DeleteRange(b"x"), count, cut)
    assert result.results[-2:] == [
        RangeResult([], False, 3),
        RangeResult([KeyValue(b"a", b"", 2, 5, 2)], True, 3),
    ]


def test_a_get_of_a_past_revision_does_not_see_the_transaction() -> None:
    space = Space()
    space.put(b"a", b"1")
    result = space.do(Put(b"a", b"2"), Range(b"a", revision=2), Range(b"a"))
    assert [kv.value for part in result.results[1:] if isinstance(part, RangeResult) for kv in part.kvs] == [b"1", b"2"]


def test_compares_of_nested_transactions_see_the_state_before_the_whole() -> None:
    space = Space()
    nested = Txn([Compare(b"a", VERSION, EQUAL, 0)], [Range(b"a")], [])
    result = space.do(Put(b"a", b"1"), nested)
    assert result.results == [PutResult(), TxnResult(True, [RangeResult([KeyValue(b"a", b"1", 2, 2, 1)], False, 1)])]


def test_nested_branches_are_chosen_each_for_itself() -> None:
    space = Space()
    yes, no = Compare(b"a", VERSION, EQUAL, 0), Compare(b"a", VERSION, GREATER, 0)
    inner = Txn([no], [Put(b"1", b"")], [Txn([yes], [Put(b"2", b"")], [Put(b"3", b"")]), Put(b"4", b"")])
    assert space.do(inner, Txn([yes], [Put(b"5", b"")], [])) == TxnResult(
        True,
        [TxnResult(False, [TxnResult(True, [PutResult()]), PutResult()]), TxnResult(True, [PutResult()])],
    )
    assert list(space.all()) == [b"2", b"4", b"5"]


@pytest.mark.parametrize(
    ("last", "refusal"),
    [
        (Put(b"b", b"", lease=77), LeaseNotFound),
        (Put(b"absent", b"", ignore_value=True), KeyAbsent),
        (Range(b"a", revision=99), RevisionInFuture),
        (Range(b"a", revision=6), RevisionInFuture),
        (Range(b"a", revision=3), RevisionCompacted),
        (Put(b"new", b""), DuplicateKey),
        (Put(b"", b""), KeyNotProvided),
        (Txn([], [Put(b"b", b"", lease=77)], []), LeaseNotFound),
        (Txn([], [Range(b"a", revision=99)], []), RevisionInFuture),
    ],
)
def test_a_refused_transaction_changes_nothing(last: Operation, refusal: type[TricordError]) -> None:
    space = Space()
    for value in (b"1", b"2", b"3", b"4"):
        space.put(b"a", value)
    space.compact(4)
    before = space.store.everything()
    with pytest.raises(refusal):
        space.do(Put(b"new", b"1"), DeleteRange(b"a"), last)
    assert space.store.everything() == before
    assert space.revision == 5


def test_of_several_faults_the_first_in_order_is_named() -> None:
    space = Space()
    with pytest.raises(RevisionInFuture):
        space.do(Range(b"a", revision=9), Put(b"a", b"", lease=7))
    with pytest.raises(LeaseNotFound):
        space.do(Put(b"a", b"", lease=7), Range(b"a", revision=9))


def test_what_is_wrong_in_the_branch_not_taken_does_not_matter() -> None:
    space = Space()
    assert space.txn(Txn([], [Put(b"a", b"1")], [Range(b"a", revision=99), Put(b"a", b"", lease=7)])).succeeded


def test_replacing_everything_in_one_revision_deletes_and_puts_a_key() -> None:
    space = Space()
    space.put(b"a", b"1")
    space.put(b"b", b"1")
    old = space.get(b"b")
    assert space.do(DeleteRange(b"\x00", FROM_KEY), Put(b"b", b"2", previous=True)) == TxnResult(
        True, [DeleteRangeResult(2, []), PutResult(None)]
    )
    new = KeyValue(b"b", b"2", create_revision=4, mod_revision=4, version=1)
    assert space.events[1:] == [
        Event(EventKind.DELETE, KeyValue(b"b", b"", 0, 4, 0), old),
        Event(EventKind.PUT, new, None),
    ]
    space.put(b"b", b"3")
    assert [space.all(revision) for revision in (3, 4, 5)] == [
        {b"a": b"1", b"b": b"1"},
        {b"b": b"2"},
        {b"b": b"3"},
    ]
    assert space.get(b"b", 4) == new
    space.compact(4)
    assert space.all(4) == {b"b": b"2"}
    space.compact(5)
    assert space.size(Table.HISTORY) == 0


def test_a_key_put_and_deleted_in_one_revision_leaves_a_tombstone() -> None:
    space = Space()
    space.put(b"b", b"1")
    old = space.get(b"b")
    result = space.do(Put(b"b", b"2"), DeleteRange(b"a", FROM_KEY, previous=True))
    assert result.results[1] == DeleteRangeResult(1, [KeyValue(b"b", b"2", 2, 3, 2)])
    # An event's previous is what was there before the revision.
    assert [(event.kind, event.previous) for event in space.events] == [
        (EventKind.PUT, old),
        (EventKind.DELETE, old),
    ]
    assert (space.all(2), space.all(3)) == ({b"b": b"1"}, {})
    space.put(b"b", b"3")
    assert (space.all(2), space.all(3), space.all(4)) == ({b"b": b"1"}, {}, {b"b": b"3"})


def test_deleted_put_and_deleted_again_in_one_revision() -> None:
    space = Space()
    space.grant(5)
    space.put(b"b", b"1", lease=5)
    everything = DeleteRange(b"\x00", FROM_KEY)
    space.do(everything, Put(b"b", b"2", lease=5), everything, Range(b"b"))
    assert [event.kind for event in space.events] == [EventKind.DELETE, EventKind.PUT, EventKind.DELETE]
    assert (space.all(2), space.all(3)) == ({b"b": b"1"}, {})
    assert space.size(Table.LEASE_KEYS) == 0
    assert space.size(Table.HISTORY) == 4
    with pytest.raises(DuplicateKey):
        space.do(Put(b"b", b"1"), everything, Put(b"b", b"2"))
    space.compact(3)
    assert space.size(Table.HISTORY) == 0
