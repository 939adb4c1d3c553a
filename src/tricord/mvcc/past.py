# SPDX-License-Identifier: Apache-2.0
"""Reading a past revision: HEAD and HISTORY merged in key order.

Of each key the newest version at or below the revision counts. HEAD holds it when it was not changed since; otherwise
it is the first one in HISTORY that is old enough; a tombstone there means that the key was absent.
"""

from __future__ import annotations

from collections.abc import Iterator

from tricord.base.ordered import Table, View
from tricord.mvcc.keys import KEYSPACE_BYTES, TURNS, escape, history_end, history_key, inverted_place, unescape
from tricord.mvcc.records import TOMBSTONE, mod_revision_of


def version_at(view: View, prefix: bytes, key: bytes, revision: int) -> bytes | None:
    """The record of ``key`` at ``revision``; None where it was absent. Cost: a look-up, a step of a scan."""
    head = view.get(Table.HEAD, prefix + key)
    if head is not None and mod_revision_of(head) <= revision:
        return head
    for _, record in view.scan(Table.HISTORY, history_key(prefix, key, revision, TURNS - 1), history_end(prefix, key)):
        return None if record == TOMBSTONE else record
    return None


def scan_at(view: View, start: bytes, end: bytes | None, revision: int) -> Iterator[tuple[bytes, bytes]]:
    """(HEAD key, record) pairs of ``start <= key < end`` as they were at ``revision``, in key order.

    ``start`` and ``end`` are HEAD keys: with the keyspace in front. Cost: every version kept in the range.
    """
    heads = view.scan(Table.HEAD, start, end)
    olds = _old_versions(view, start, end, revision)
    head = next(heads, None)
    old = next(olds, None)
    while head is not None or old is not None:
        if old is None or (head is not None and head[0] <= old[0]):
            assert head is not None
            if mod_revision_of(head[1]) <= revision:
                yield head
                if old is not None and old[0] == head[0]:
                    old = next(olds, None)
            head = next(heads, None)
            continue
        if old[1] != TOMBSTONE:
            yield old
        old = next(olds, None)


def _old_versions(view: View, start: bytes, end: bytes | None, revision: int) -> Iterator[tuple[bytes, bytes]]:
    """Of each key in HISTORY its newest version at or below ``revision``, under its HEAD key."""
    newest_allowed = inverted_place(revision, TURNS - 1)
    last = b""
    for history, record in view.scan(
        Table.HISTORY, _history_bound(start), None if end is None else _history_bound(end)
    ):
        escaped = history[:-8]
        if escaped != last and history[-8:] >= newest_allowed:
            last = escaped
            yield escaped[:KEYSPACE_BYTES] + unescape(escaped[KEYSPACE_BYTES:]), record


def _history_bound(head_key: bytes) -> bytes:
    """The first HISTORY key that a key at or after ``head_key`` can have; a bare keyspace stays what it is."""
    key = head_key[KEYSPACE_BYTES:]
    return head_key[:KEYSPACE_BYTES] + escape(key) if key else head_key
