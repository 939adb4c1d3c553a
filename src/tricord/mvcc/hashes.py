# SPDX-License-Identifier: Apache-2.0
"""The content hash: a digest of what a keyspace holds at a revision, whatever each member has swept so far."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from xxhash import xxh3_64

from tricord.base.ordered import Table, View
from tricord.mvcc.keyspace import FrozenKeyspace, Keyspace
from tricord.mvcc.past import scan_at


class Digest:
    """64 bits over (key, record) pairs, taken in slices."""

    __slots__ = ("_digest", "_pairs")

    def __init__(self, pairs: Iterator[tuple[bytes, bytes]], seed: int = 0) -> None:
        self._pairs = pairs
        self._digest = xxh3_64(seed=seed)

    def step(self, limit: int) -> bool:
        """Take up to ``limit`` more pairs; True when none is left. Cost: under 1 us a pair, and reading it."""
        update, count = self._digest.update, 0
        for key, record in islice(self._pairs, limit):
            count += 1
            update(len(key).to_bytes(4, "big"))
            update(key)
            update(len(record).to_bytes(4, "big"))
            update(record)
        return count < limit

    @property
    def value(self) -> int:
        """The digest of what was taken."""
        return self._digest.intdigest()


def keys_at(view: View, space: Keyspace | FrozenKeyspace, revision: int) -> Iterator[tuple[bytes, bytes]]:
    """Every key of the keyspace, in order, with its record at ``revision``. Raises as a read, at once."""
    space.check_revision(revision)
    if revision == space.revision:
        return view.scan(Table.HEAD, space.prefix, space.stop)
    return scan_at(view, space.prefix, space.stop, revision)


def content_hash(space: Keyspace, revision: int = 0) -> int:
    """64 bits over every key with its version at ``revision`` (0: now). Raises as a read. Cost: all keys."""
    digest = Digest(keys_at(space.store, space, revision if revision > 0 else space.revision))
    while not digest.step(1 << 16):
        pass
    return digest.value
