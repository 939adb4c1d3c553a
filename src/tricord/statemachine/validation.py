# SPDX-License-Identifier: Apache-2.0
"""Checks of a request that need no state, made before it is proposed: in etcd's order, so that of several faults the
same one is named.

Applying does not rely on them for its safety: a bad request that comes anyway is refused there, typed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tricord.base.alarms import AlarmChange, AlarmKind
from tricord.base.downgrading import DowngradeChange
from tricord.base.errors import (
    InvalidRequest,
    InvalidSortOption,
    KeyNotProvided,
    LeaseProvided,
    LeaseTimeToLiveTooLarge,
    NotOfThisModel,
    TooManyOperations,
    ValueProvided,
)
from tricord.base.keyspaces import KeyspaceCreate, KeyspaceDrop, KeyspaceList, check_name
from tricord.base.leases import (
    LEASE_TTL_MAX,
    LeaseGrant,
    LeaseKeepAlive,
    LeaseList,
    LeaseRevoke,
    LeaseTimeToLive,
)
from tricord.base.message import message
from tricord.base.operations import Compact, CompareTarget, DeleteRange, Put, Range, Request, Txn
from tricord.base.replica_sets import REPLICA_MAX, KeyspaceDescribe, ReplicaAttach, ReplicaRetire
from tricord.base.typed import Fetch, Update
from tricord.statemachine.conflicts import check_conflicts
from tricord.statemachine.replica_sets import check_holder

_SORT_ORDERS = 3
_SORT_TARGETS = 5
_VERSION_MAX = 64
ID_LIMIT = 1 << 63
_KEYSPACE_MAX = (1 << 32) - 1
_ALARM_KINDS = frozenset(AlarmKind)


@message
class Limits:
    """``max_transaction_operations``: how many compares, and how many operations in a branch, a transaction may have;
    a nested one has what its parent left. Raising it lets one transaction hold up the others for longer."""

    max_transaction_operations: int = 128


def validate(request: Request, limits: Limits) -> None:
    """Raise what is wrong with ``request`` by itself: an InvalidRequest. Cost: its operations."""
    check = _CHECKS.get(type(request))
    if check is None:
        raise InvalidRequest(f"{type(request).__name__} is for members alone")
    check(request, limits.max_transaction_operations)


def _check_range(request: Range, _: int) -> None:
    if not request.key:
        raise KeyNotProvided
    if not 0 <= request.sort_order < _SORT_ORDERS or not 0 <= request.sort_target < _SORT_TARGETS:
        raise InvalidSortOption


def _check_put(request: Put, _: int) -> None:
    if not request.key:
        raise KeyNotProvided
    if request.ignore_value and request.value:
        raise ValueProvided
    if request.ignore_lease and request.lease:
        raise LeaseProvided


def _check_delete_range(request: DeleteRange, _: int) -> None:
    if not request.key:
        raise KeyNotProvided


def _check_txn(request: Txn, operations_max: int) -> None:
    _check_operations(request, operations_max)
    check_conflicts(request.success)
    check_conflicts(request.failure)


def _check_operations(request: Txn, operations_max: int) -> None:
    most = max(len(request.compares), len(request.success), len(request.failure))
    if most > operations_max:
        raise TooManyOperations
    for compare in request.compares:
        if not compare.key:
            raise KeyNotProvided
        if (type(compare.operand) is bytes) != (compare.target == CompareTarget.VALUE):
            raise InvalidRequest("a compare of values takes bytes, the others an integer")
    for branch in (request.success, request.failure):
        for operation in branch:
            if type(operation) is Txn:
                _check_operations(operation, operations_max - most)
            else:
                _CHECKS[type(operation)](operation, operations_max)


def _check_compact(_: Compact, __: int) -> None:
    pass


def _check_grant(request: LeaseGrant, _: int) -> None:
    if request.ttl > LEASE_TTL_MAX:
        raise LeaseTimeToLiveTooLarge
    _check_lease(request, _)


def _check_lease(request: LeaseGrant | LeaseRevoke | LeaseKeepAlive | LeaseTimeToLive, _: int) -> None:
    if not -ID_LIMIT <= request.id < ID_LIMIT:
        raise InvalidRequest("a lease's id is a signed integer of 64 bits")


def _check_list(_: LeaseList | KeyspaceList, __: int) -> None:
    pass


def _check_keyspace(request: KeyspaceCreate | KeyspaceDrop | KeyspaceDescribe, _: int) -> None:
    check_name(request.name)


def _check_attach(request: ReplicaAttach, _: int) -> None:
    check_holder(request.holder)
    if not 0 <= request.keyspace <= _KEYSPACE_MAX or not 0 <= request.former <= REPLICA_MAX:
        raise InvalidRequest("ids of keyspaces and numbers of replicas have 32 bits")


def _check_retire(request: ReplicaRetire, _: int) -> None:
    if not 0 <= request.keyspace <= _KEYSPACE_MAX or not 0 < request.number <= REPLICA_MAX:
        raise InvalidRequest("ids of keyspaces and numbers of replicas have 32 bits, and replicas count from 1")


def _refuse_typed(_: Update | Fetch, __: int) -> None:
    raise NotOfThisModel("a strong keyspace has no values that merge: put and read its keys, or use a causal one")


def check_downgrade(request: DowngradeChange) -> None:
    """Raise InvalidRequest for what can be no version."""
    if len(request.target) > _VERSION_MAX:
        raise InvalidRequest(f"a version has at most {_VERSION_MAX} characters")


def check_alarm(request: AlarmChange) -> None:
    """Raise InvalidRequest for an alarm that there is not."""
    if request.kind not in _ALARM_KINDS or not 0 <= request.member < 1 << 64:
        raise InvalidRequest(f"there is no alarm {request.kind} of a member {request.member}")


_CHECKS: dict[type[Request], Callable[[Any, int], None]] = {
    Range: _check_range,
    Put: _check_put,
    DeleteRange: _check_delete_range,
    Txn: _check_txn,
    Compact: _check_compact,
    LeaseGrant: _check_grant,
    LeaseRevoke: _check_lease,
    LeaseKeepAlive: _check_lease,
    LeaseTimeToLive: _check_lease,
    LeaseList: _check_list,
    KeyspaceCreate: _check_keyspace,
    KeyspaceDrop: _check_keyspace,
    KeyspaceList: _check_list,
    KeyspaceDescribe: _check_keyspace,
    ReplicaAttach: _check_attach,
    ReplicaRetire: _check_retire,
    AlarmChange: lambda request, _: check_alarm(request),
    DowngradeChange: lambda request, _: check_downgrade(request),
    Update: _refuse_typed,
    Fetch: _refuse_typed,
}
