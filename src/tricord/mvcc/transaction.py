# SPDX-License-Identifier: Apache-2.0
"""A write transaction: it decides on a view of its own and gathers effects; nothing reaches the store before commit.

Changes are numbered within the revision in the order they were made. A key is put at most once in a transaction
(requests that would put one twice are refused before they are proposed, and here again). Most requests that put and
delete one key are refused as well, but not all: etcd overlooks deletions to the end of the keyspace and some in nested
transactions, and its clients may rely on it. So a key can be deleted, put, and deleted again in one revision; its
changes there have turns 0, 1, 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tricord.base.errors import DuplicateKey, KeyAbsent, KeyNotProvided, LeaseNotFound, LeaseProvided, ValueProvided
from tricord.base.operations import (
    DeleteRange,
    DeleteRangeResult,
    Event,
    EventKind,
    KeyValue,
    Put,
    PutResult,
    Range,
    RangeResult,
)
from tricord.base.ordered import Table, Write
from tricord.mvcc.attached import attached_keys
from tricord.mvcc.keys import FROM_KEY, KEYSPACE_BYTES, encode_change, history_key, lease_key, revision_key
from tricord.mvcc.pending import PendingView
from tricord.mvcc.ranges import read_range
from tricord.mvcc.records import TOMBSTONE, decode_record, encode_record, turn_of

if TYPE_CHECKING:
    from tricord.mvcc.keyspace import Keyspace

HEAD = Table.HEAD
HISTORY = Table.HISTORY
REVISIONS = Table.REVISIONS
LEASES = Table.LEASES
LEASE_KEYS = Table.LEASE_KEYS
PUT = EventKind.PUT
DELETE = EventKind.DELETE
PUT_AND_DELETED = b""
"""Stands among the changes for a key that must not be put again."""


_PUT_DONE = PutResult()


class WriteTransaction:
    """The next revision in the making. ``writes`` and ``events`` are empty as long as it changed nothing.

    ``leases`` are the changes of leases, beside those of keys: a lease that has no keys comes and goes without a
    revision.
    """

    __slots__ = ("_changes", "_pending", "_space", "added", "compacted", "events", "leases", "revision", "writes")

    def __init__(self, space: Keyspace) -> None:
        self._space = space
        self.revision = space.revision + 1
        self.writes: list[Write] = []
        self.events: list[Event] = []
        self.added = 0
        """How many more keys there are after it."""
        self.compacted: int | None = None
        self.leases: list[tuple[int, bytes | None]] = []
        self._changes: dict[bytes, bytes | None] = {}
        self._pending: PendingView | None = None

    def put(self, request: Put) -> PutResult:
        """Write one key.

        Raises KeyNotProvided, LeaseNotFound, KeyAbsent, ValueProvided, LeaseProvided, DuplicateKey.
        """
        key = request.key
        if not key:
            raise KeyNotProvided
        space = self._space
        prefix = space.prefix
        head_key = prefix + key
        changes = self._changes
        turn = 0
        if head_key in changes:
            if changes[head_key] is not None:
                raise DuplicateKey
            turn = 1
        lease = request.lease
        if lease and space.store.get(LEASES, lease_key(lease)) is None:
            raise LeaseNotFound
        value = request.value
        revision = self.revision
        writes = self.writes
        events = self.events
        record = None if turn else space.store.get(HEAD, head_key)
        previous: KeyValue | None = None
        create_revision = revision
        version = 1
        if record is None:
            if request.ignore_value or request.ignore_lease:
                raise KeyAbsent
            self.added += 1
        else:
            previous = decode_record(key, record)
            create_revision = previous.create_revision
            version = previous.version + 1
            if request.ignore_value or request.ignore_lease:
                value, lease = _kept(request, previous)
            writes.append((HISTORY, history_key(prefix, key, previous.mod_revision, turn_of(record)), record))
        if lease or (previous is not None and previous.lease):
            self._move_lease(head_key, 0 if previous is None else previous.lease, lease)
        new = encode_record(create_revision, revision, version, lease, value, turn)
        changes[head_key] = new
        writes.append((HEAD, head_key, new))
        writes.append((REVISIONS, revision_key(prefix, revision, len(events)), encode_change(PUT, turn, key)))
        events.append(Event(PUT, KeyValue(key, value, create_revision, revision, version, lease), previous))
        return PutResult(previous) if request.previous else _PUT_DONE

    def delete_range(self, request: DeleteRange) -> DeleteRangeResult:
        """Delete what is there. Raises KeyNotProvided, DuplicateKey. Cost: the keys in the range."""
        key = request.key
        if not key:
            raise KeyNotProvided
        gone = self._found(key, request.range_end)
        for head_key, record in gone:
            self._delete(head_key, record)
        previous = (
            [decode_record(head_key[KEYSPACE_BYTES:], record) for head_key, record in gone] if request.previous else []
        )
        return DeleteRangeResult(len(gone), previous)

    def range(self, request: Range) -> RangeResult:
        """Read, seeing the changes so far; at a revision of the past, without them. Raises as Keyspace.range."""
        space = self._space
        if request.revision > 0 or not self._changes:
            return read_range(space.store, space, request)
        return read_range(self._view(), space, request)

    def compact(self, revision: int) -> None:
        """Move the compacted mark. Raises RevisionCompacted, RevisionInFuture. What it frees is swept later."""
        self._space.check_compaction(revision)
        self.compacted = revision

    def lease(self, lease: int) -> bytes | None:
        """The record of a lease as it was before the transaction; None: there is none."""
        return self._space.store.get(LEASES, lease_key(lease))

    def set_lease(self, lease: int, record: bytes) -> None:
        """Record a lease, new or not."""
        self.leases.append((lease, record))
        self.writes.append((LEASES, lease_key(lease), record))

    def end_lease(self, lease: int) -> None:
        """Delete a lease and its keys in this keyspace, in key order. Cost: its keys."""
        self.delete_attached(lease)
        self.leases.append((lease, None))
        self.writes.append((LEASES, lease_key(lease), None))

    def delete_attached(self, lease: int) -> None:
        """Delete the keys of a lease in this keyspace, in key order. Cost: those keys."""
        space = self._space
        for attached in attached_keys(space.store, lease, space.prefix, space.stop):
            record = space.store.get(HEAD, attached)
            assert record is not None, "a key that is attached to a lease is there"
            self._delete(attached, record)

    def _view(self) -> PendingView:
        """What the transaction sees."""
        if self._pending is None:
            self._pending = PendingView(self._space.store, self._changes)
        return self._pending

    def _found(self, key: bytes, range_end: bytes) -> list[tuple[bytes, bytes]]:
        space = self._space
        view = self._view() if self._changes else space.store
        start = space.prefix + key
        if not range_end:
            record = view.get(HEAD, start)
            return [] if record is None else [(start, record)]
        end = space.stop if range_end == FROM_KEY else space.prefix + range_end
        if end is not None and end <= start:
            return []
        return list(view.scan(HEAD, start, end))

    def _delete(self, head_key: bytes, record: bytes) -> None:
        space = self._space
        prefix = space.prefix
        key = head_key[KEYSPACE_BYTES:]
        revision = self.revision
        previous: KeyValue | None = decode_record(key, record)
        assert previous is not None
        self.added -= 1
        writes = self.writes
        turn = 0
        gone: bytes | None = None
        writes.append((HISTORY, history_key(prefix, key, previous.mod_revision, turn_of(record)), record))
        if previous.lease:
            self._move_lease(head_key, previous.lease, 0)
        if head_key in self._changes:
            # Put in this very transaction. An event's previous is what was there before the revision.
            turn = turn_of(record) + 1
            gone = PUT_AND_DELETED
            before = space.store.get(HEAD, head_key)
            previous = None if before is None else decode_record(key, before)
        writes.append((HISTORY, history_key(prefix, key, revision, turn), TOMBSTONE))
        writes.append((HEAD, head_key, None))
        writes.append((REVISIONS, revision_key(prefix, revision, len(self.events)), encode_change(DELETE, turn, key)))
        self._changes[head_key] = gone
        self.events.append(Event(DELETE, KeyValue(key, b"", 0, revision, 0), previous))

    def _move_lease(self, head_key: bytes, old: int, new: int) -> None:
        if old == new:
            return
        if old:
            self.writes.append((LEASE_KEYS, lease_key(old) + head_key, None))
        if new:
            self.writes.append((LEASE_KEYS, lease_key(new) + head_key, b""))


def _kept(request: Put, previous: KeyValue) -> tuple[bytes, int]:
    """Value and lease of a put that keeps one of them, or both."""
    if request.ignore_value and request.value:
        raise ValueProvided
    if request.ignore_lease and request.lease:
        raise LeaseProvided
    return (
        previous.value if request.ignore_value else request.value,
        previous.lease if request.ignore_lease else request.lease,
    )
