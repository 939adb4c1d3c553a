# SPDX-License-Identifier: Apache-2.0
"""etcd's keys and revisions, as plainly as they can be said: one dict of keys for every revision there was.

Slow and large on purpose; what it answers is what a strong keyspace must answer. It expects requests that passed the
checks which need no state.
"""

from __future__ import annotations

from collections.abc import Callable

from tricord.base.errors import KeyAbsent, LeaseExists, LeaseNotFound, RevisionCompacted, RevisionInFuture
from tricord.base.leases import LeaseGrant, LeaseGrantResult, LeaseRevoke, LeaseRevokeResult
from tricord.base.operations import (
    Compact,
    CompactResult,
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    DeleteRangeResult,
    Event,
    EventKind,
    KeyValue,
    Operation,
    OperationResult,
    Put,
    PutResult,
    Range,
    RangeResult,
    Request,
    Result,
    SortOrder,
    SortTarget,
    Txn,
    TxnResult,
)

Keys = dict[bytes, KeyValue]


class ReferenceModel:
    """``states[r]`` is what was there at revision r, ``events[r]`` what changed at it."""

    def __init__(self, revision: int = 1, compacted: int = -1) -> None:
        self.revision = revision
        self.compacted = compacted
        self.states: dict[int, Keys] = {revision: {}}
        self.events: dict[int, list[Event]] = {}
        self.leases: set[int] = set()

    @property
    def keys(self) -> Keys:
        return self.states[self.revision]

    def call(self, request: Request) -> Result:
        """Carry out a request. Raises what a refusal is."""
        if isinstance(request, Compact):
            return self.compact(request.revision)
        if isinstance(request, Range):
            return self.range(request, self.keys)
        if isinstance(request, LeaseGrant):
            return self.grant(request)
        attempt = Attempt(self)
        result: Result
        if isinstance(request, LeaseRevoke):
            if request.id not in self.leases:
                raise LeaseNotFound
            for key in sorted(key for key, kv in self.keys.items() if kv.lease == request.id):
                attempt.run(DeleteRange(key))
            self.leases.remove(request.id)
            result = LeaseRevokeResult()
        else:
            assert isinstance(request, Put | DeleteRange | Txn)
            if isinstance(request, Txn):
                self.check_path(request)
            elif isinstance(request, Put) and request.lease and request.lease not in self.leases:
                raise LeaseNotFound
            result = attempt.run(request)
        if attempt.events:
            self.revision += 1
            self.states[self.revision] = attempt.keys
            self.events[self.revision] = attempt.events
        return result

    def grant(self, request: LeaseGrant) -> LeaseGrantResult:
        if not request.id:
            raise LeaseNotFound
        if request.id in self.leases:
            raise LeaseExists
        self.leases.add(request.id)
        return LeaseGrantResult(request.id, request.ttl)

    def compact(self, revision: int) -> CompactResult:
        if revision <= self.compacted:
            raise RevisionCompacted
        if revision > self.revision:
            raise RevisionInFuture
        self.compacted = revision
        return CompactResult()

    def check_revision(self, revision: int) -> None:
        if revision > self.revision:
            raise RevisionInFuture
        if revision < self.compacted:
            raise RevisionCompacted

    def range(self, request: Range, keys: Keys) -> RangeResult:
        """``keys`` is what a read of no particular revision sees."""
        if request.revision > 0:
            self.check_revision(request.revision)
            keys = self.states[request.revision]
        kvs = [keys[key] for key in sorted(keys) if inside(key, request.key, request.range_end)]
        count = len(kvs)
        if request.count_only:
            return RangeResult([], False, count)
        filters: list[tuple[int, Callable[[KeyValue, int], bool]]] = [
            (request.min_mod_revision, lambda kv, bound: kv.mod_revision >= bound),
            (request.max_mod_revision, lambda kv, bound: kv.mod_revision <= bound),
            (request.min_create_revision, lambda kv, bound: kv.create_revision >= bound),
            (request.max_create_revision, lambda kv, bound: kv.create_revision <= bound),
        ]
        is_filtered = any(bound for bound, _ in filters)
        if request.limit > 0 and request.sort_order == SortOrder.NONE and not is_filtered:
            kvs = kvs[: request.limit + 1]  # before the sort: a target without an order sorts only these
        for bound, passes in filters:
            if bound:
                kvs = [kv for kv in kvs if passes(kv, bound)]
        by = {
            SortTarget.KEY: lambda kv: kv.key,
            SortTarget.VERSION: lambda kv: kv.version,
            SortTarget.CREATE: lambda kv: kv.create_revision,
            SortTarget.MOD: lambda kv: kv.mod_revision,
            SortTarget.VALUE: lambda kv: kv.value,
        }[SortTarget(request.sort_target)]
        kvs.sort(key=by, reverse=request.sort_order == SortOrder.DESCEND)
        more = 0 < request.limit < len(kvs)
        if more:
            kvs = kvs[: request.limit]
        if request.keys_only:
            kvs = [KeyValue(kv.key, b"", kv.create_revision, kv.mod_revision, kv.version, kv.lease) for kv in kvs]
        return RangeResult(kvs, more, count)

    def check_path(self, request: Txn) -> None:
        """What could go wrong in the middle is looked for before anything is done."""
        for operation in self.branch(request):
            if isinstance(operation, Txn):
                self.check_path(operation)
            elif isinstance(operation, Put):
                if (operation.ignore_value or operation.ignore_lease) and operation.key not in self.keys:
                    raise KeyAbsent
                if operation.lease and operation.lease not in self.leases:
                    raise LeaseNotFound
            elif isinstance(operation, Range) and operation.revision:
                self.check_revision(operation.revision)

    def branch(self, request: Txn) -> list[Operation]:
        """Compares look at the state before the whole transaction, nested ones too."""
        return request.success if all(map(self.holds, request.compares)) else request.failure

    def holds(self, compare: Compare) -> bool:
        kvs = [kv for key, kv in self.keys.items() if inside(key, compare.key, compare.range_end)]
        if not kvs:
            if compare.target == CompareTarget.VALUE:
                return False
            kvs = [KeyValue(b"", b"", 0, 0, 0)]
        return all(relates(compare, kv) for kv in kvs)


class Attempt:
    """A request being carried out on a copy of the newest keys."""

    def __init__(self, model: ReferenceModel) -> None:
        self.model = model
        self.before = model.keys
        self.keys = dict(model.keys)
        self.events: list[Event] = []
        self.revision = model.revision + 1

    def run(self, operation: Operation) -> OperationResult:
        if isinstance(operation, Put):
            return self.put(operation)
        if isinstance(operation, DeleteRange):
            return self.delete_range(operation)
        if isinstance(operation, Range):
            return self.model.range(operation, self.keys)
        branch = self.model.branch(operation)
        return TxnResult(branch is operation.success, [self.run(nested) for nested in branch])

    def put(self, request: Put) -> PutResult:
        old = self.keys.get(request.key)
        if old is None and (request.ignore_value or request.ignore_lease):
            raise KeyAbsent
        kv = KeyValue(
            request.key,
            old.value if old is not None and request.ignore_value else request.value,
            self.revision if old is None else old.create_revision,
            self.revision,
            1 if old is None else old.version + 1,
            old.lease if old is not None and request.ignore_lease else request.lease,
        )
        self.keys[request.key] = kv
        self.events.append(Event(EventKind.PUT, kv, old))
        return PutResult(old if request.previous else None)

    def delete_range(self, request: DeleteRange) -> DeleteRangeResult:
        gone = [self.keys[key] for key in sorted(self.keys) if inside(key, request.key, request.range_end)]
        for kv in gone:
            del self.keys[kv.key]
            deleted = KeyValue(kv.key, b"", 0, self.revision, 0)
            self.events.append(Event(EventKind.DELETE, deleted, self.before.get(kv.key)))
        return DeleteRangeResult(len(gone), gone if request.previous else [])


def inside(key: bytes, start: bytes, end: bytes) -> bool:
    if end == b"":
        return key == start
    if end == b"\x00":
        return key >= start
    return start <= key < end


def relates(compare: Compare, kv: KeyValue) -> bool:
    values: dict[CompareTarget, int | bytes] = {
        CompareTarget.VERSION: kv.version,
        CompareTarget.CREATE: kv.create_revision,
        CompareTarget.MOD: kv.mod_revision,
        CompareTarget.VALUE: kv.value,
        CompareTarget.LEASE: kv.lease,
    }
    found = values[CompareTarget(compare.target)]
    operand = compare.operand
    if compare.result == CompareResult.EQUAL:
        return found == operand
    if compare.result == CompareResult.NOT_EQUAL:
        return found != operand
    if isinstance(found, bytes):
        assert isinstance(operand, bytes)
        return found > operand if compare.result == CompareResult.GREATER else found < operand
    assert isinstance(operand, int)
    return found > operand if compare.result == CompareResult.GREATER else found < operand
