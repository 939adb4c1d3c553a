# SPDX-License-Identifier: Apache-2.0
"""The content hash: equal where the data is equal, whatever was swept or drained."""

from __future__ import annotations

import pytest

from tests.mvcc.space import Space
from tricord.base.errors import RevisionCompacted, RevisionInFuture
from tricord.mvcc.hashes import content_hash


def written() -> Space:
    space = Space()
    for key, value in ((b"a", b"1"), (b"b", b"2"), (b"a", b"3")):
        space.put(key, value)
    space.delete(b"b")
    return space


def test_equal_histories_have_equal_hashes_at_every_revision() -> None:
    one, two = written(), written()
    two.store.drain()
    two.compact(3)
    for revision in (3, 4, 5, 0):
        assert content_hash(one.keyspace, revision) == content_hash(two.keyspace, revision)
    assert content_hash(one.keyspace, 5) == content_hash(one.keyspace)


def test_each_revision_has_its_own() -> None:
    space = written()
    hashes = [content_hash(space.keyspace, revision) for revision in range(1, 6)]
    assert len(set(hashes)) == 5


def test_the_same_values_written_otherwise_differ() -> None:
    one, two = Space(), Space()
    one.put(b"a", b"1")
    two.put(b"a", b"0")
    two.put(b"a", b"1")
    assert content_hash(one.keyspace) != content_hash(two.keyspace)


def test_only_readable_revisions_are_hashed() -> None:
    space = written()
    space.compact(4)
    with pytest.raises(RevisionInFuture):
        content_hash(space.keyspace, 6)
    with pytest.raises(RevisionCompacted):
        content_hash(space.keyspace, 3)
