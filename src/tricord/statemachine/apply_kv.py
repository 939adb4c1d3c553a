# SPDX-License-Identifier: Apache-2.0
"""Appliers of writes to keys: Put, DeleteRange, Txn.

An applier decides: it gathers effects in the transaction and returns the result, or raises InvalidRequest to refuse. It
changes nothing itself.
"""

from __future__ import annotations

from tricord.base.operations import DeleteRange, DeleteRangeResult, Put, PutResult, Txn, TxnResult
from tricord.mvcc.keyspace import Keyspace
from tricord.mvcc.transaction import WriteTransaction
from tricord.mvcc.txn import run_txn


def apply_put(_: Keyspace, transaction: WriteTransaction, request: Put) -> PutResult:
    """Write one key."""
    return transaction.put(request)


def apply_delete_range(_: Keyspace, transaction: WriteTransaction, request: DeleteRange) -> DeleteRangeResult:
    """Delete a key or a range of keys."""
    return transaction.delete_range(request)


def apply_txn(space: Keyspace, transaction: WriteTransaction, request: Txn) -> TxnResult:
    """Run a transaction."""
    return run_txn(space, transaction, request)
