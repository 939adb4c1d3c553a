# SPDX-License-Identifier: Apache-2.0
"""Events of the past, read back from the tables: what REVISIONS names, with what HEAD or HISTORY keep of it.

Everything from the compacted revision on can be read. Of a key that one transaction put and deleted, at exactly that
revision, the put is gone.
"""

from __future__ import annotations

from tricord.base.operations import Event, EventKind, KeyValue
from tricord.base.ordered import Table, View
from tricord.mvcc.keys import history_key
from tricord.mvcc.keyspace import Keyspace
from tricord.mvcc.past import version_at
from tricord.mvcc.records import decode_record, mod_revision_of, turn_of

PUT = EventKind.PUT
DELETE = EventKind.DELETE


def past_event(
    space: Keyspace, revision: int, kind: EventKind, turn: int, key: bytes, *, previous: bool
) -> Event | None:
    """The event of one change; None where its version is gone. Cost: a look-up or two, for ``previous`` two more.

    ``previous`` gives what was there before the revision, if that was not compacted.
    """
    store = space.store
    if kind == DELETE:
        kv = KeyValue(key, b"", 0, revision, 0)
    else:
        record = _version(store, space.prefix, revision, turn, key)
        if record is None:
            return None
        kv = decode_record(key, record)
        if kv.create_revision == revision:
            previous = False
    if not previous or revision <= space.compacted:
        return Event(kind, kv)
    before = version_at(store, space.prefix, key, revision - 1)
    return Event(kind, kv, None if before is None else decode_record(key, before))


def _version(view: View, prefix: bytes, revision: int, turn: int, key: bytes) -> bytes | None:
    head = view.get(Table.HEAD, prefix + key)
    if head is not None and mod_revision_of(head) == revision and turn_of(head) == turn:
        return head
    return view.get(Table.HISTORY, history_key(prefix, key, revision, turn))
