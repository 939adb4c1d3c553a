# SPDX-License-Identifier: Apache-2.0
"""Everything that can still be read of a keyspace, in the order in which it was written.

REVISIONS lists the changes from the compacted mark on. What is older and still there, because nothing superseded it up
to the mark, is listed nowhere by revision: it is gathered from HEAD and HISTORY and sorted. Its place among other
changes of its revision was forgotten with them, so those that are left are counted anew, in key order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct

from tricord.base.errors import CorruptData
from tricord.base.export import KeptChange
from tricord.base.operations import EventKind, KeyValue
from tricord.base.ordered import Table
from tricord.mvcc.keys import (
    KEYSPACE_BYTES,
    TURNS,
    decode_change,
    history_key,
    inverted_place,
    revision_key,
    split_revision_key,
    unescape,
)
from tricord.mvcc.keyspace import FrozenKeyspace
from tricord.mvcc.records import TOMBSTONE, decode_record, mod_revision_of, turn_of

Sort = Callable[[Iterator[bytes]], Iterator[bytes]]
"""Gives the byte strings in their order; there may be more than memory holds."""

_PLACE = Struct(">QB")


def kept_changes(space: FrozenKeyspace, sort: Sort) -> Iterator[KeptChange]:
    """All changes that can be read, by (revision, sub). Cost: one or two look-ups for each, about 4 us.

    Raises CorruptData where a change is listed and its version is not there.
    """
    if space.compacted > 0:
        yield from _before_the_mark(space, sort)
    yield from _listed(space)


def _listed(space: FrozenKeyspace) -> Iterator[KeptChange]:
    view, prefix = space.view, space.prefix
    start = revision_key(prefix, max(space.compacted, 0), 0)
    for place, change in view.scan(Table.REVISIONS, start, space.stop):
        revision, sub = split_revision_key(place)
        kind, turn, key = decode_change(change)
        if kind == EventKind.DELETE:
            yield KeptChange(revision, sub, True, KeyValue(key, b"", 0, revision, 0))
            continue
        record = view.get(Table.HEAD, prefix + key)
        if record is None or mod_revision_of(record) != revision or turn_of(record) != turn:
            record = view.get(Table.HISTORY, history_key(prefix, key, revision, turn))
        if record is not None:
            yield KeptChange(revision, sub, False, decode_record(key, record))
        elif revision > space.compacted:
            raise CorruptData("backend", 0, f"the version of {key[:64]!r} at revision {revision} is not there")
        # At the mark a later change of the same transaction may have superseded it.


def _before_the_mark(space: FrozenKeyspace, sort: Sort) -> Iterator[KeptChange]:
    view, last, sub = space.view, 0, 0
    for pointer in sort(_pointers(space)):
        revision, table = _PLACE.unpack_from(pointer)
        place = pointer[_PLACE.size :]
        record = view.get(Table(table), place)
        if record is None:
            raise CorruptData("backend", 0, f"a version at revision {revision} was there a moment ago")
        key = place[KEYSPACE_BYTES:]
        if table == Table.HISTORY:
            key = unescape(key[:-8])
        sub = sub + 1 if revision == last else 0
        last = revision
        yield KeptChange(revision, sub, False, decode_record(key, record))


def _pointers(space: FrozenKeyspace) -> Iterator[bytes]:
    """Where the versions are that were current at the mark and are older: revision, table, key there."""
    view, prefix, compacted = space.view, space.prefix, space.compacted
    for place, record in view.scan(Table.HEAD, prefix, space.stop):
        revision = mod_revision_of(record)
        if revision < compacted:
            yield _PLACE.pack(revision, Table.HEAD) + place
    newest_allowed = inverted_place(compacted, TURNS - 1)
    seen = b""
    for place, record in view.scan(Table.HISTORY, prefix, space.stop):
        escaped = place[:-8]
        if escaped == seen or place[-8:] < newest_allowed:
            continue
        # The newest that is old enough; those behind it were superseded, and go when compaction gets there.
        seen = escaped
        if record == TOMBSTONE:
            continue
        revision = mod_revision_of(record)
        if revision == compacted:
            continue
        head = view.get(Table.HEAD, prefix + unescape(escaped[KEYSPACE_BYTES:]))
        if head is None or mod_revision_of(head) > compacted:
            yield _PLACE.pack(revision, Table.HISTORY) + place
