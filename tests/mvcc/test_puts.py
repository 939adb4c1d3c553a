# SPDX-License-Identifier: Apache-2.0
"""Puts and deletes: what they answer, what they keep, and leases."""

from __future__ import annotations

import pytest

from tests.mvcc.space import Space
from tricord.base.errors import KeyAbsent, KeyNotProvided, LeaseNotFound, LeaseProvided, ValueProvided
from tricord.base.operations import DeleteRange, DeleteRangeResult, KeyValue, Put, PutResult
from tricord.base.ordered import Table
from tricord.mvcc.keys import lease_key


def test_a_put_answers_what_was_there_only_when_asked_and_only_when_something_was() -> None:
    space = Space()
    assert space.put(b"a", b"1", previous=True) == PutResult(None)
    assert space.put(b"a", b"2") == PutResult(None)
    assert space.put(b"a", b"3", previous=True) == PutResult(KeyValue(b"a", b"2", 2, 3, 2))


def test_an_empty_value_is_a_value() -> None:
    space = Space()
    space.put(b"a", b"")
    assert space.get(b"a") == KeyValue(b"a", b"", 2, 2, 1)


def test_ignore_value_keeps_the_value_and_counts_the_version() -> None:
    space = Space()
    space.put(b"a", b"1")
    space.put(b"a", ignore_value=True)
    assert space.get(b"a") == KeyValue(b"a", b"1", 2, 3, 2)
    with pytest.raises(ValueProvided):
        space.put(b"a", b"2", ignore_value=True)


def test_ignoring_needs_a_key_that_exists() -> None:
    space = Space()
    with pytest.raises(KeyAbsent):
        space.put(b"a", ignore_value=True)
    with pytest.raises(KeyAbsent):
        space.put(b"a", ignore_lease=True)
    assert space.revision == 1


def test_a_key_must_be_given() -> None:
    space = Space()
    with pytest.raises(KeyNotProvided):
        space.put(b"", b"1")
    with pytest.raises(KeyNotProvided):
        space.delete(b"", b"z")


def test_a_delete_answers_how_many_and_what_they_held_in_key_order() -> None:
    space = Space()
    for key in (b"c", b"a", b"b"):
        space.put(key, key)
    assert space.delete(b"a", b"c", previous=True) == DeleteRangeResult(
        2, [KeyValue(b"a", b"a", 3, 3, 1), KeyValue(b"b", b"b", 4, 4, 1)]
    )
    assert space.delete(b"c") == DeleteRangeResult(1, [])
    assert space.delete(b"c", previous=True) == DeleteRangeResult(0, [])


def attached(space: Space) -> list[tuple[int, bytes]]:
    return [(int.from_bytes(key[:8], "big"), key[12:]) for key, value in space.store.scan(Table.LEASE_KEYS, b"", None)]


def test_a_lease_that_does_not_exist_is_refused_before_all_else() -> None:
    space = Space()
    with pytest.raises(LeaseNotFound):
        space.put(b"a", b"1", lease=5)
    with pytest.raises(LeaseNotFound):
        space.put(b"a", lease=5, ignore_value=True)
    assert space.revision == 1


def test_a_key_belongs_to_the_lease_of_its_newest_version() -> None:
    space = Space()
    space.grant(5)
    space.grant(6)
    space.put(b"a", b"1", lease=5)
    assert space.get(b"a") == KeyValue(b"a", b"1", 2, 2, 1, lease=5)
    assert attached(space) == [(5, b"a")]
    space.put(b"a", b"2", lease=6)
    assert attached(space) == [(6, b"a")]
    space.put(b"a", b"3", ignore_lease=True)
    assert space.get(b"a") == KeyValue(b"a", b"3", 2, 4, 3, lease=6)
    assert attached(space) == [(6, b"a")]
    space.put(b"a", b"4")
    assert attached(space) == []
    space.put(b"a", b"5", lease=5)
    space.delete(b"a")
    assert attached(space) == []
    assert space.get(b"a", 2) == KeyValue(b"a", b"1", 2, 2, 1, lease=5)


def test_ignore_lease_with_a_lease_is_refused() -> None:
    space = Space()
    space.grant(5)
    space.put(b"a", b"1")
    with pytest.raises(LeaseProvided):
        space.put(b"a", b"2", lease=5, ignore_lease=True)


def test_a_negative_lease_id_is_an_id_like_any_other() -> None:
    space = Space()
    space.grant(-5)
    space.put(b"a", b"1", lease=-5)
    kv = space.get(b"a")
    assert kv is not None
    assert kv.lease == -5
    assert [key[:8] for key, _ in space.store.scan(Table.LEASE_KEYS, b"", None)] == [lease_key(-5)]


def test_nothing_reaches_the_store_before_the_commit() -> None:
    space = Space()
    space.put(b"a", b"1")
    before = space.store.everything()
    transaction = space.keyspace.begin()
    transaction.delete_range(DeleteRange(b"\x00", b"\x00"))
    transaction.put(Put(b"b", b"2"))
    assert space.store.everything() == before
    assert space.revision == 2
    space.keyspace.commit(transaction)
    assert space.all() == {b"b": b"2"}
    assert space.revision == 3
