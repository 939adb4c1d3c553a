# SPDX-License-Identifier: Apache-2.0
"""Carrying out a Txn: choose the branches, check what can fail, then run the operations.

All compares, those of nested transactions too, see the state before the whole transaction. Then the operations on the
chosen path are checked against that same state, in order, so that a transaction which cannot finish changes
nothing. (etcd 3.6 checks a range's revision on the member asked only; here every member refuses alike.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from tricord.base.errors import KeyAbsent, KeyNotProvided, LeaseNotFound
from tricord.base.operations import (
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    KeyValue,
    Operation,
    OperationResult,
    Put,
    Range,
    Txn,
    TxnResult,
)
from tricord.base.ordered import Table
from tricord.mvcc.keys import lease_key
from tricord.mvcc.records import decode_record
from tricord.mvcc.transaction import WriteTransaction

if TYPE_CHECKING:
    from tricord.mvcc.keyspace import Keyspace

_ABSENT = KeyValue(b"", b"", 0, 0, 0)


def run_txn(space: Keyspace, transaction: WriteTransaction, request: Txn) -> TxnResult:
    """Run ``request`` inside ``transaction``. Raises InvalidRequest; the transaction must then be thrown away."""
    path: list[bool] = []
    _choose(space, request, path)
    _check(space, request, iter(path))
    return _run(transaction, request, iter(path))


def _choose(space: Keyspace, request: Txn, path: list[bool]) -> None:
    """Append for the transaction, and for each nested one on the chosen path, whether its compares hold."""
    succeeded = True
    for compare in request.compares:
        if not _holds(space, compare):
            succeeded = False
            break
    path.append(succeeded)
    for operation in request.success if succeeded else request.failure:
        if type(operation) is Txn:
            _choose(space, operation, path)


def _run(transaction: WriteTransaction, request: Txn, path: Iterator[bool]) -> TxnResult:
    succeeded = next(path)
    results: list[OperationResult] = []
    for operation in request.success if succeeded else request.failure:
        if type(operation) is Txn:
            results.append(_run(transaction, operation, path))
        else:
            results.append(_RUN[type(operation)](transaction, operation))
    return TxnResult(succeeded, results)


_RUN: dict[type[Operation], Callable[[WriteTransaction, Any], OperationResult]] = {
    Put: WriteTransaction.put,
    DeleteRange: WriteTransaction.delete_range,
    Range: WriteTransaction.range,
}


def _check(space: Keyspace, request: Txn, path: Iterator[bool]) -> None:
    for operation in request.success if next(path) else request.failure:
        kind = type(operation)
        if kind is Txn:
            _check(space, cast(Txn, operation), path)
        elif kind is Put:
            _check_put(space, cast(Put, operation))
        elif kind is Range:
            revision = cast(Range, operation).revision
            if revision:
                space.check_revision(revision)


def _check_put(space: Keyspace, put: Put) -> None:
    if (put.ignore_value or put.ignore_lease) and space.store.get(Table.HEAD, space.prefix + put.key) is None:
        raise KeyAbsent
    if put.lease and space.store.get(Table.LEASES, lease_key(put.lease)) is None:
        raise LeaseNotFound


def _holds(space: Keyspace, compare: Compare) -> bool:
    if not compare.key:
        raise KeyNotProvided
    if not compare.range_end:
        record = space.store.get(Table.HEAD, space.prefix + compare.key)
        if record is not None:
            return _relates(compare, decode_record(compare.key, record))
    else:
        kvs = space.range(Range(compare.key, compare.range_end)).kvs
        if kvs:
            return all(_relates(compare, kv) for kv in kvs)
    # Nothing is there: numbers compare as those of a key that never was, a value compares as false.
    return compare.target != CompareTarget.VALUE and _relates(compare, _ABSENT)


_TARGETS: dict[int, Callable[[KeyValue], Any]] = {
    CompareTarget.VERSION: lambda kv: kv.version,
    CompareTarget.CREATE: lambda kv: kv.create_revision,
    CompareTarget.MOD: lambda kv: kv.mod_revision,
    CompareTarget.VALUE: lambda kv: kv.value,
    CompareTarget.LEASE: lambda kv: kv.lease,
}

_RELATIONS: dict[int, Callable[[Any, Any], bool]] = {
    CompareResult.EQUAL: lambda found, operand: found == operand,
    CompareResult.GREATER: lambda found, operand: found > operand,
    CompareResult.LESS: lambda found, operand: found < operand,
    CompareResult.NOT_EQUAL: lambda found, operand: found != operand,
}


def _relates(compare: Compare, kv: KeyValue) -> bool:
    target = _TARGETS.get(compare.target)
    relation = _RELATIONS.get(compare.result)
    operand = compare.operand
    # As etcd: what is not known compares as equal, and holds.
    found = operand if target is None else target(kv)
    return relation is None or relation(found, operand)
