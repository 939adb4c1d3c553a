# SPDX-License-Identifier: Apache-2.0
"""Sweeping: what a compaction frees, what it keeps, and that it can be stopped anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mvcc.space import Space
from tricord.base.operations import DeleteRange, Operation, Put
from tricord.base.ordered import Table
from tricord.mvcc.compaction import Compaction
from tricord.mvcc.keys import decode_change, split_revision_key


def changes(space: Space) -> list[tuple[int, bytes]]:
    """(revision, key) of what REVISIONS still lists."""
    return [
        (split_revision_key(place)[0], decode_change(change)[2])
        for place, change in space.store.scan(Table.REVISIONS, b"", None)
    ]


def test_superseded_versions_go_and_the_newest_at_the_mark_stays() -> None:
    space = Space()
    for value in (b"1", b"2", b"3", b"4"):
        space.put(b"a", value)
    space.compact(4)
    assert space.size(Table.HISTORY) == 1  # the version of 4, superseded at 5
    assert [space.all(revision) for revision in (4, 5)] == [{b"a": b"3"}, {b"a": b"4"}]
    assert changes(space) == [(4, b"a"), (5, b"a")]


def test_a_key_that_is_not_touched_any_more_stays_for_ever() -> None:
    space = Space()
    space.put(b"still", b"here")
    for value in (b"1", b"2"):
        space.put(b"a", value)
    space.compact(4)
    assert space.all(4) == {b"a": b"2", b"still": b"here"}
    assert space.size(Table.HISTORY) == 0


def test_a_tombstone_at_or_below_the_mark_goes_with_all_that_it_ended() -> None:
    space = Space()
    space.put(b"a", b"1")
    space.put(b"a", b"2")
    space.delete(b"a")
    space.compact(3)
    assert (space.all(3), space.all(4)) == ({b"a": b"2"}, {})
    assert space.size(Table.HISTORY) == 2
    space.compact(4)
    assert space.all(4) == {}
    assert space.size(Table.HISTORY) == 0
    assert changes(space) == [(4, b"a")]


def test_a_version_kept_by_one_compaction_is_freed_by_a_later_one() -> None:
    space = Space()
    space.put(b"a", b"1")
    space.put(b"b", b"")
    space.put(b"a", b"2")
    space.compact(3)
    assert space.get(b"a", 3) is not None
    assert space.size(Table.HISTORY) == 1
    space.compact(4)
    assert space.size(Table.HISTORY) == 0


def test_until_the_sweep_is_done_reads_do_not_tell_the_difference() -> None:
    space = Space()
    for number in range(10):
        space.put(b"a", b"%d" % number)
        space.put(b"b%d" % number)
        space.delete(b"b%d" % number)
    at = space.revision - 8
    expected = [space.all(revision) for revision in range(at, space.revision + 1)]
    space.compact(at, sweep=False)
    sweep = Compaction(space.keyspace)
    steps = 0
    while not sweep.step(3):
        steps += 1
        assert [space.all(revision) for revision in range(at, space.revision + 1)] == expected
    assert steps == 7  # 23 changes up to the mark, three at a time
    assert [space.all(revision) for revision in range(at, space.revision + 1)] == expected
    assert space.keyspace.swept == at
    assert sweep.step(1)


def test_a_sweep_goes_on_after_a_restart() -> None:
    space = Space()
    for number in range(6):
        space.put(b"a", b"%d" % number)
    space.compact(7, sweep=False)
    assert not Compaction(space.keyspace).step(2)
    again = space.reopen()
    sweep = Compaction(again.keyspace)
    assert not sweep.done
    while not sweep.step(2):
        pass
    assert again.size(Table.HISTORY) == 0
    assert changes(again) == [(7, b"a")]
    assert Compaction(again.reopen().keyspace).done


def test_writes_between_slices_are_kept() -> None:
    space = Space()
    for number in range(4):
        space.put(b"a", b"%d" % number)
    space.compact(5, sweep=False)
    sweep = Compaction(space.keyspace)
    assert not sweep.step(2)
    space.put(b"a", b"late")
    while not sweep.step(2):
        pass
    assert (space.all(5), space.all(6)) == ({b"a": b"3"}, {b"a": b"late"})


def test_nothing_is_to_sweep_before_the_first_compaction() -> None:
    assert Compaction(Space().keyspace).step(1)


def test_other_keyspaces_are_left_alone() -> None:
    first = Space(1)
    second = Space(2, first.store)
    for space in (first, second):
        space.put(b"a", b"1")
        space.put(b"a", b"2")
    first.compact(3)
    assert (second.all(2), second.all(3)) == ({b"a": b"1"}, {b"a": b"2"})
    assert changes(second) == [(3, b"a"), (2, b"a"), (3, b"a")]


@pytest.mark.parametrize("limit", [0, -1])
def test_a_slice_has_a_size(limit: int) -> None:
    space = Space()
    space.put(b"a")
    space.compact(2, sweep=False)
    with pytest.raises(AssertionError):
        Compaction(space.keyspace).step(limit)


writes: st.SearchStrategy[Operation] = st.one_of(
    st.builds(Put, st.sampled_from((b"a", b"b", b"a\x00")), st.sampled_from((b"1", b"2"))),
    st.builds(DeleteRange, st.sampled_from((b"a", b"b", b"\x00")), st.sampled_from((b"", b"\x00"))),
)


@given(st.lists(writes, max_size=15), st.data())
def test_what_is_left_never_depends_on_the_slices(history: list[Operation], data: st.DataObject) -> None:
    whole, sliced = Space(), Space()
    for operation in history:
        whole.do(operation)
        sliced.do(operation)
    mark = data.draw(st.integers(0, whole.revision))
    whole.compact(mark)
    sliced.compact(mark, sweep=False)
    for limit in data.draw(st.lists(st.integers(1, 3), max_size=3)):
        Compaction(sliced.keyspace).step(limit)
    sweep = Compaction(sliced.keyspace)
    while not sweep.step(data.draw(st.integers(1, 3))):
        pass
    assert sliced.store.everything() == whole.store.everything()
