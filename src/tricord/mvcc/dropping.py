# SPDX-License-Identifier: Apache-2.0
"""Freeing what a dropped keyspace held, in slices.

Nobody can read it any more; each member frees it at its own pace. Every step leaves a state from which a new sweep can
start over.
"""

from __future__ import annotations

from itertools import islice

from tricord.base.ordered import OrderedStore, Table, Write
from tricord.mvcc.keys import KEYSPACE_BYTES, keyspace_prefix, keyspace_stop, lease_key
from tricord.mvcc.keyspace import marks_name, swept_name
from tricord.mvcc.records import decode_record

_TABLES = (Table.HEAD, Table.HISTORY, Table.REVISIONS)


class Dropping:
    """The sweep of one dropped keyspace."""

    __slots__ = ("_prefix", "_stop", "_store", "identity")

    def __init__(self, store: OrderedStore, identity: int) -> None:
        self._store = store
        self.identity = identity
        self._prefix = keyspace_prefix(identity)
        self._stop = keyspace_stop(identity)

    def step(self, limit: int) -> bool:
        """Remove up to ``limit`` rows; True when none is left, the keyspace's marks included."""
        store = self._store
        writes: list[Write] = []
        for table in _TABLES:
            for key, record in islice(store.scan(table, self._prefix, self._stop), limit - len(writes)):
                writes.append((table, key, None))
                if table is Table.HEAD and (lease := decode_record(key[KEYSPACE_BYTES:], record).lease):
                    writes.append((Table.LEASE_KEYS, lease_key(lease) + key, None))
            if len(writes) >= limit:
                store.write(writes)
                return False
        writes += [(Table.META, marks_name(self._prefix), None), (Table.META, swept_name(self._prefix), None)]
        store.write(writes)
        return True
