# SPDX-License-Identifier: Apache-2.0
"""One keyspace with the words that stories are told in."""

from __future__ import annotations

from tests.mvcc.memory_store import MemoryStore
from tricord.base.operations import (
    DeleteRange,
    DeleteRangeResult,
    Event,
    KeyValue,
    Operation,
    Put,
    PutResult,
    Range,
    RangeResult,
    Txn,
    TxnResult,
)
from tricord.base.ordered import Table
from tricord.mvcc.compaction import Compaction
from tricord.mvcc.keys import lease_key
from tricord.mvcc.keyspace import Keyspace
from tricord.mvcc.txn import run_txn


class Space:
    """A keyspace over a store in memory; each write is a transaction of its own."""

    def __init__(self, identity: int = 0, store: MemoryStore | None = None) -> None:
        self.store = MemoryStore() if store is None else store
        self.keyspace = Keyspace(self.store, identity)
        self.events: list[Event] = []
        """Of the last write."""

    @property
    def revision(self) -> int:
        return self.keyspace.revision

    def put(
        self,
        key: bytes,
        value: bytes = b"",
        *,
        lease: int = 0,
        previous: bool = False,
        ignore_value: bool = False,
        ignore_lease: bool = False,
    ) -> PutResult:
        transaction = self.keyspace.begin()
        result = transaction.put(Put(key, value, lease, previous, ignore_value, ignore_lease))
        self.keyspace.commit(transaction)
        self.events = transaction.events
        return result

    def delete(self, key: bytes, range_end: bytes = b"", *, previous: bool = False) -> DeleteRangeResult:
        transaction = self.keyspace.begin()
        result = transaction.delete_range(DeleteRange(key, range_end, previous))
        self.keyspace.commit(transaction)
        self.events = transaction.events
        return result

    def txn(self, request: Txn) -> TxnResult:
        transaction = self.keyspace.begin()
        result = run_txn(self.keyspace, transaction, request)
        self.keyspace.commit(transaction)
        self.events = transaction.events
        return result

    def do(self, *operations: Operation) -> TxnResult:
        """A transaction without compares."""
        return self.txn(Txn([], list(operations), []))

    def get(self, key: bytes, revision: int = 0) -> KeyValue | None:
        kvs = self.keyspace.range(Range(key, revision=revision)).kvs
        return kvs[0] if kvs else None

    def range(self, request: Range) -> RangeResult:
        return self.keyspace.range(request)

    def all(self, revision: int = 0) -> dict[bytes, bytes]:
        """Every key and its value."""
        kvs = self.keyspace.range(Range(b"\x00", b"\x00", revision=revision)).kvs
        assert [kv.key for kv in kvs] == sorted(kv.key for kv in kvs)
        return {kv.key: kv.value for kv in kvs}

    def compact(self, revision: int, *, sweep: bool = True) -> None:
        transaction = self.keyspace.begin()
        transaction.compact(revision)
        self.keyspace.commit(transaction)
        self.store.write([self.keyspace.marks_write()])
        if sweep:
            assert Compaction(self.keyspace).step(1_000)

    def grant(self, lease: int) -> None:
        """Make a lease exist."""
        self.store.write([(Table.LEASES, lease_key(lease), b"")])

    def size(self, table: Table) -> int:
        return self.store.count(table, b"", None)

    def reopen(self) -> Space:
        """The keyspace as a member finds it at its next start."""
        self.store.write([self.keyspace.marks_write()])
        return Space(self.keyspace.identity, self.store)
