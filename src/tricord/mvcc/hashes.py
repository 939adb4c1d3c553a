# SPDX-License-Identifier: Apache-2.0
"""The content hash: a digest of what a keyspace holds at a revision, whatever each member has swept so far."""

from __future__ import annotations

from xxhash import xxh3_64

from tricord.base.ordered import Table
from tricord.mvcc.keyspace import Keyspace
from tricord.mvcc.past import scan_at


def content_hash(space: Keyspace, revision: int = 0) -> int:
    """64 bits over every key, in order, with its version at ``revision`` (0: now). Raises as a read. Cost: all keys."""
    if revision > 0:
        space.check_revision(revision)
    else:
        revision = space.revision
    if revision == space.revision:
        pairs = space.store.scan(Table.HEAD, space.prefix, space.stop)
    else:
        pairs = scan_at(space.store, space.prefix, space.stop, revision)
    digest = xxh3_64()
    for key, record in pairs:
        digest.update(len(key).to_bytes(4, "big"))
        digest.update(key)
        digest.update(len(record).to_bytes(4, "big"))
        digest.update(record)
    return digest.intdigest()
