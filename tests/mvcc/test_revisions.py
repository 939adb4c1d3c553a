# SPDX-License-Identifier: Apache-2.0
"""Revisions: when they move, what they say of a key, and which can be read."""

from __future__ import annotations

import pytest

from tests.mvcc.space import Space
from tricord.base.errors import RevisionCompacted, RevisionInFuture
from tricord.base.operations import DeleteRange, Event, EventKind, KeyValue, Put, Range


def test_a_fresh_keyspace_is_at_revision_1_and_the_first_write_makes_2() -> None:
    space = Space()
    assert space.revision == 1
    space.put(b"a", b"1")
    assert space.revision == 2
    assert space.get(b"a") == KeyValue(b"a", b"1", create_revision=2, mod_revision=2, version=1)


def test_deleting_nothing_and_reading_leave_the_revision() -> None:
    space = Space()
    assert space.delete(b"a").deleted == 0
    assert space.do(Range(b"a"), DeleteRange(b"a", b"z")).succeeded
    assert space.revision == 1
    assert space.events == []


def test_an_overwrite_keeps_the_create_revision_and_counts_the_version() -> None:
    space = Space()
    space.put(b"a", b"1")
    space.put(b"b", b"")
    space.put(b"a", b"2")
    assert space.get(b"a") == KeyValue(b"a", b"2", create_revision=2, mod_revision=4, version=2)


def test_a_put_after_a_delete_is_a_new_key() -> None:
    space = Space()
    space.put(b"a", b"1")
    space.put(b"a", b"2")
    space.delete(b"a")
    space.put(b"a", b"3")
    assert space.get(b"a") == KeyValue(b"a", b"3", create_revision=5, mod_revision=5, version=1)


def test_all_changes_of_one_transaction_share_its_revision_and_keep_their_order() -> None:
    space = Space()
    space.put(b"x", b"old")
    space.do(Put(b"b", b"1"), Put(b"a", b"2"), DeleteRange(b"x"))
    assert space.revision == 3
    assert [(event.kind, event.kv.key, event.kv.mod_revision) for event in space.events] == [
        (EventKind.PUT, b"b", 3),
        (EventKind.PUT, b"a", 3),
        (EventKind.DELETE, b"x", 3),
    ]


def test_events_say_what_was_there_before() -> None:
    space = Space()
    space.put(b"a", b"1")
    first = space.get(b"a")
    assert space.events == [Event(EventKind.PUT, KeyValue(b"a", b"1", 2, 2, 1), None)]
    space.put(b"a", b"2")
    second = space.get(b"a")
    assert space.events == [Event(EventKind.PUT, KeyValue(b"a", b"2", 2, 3, 2), first)]
    space.delete(b"a")
    assert space.events == [Event(EventKind.DELETE, KeyValue(b"a", b"", 0, 4, 0), second)]


def test_every_past_revision_reads_as_it_was() -> None:
    space = Space()
    space.put(b"a", b"1")
    space.put(b"b", b"2")
    space.put(b"a", b"3")
    space.delete(b"b")
    space.put(b"b", b"4")
    assert [space.all(revision) for revision in range(1, 7)] == [
        {},
        {b"a": b"1"},
        {b"a": b"1", b"b": b"2"},
        {b"a": b"3", b"b": b"2"},
        {b"a": b"3"},
        {b"a": b"3", b"b": b"4"},
    ]
    assert [getattr(space.get(b"b", revision), "value", None) for revision in range(1, 7)] == [
        None,
        None,
        b"2",
        b"2",
        None,
        b"4",
    ]


def test_the_future_cannot_be_read_and_a_negative_revision_means_now() -> None:
    space = Space()
    space.put(b"a", b"1")
    with pytest.raises(RevisionInFuture):
        space.get(b"a", 3)
    assert space.get(b"a", -7) == space.get(b"a")


def test_below_the_compacted_revision_nothing_is_read_and_at_it_everything() -> None:
    space = Space()
    for value in (b"1", b"2", b"3"):
        space.put(b"a", value)
    space.compact(3)
    assert space.all(3) == {b"a": b"2"}
    with pytest.raises(RevisionCompacted):
        space.get(b"a", 2)


def test_a_compaction_goes_forward_and_not_beyond_now() -> None:
    space = Space()
    space.put(b"a", b"1")
    with pytest.raises(RevisionInFuture):
        space.compact(3)
    space.compact(2)
    for revision in (2, 1, 0, -1):
        with pytest.raises(RevisionCompacted):
            space.compact(revision)
    assert space.revision == 2


def test_revision_0_may_be_compacted_once_as_in_etcd() -> None:
    space = Space()
    with pytest.raises(RevisionCompacted):
        space.compact(-1)
    space.compact(0)
    with pytest.raises(RevisionCompacted):
        space.compact(0)


def test_marks_survive_a_restart() -> None:
    space = Space()
    space.put(b"a", b"1")
    space.put(b"a", b"2")
    space.compact(2)
    again = space.reopen()
    assert (again.revision, again.keyspace.compacted, again.keyspace.swept) == (3, 2, 2)
    again.put(b"a", b"3")
    assert again.get(b"a") == KeyValue(b"a", b"3", create_revision=2, mod_revision=4, version=3)


def test_keyspaces_in_one_store_know_nothing_of_each_other() -> None:
    first = Space(1)
    second = Space(2, first.store)
    first.put(b"a", b"1")
    first.put(b"\xff\xff", b"last")
    second.put(b"a", b"2")
    second.put(b"a", b"3")
    assert (first.revision, second.revision) == (3, 3)
    assert first.all() == {b"a": b"1", b"\xff\xff": b"last"}
    assert second.all() == {b"a": b"3"}
    assert second.all(2) == {b"a": b"2"}
    assert first.delete(b"\x00", b"\x00").deleted == 2
    second.compact(3)
    assert second.all() == {b"a": b"3"}
    assert first.all(3) == {b"a": b"1", b"\xff\xff": b"last"}
