# SPDX-License-Identifier: Apache-2.0
"""Which transactions change a key twice, against a plain search of all puts and deletes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tricord.base.errors import DuplicateKey
from tricord.base.operations import DeleteRange, Operation, Put, Txn
from tricord.statemachine.conflicts import DeletedKeys, check_conflicts

KEYS = st.text("abc", min_size=1, max_size=2).map(str.encode)
ENDS = st.just(b"") | st.just(b"\0") | KEYS
CHANGES = st.builds(Put, KEYS, st.just(b"")) | st.builds(DeleteRange, KEYS, ENDS)
BRANCHES: st.SearchStrategy[list[Operation]] = st.recursive(
    st.lists(CHANGES, max_size=3),
    lambda inner: st.lists(CHANGES | st.builds(Txn, st.just([]), inner, inner), max_size=4),
    max_leaves=8,
)


def conflicts(branch: list[Operation]) -> tuple[set[bytes], list[tuple[bytes, bytes]]] | None:
    """What is put and deleted; None where that meets."""
    puts: set[bytes] = set()
    deletes = [(one.key, one.range_end) for one in branch if isinstance(one, DeleteRange)]

    def claim(keys: set[bytes]) -> bool:
        met = any(key in puts or any(is_in(key, *one) for one in deletes) for key in keys)
        puts.update(keys)
        return met

    for one in branch:
        if isinstance(one, Txn):
            success, failure = conflicts(one.success), conflicts(one.failure)
            if success is None or failure is None or claim(success[0] | failure[0]):
                return None
            deletes += success[1] + failure[1]
    for one in branch:
        if isinstance(one, Put) and claim({one.key}):
            return None
    return puts, deletes


def is_in(key: bytes, start: bytes, end: bytes) -> bool:
    return start <= key < end if end else start == key


@settings(deadline=None, max_examples=400)
@given(BRANCHES)
def test_a_key_is_changed_once(branch: list[Operation]) -> None:
    if conflicts(branch) is not None:
        check_conflicts(branch)
        return
    with pytest.raises(DuplicateKey):
        check_conflicts(branch)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(KEYS, ENDS), max_size=12), st.lists(st.tuples(KEYS, ENDS), max_size=12), KEYS)
def test_deleted_keys_are_those_of_any_delete(
    first: list[tuple[bytes, bytes]], second: list[tuple[bytes, bytes]], key: bytes
) -> None:
    deleted, more = DeletedKeys(), DeletedKeys()
    for one in first:
        deleted.add(*one)
    for one in second:
        more.add(*one)
    deleted.add_all(more)
    assert (key in deleted) is any(is_in(key, *one) for one in first + second)


def test_puts_beside_very_many_deletes_are_checked_in_no_time() -> None:
    """A search through all deletes for each put would take minutes."""
    deletes: list[Operation] = [DeleteRange(b"a%06d" % number) for number in range(30_000)]
    puts: list[Operation] = [Put(b"p%06d" % number, b"") for number in range(30_000)]
    check_conflicts([Txn([], deletes, []), Txn([], puts, [])])
    with pytest.raises(DuplicateKey):
        check_conflicts([Txn([], deletes, []), Txn([], [*puts, Put(b"a029999", b"")], [])])
