# SPDX-License-Identifier: Apache-2.0
"""What is kept of a keyspace, in the order in which it was written: each readable revision can be made again of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mvcc.space import Space
from tricord.base.errors import CorruptData
from tricord.base.export import KeptChange
from tricord.base.operations import DeleteRange, KeyValue, Operation, Put, Range
from tricord.base.ordered import Table
from tricord.mvcc.compaction import Compaction
from tricord.mvcc.kept import kept_changes
from tricord.mvcc.keyspace import keyspace_in

KEYS = (b"a", b"b", b"\x00", b"a\x00", b"\xff")


def in_memory(strings: Iterator[bytes]) -> Iterator[bytes]:
    return iter(sorted(strings))


def kept(space: Space) -> list[KeptChange]:
    space.store.write([space.keyspace.marks_write()])
    found = list(kept_changes(keyspace_in(space.store, space.keyspace.identity), in_memory))
    places = [(change.revision, change.sub) for change in found]
    assert places == sorted(set(places))
    return found


def check_every_revision(space: Space) -> None:
    """Played from the start, the changes give what reads give."""
    changes = kept(space)
    state: dict[bytes, KeyValue] = {}
    for revision in range(1, space.revision + 1):
        for change in [change for change in changes if change.revision == revision]:
            if change.deleted:
                state.pop(change.record.key, None)
            else:
                assert change.record.mod_revision == revision
                state[change.record.key] = change.record
        if revision >= space.keyspace.compacted:
            read = space.range(Range(b"\x00", b"\x00", revision=revision)).kvs
            assert read == [state[key] for key in sorted(state)], f"at {revision}"


def test_without_a_compaction_it_is_every_change() -> None:
    space = Space()
    space.put(b"a", b"1", lease=0)
    space.do(Put(b"b", b"2"), Put(b"a", b"3"))
    space.delete(b"a")
    assert [(change.revision, change.sub, change.deleted, change.record.key) for change in kept(space)] == [
        (2, 0, False, b"a"),
        (3, 0, False, b"b"),
        (3, 1, False, b"a"),
        (4, 0, True, b"a"),
    ]
    check_every_revision(space)


def test_what_a_compaction_left_comes_in_the_order_of_its_revisions() -> None:
    space = Space()
    space.do(Put(b"z", b"1"), Put(b"gone", b""), Put(b"y", b"1"))
    space.put(b"a", b"2")
    space.delete(b"gone")
    space.put(b"z", b"3")
    space.put(b"a", b"4")
    space.compact(6)
    assert [(change.revision, change.sub, change.record.key) for change in kept(space)] == [
        (2, 0, b"y"),
        (5, 0, b"z"),
        (6, 0, b"a"),
    ]
    check_every_revision(space)


@pytest.mark.parametrize("swept", [0, 1, 2, 3, 100])
def test_half_swept_it_is_the_same(swept: int) -> None:
    space = Space()
    for number in range(4):
        space.do(Put(b"a", b"%d" % number), Put(b"b%d" % number, b""), DeleteRange(b"b%d" % (number - 2)))
    space.compact(4, sweep=False)
    before = kept(space)
    sweep = Compaction(space.keyspace)
    for _ in range(swept):
        sweep.step(1)
    assert kept(space) == before
    check_every_revision(space)


def test_changes_of_one_key_in_one_revision_are_told_apart() -> None:
    space = Space()
    space.put(b"a", b"1")
    space.do(DeleteRange(b"a"), Put(b"a", b"2"))
    changes = [(change.revision, change.sub, change.deleted) for change in kept(space)]
    assert changes == [(2, 0, False), (3, 0, True), (3, 1, False)]
    space.put(b"a", b"3")
    space.compact(3)
    check_every_revision(space)


operations: st.SearchStrategy[Operation] = st.one_of(
    st.builds(Put, st.sampled_from(KEYS), st.binary(max_size=2)),
    st.builds(DeleteRange, st.sampled_from(KEYS)),
)


def unlike(chosen: list[Operation]) -> list[Operation]:
    """Without what a transaction may not hold: two puts of a key, a put of one that it deletes."""
    seen: set[bytes] = set()
    left: list[Operation] = []
    for operation in chosen:
        assert isinstance(operation, Put | DeleteRange)
        if operation.key not in seen:
            seen.add(operation.key)
            left.append(operation)
    return left


@given(
    st.lists(st.lists(operations, min_size=1, max_size=4).map(unlike), max_size=12),
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 30)), max_size=2),
)
def test_any_history_with_compactions_swept_to_anywhere(
    history: list[list[Operation]], compactions: list[tuple[int, int]]
) -> None:
    space = Space()
    for at, transaction in enumerate(history):
        space.do(*transaction)
        for when, steps in compactions:
            revision = space.revision - 2
            if when == at and revision > max(space.keyspace.compacted, 0):
                space.compact(revision, sweep=False)
                sweep = Compaction(space.keyspace)
                for _ in range(steps):
                    sweep.step(1)
    check_every_revision(space)


def test_other_keyspaces_are_not_looked_at() -> None:
    space = Space(identity=7)
    other = Space(identity=8, store=space.store)
    for one in (space, other):
        for number in range(4):
            one.put(b"a", b"%d of %d" % (number, one.keyspace.identity))
    space.compact(4)
    other.compact(3)
    assert {change.record.value[-1:] for change in kept(space)} == {b"7"}
    assert {change.record.value[-1:] for change in kept(other)} == {b"8"}


def test_a_version_that_is_missing_is_damage() -> None:
    space = Space()
    space.put(b"a", b"1")
    space.put(b"a", b"2")
    ((place, _),) = space.store.scan(Table.HISTORY, b"", None)
    space.store.write([(Table.HISTORY, place, None)])
    with pytest.raises(CorruptData, match="revision 2"):
        kept(space)
