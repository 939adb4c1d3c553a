# SPDX-License-Identifier: Apache-2.0
"""The words of a transaction: conditions and steps, written as Python and typed by what each step answers.

    reply = store.txn(when=[value("lock") == b"free"], then=[put("lock", "mine")], otherwise=[holder := get("lock")])
    if not reply.succeeded:
        print(reply.of(holder))

Semantics are etcd's: all conditions see the state before the transaction, reads see the earlier writes of their branch,
and either a whole branch happens, as one revision, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from tricord.base.levels import Stamp
from tricord.base.message import message
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
    SortOrder,
    SortTarget,
    Txn,
    TxnResult,
)
from tricord.client.keys import Data, prefix_range, span, to_bytes
from tricord.client.lease_ids import LeaseArgument, lease_id
from tricord.client.results import (
    DeleteReply,
    PutReply,
    RangeReply,
    delete_reply,
    is_there,
    key_count,
    only_key,
    put_reply,
    range_reply,
)

R = TypeVar("R")


class Step(Generic[R]):
    """One operation of a branch, and how its answer reads. Steps are told apart by identity, so each is used once."""

    __slots__ = ("operation", "read")

    def __init__(self, operation: Operation, read: Callable[[OperationResult, Stamp], R]) -> None:
        self.operation = operation
        self.read = read

    def __repr__(self) -> str:
        return f"Step({self.operation!r})"


def put(
    key: Data,
    value: Data,
    *,
    lease: LeaseArgument = 0,
    previous: bool = False,
    ignore_value: bool = False,
    ignore_lease: bool = False,
) -> Step[PutReply]:
    """Write a key."""
    request = Put(to_bytes(key), to_bytes(value), lease_id(lease), previous, ignore_value, ignore_lease)
    return Step(request, put_reply)


def get(key: Data, *, revision: int = 0) -> Step[KeyValue | None]:
    """Read a key."""
    return Step(Range(to_bytes(key), revision=revision), only_key)


def get_range(
    start: Data,
    end: Data | None = None,
    *,
    limit: int = 0,
    revision: int = 0,
    sort_by: SortTarget = SortTarget.KEY,
    order: SortOrder = SortOrder.NONE,
    keys_only: bool = False,
) -> Step[RangeReply]:
    """Read the keys from ``start`` to before ``end`` (None: to the last)."""
    return Step(Range(*span(start, end), limit, revision, _order(order, sort_by), sort_by, keys_only), range_reply)


def get_prefix(
    prefix: Data,
    *,
    limit: int = 0,
    revision: int = 0,
    sort_by: SortTarget = SortTarget.KEY,
    order: SortOrder = SortOrder.NONE,
    keys_only: bool = False,
) -> Step[RangeReply]:
    """Read the keys that begin with ``prefix``."""
    return Step(Range(*prefix_range(prefix), limit, revision, _order(order, sort_by), sort_by, keys_only), range_reply)


def _order(order: SortOrder, sort_by: SortTarget) -> SortOrder:
    """Ascending is said aloud: left unsaid, etcd first cuts at the limit by key and sorts what is left."""
    return SortOrder.ASCEND if order is SortOrder.NONE and sort_by is not SortTarget.KEY else order


def count(prefix: Data = b"", *, revision: int = 0) -> Step[int]:
    """Count the keys that begin with ``prefix``."""
    return Step(Range(*prefix_range(prefix), revision=revision, count_only=True), key_count)


def has(key: Data) -> Step[bool]:
    """Whether the key is there; its value does not travel."""
    return Step(Range(to_bytes(key), count_only=True), is_there)


def delete(key: Data, *, previous: bool = False) -> Step[DeleteReply]:
    """Delete a key."""
    return Step(DeleteRange(to_bytes(key), previous=previous), delete_reply)


def delete_prefix(prefix: Data, *, previous: bool = False) -> Step[DeleteReply]:
    """Delete the keys that begin with ``prefix``."""
    return Step(DeleteRange(*prefix_range(prefix), previous=previous), delete_reply)


def delete_range(start: Data, end: Data | None = None, *, previous: bool = False) -> Step[DeleteReply]:
    """Delete the keys from ``start`` to before ``end`` (None: to the last)."""
    return Step(DeleteRange(*span(start, end), previous=previous), delete_reply)


class Condition:
    """One compare. It has no truth value of its own: the store decides it."""

    __slots__ = ("compare",)

    def __init__(self, compare: Compare) -> None:
        self.compare = compare

    def __bool__(self) -> bool:
        raise TypeError("a condition is decided by the store: give it to txn(when=[...]), joined by commas, not `and`")

    def __repr__(self) -> str:
        return f"Condition({self.compare!r})"


class _Compared:
    """What a condition is about: a target of one key, or of every key of a range."""

    __slots__ = ("_key", "_range_end", "_target")

    def __init__(self, key: bytes, range_end: bytes, target: CompareTarget) -> None:
        self._key = key
        self._range_end = range_end
        self._target = target

    def _make(self, result: CompareResult, operand: bytes | int) -> Condition:
        return Condition(Compare(self._key, self._target, result, operand, self._range_end))

    def __hash__(self) -> int:
        raise TypeError("what is to be compared has no hash")


class ComparedValue(_Compared):
    """A key's value, to be compared with str or bytes. On an absent key every condition is false, ``!=`` too."""

    __slots__ = ()
    __hash__ = _Compared.__hash__

    def __eq__(self, other: Data) -> Condition:  # type: ignore[override]
        return self._make(CompareResult.EQUAL, to_bytes(other))

    def __ne__(self, other: Data) -> Condition:  # type: ignore[override]
        return self._make(CompareResult.NOT_EQUAL, to_bytes(other))

    def __lt__(self, other: Data) -> Condition:
        return self._make(CompareResult.LESS, to_bytes(other))

    def __gt__(self, other: Data) -> Condition:
        return self._make(CompareResult.GREATER, to_bytes(other))


class ComparedNumber(_Compared):
    """A key's version, revision or lease, to be compared with an integer. An absent key counts as 0."""

    __slots__ = ()
    __hash__ = _Compared.__hash__

    def __eq__(self, other: int) -> Condition:  # type: ignore[override]
        return self._make(CompareResult.EQUAL, other)

    def __ne__(self, other: int) -> Condition:  # type: ignore[override]
        return self._make(CompareResult.NOT_EQUAL, other)

    def __lt__(self, other: int) -> Condition:
        return self._make(CompareResult.LESS, other)

    def __gt__(self, other: int) -> Condition:
        return self._make(CompareResult.GREATER, other)

    def __le__(self, other: int) -> Condition:
        return self._make(CompareResult.LESS, other + 1)

    def __ge__(self, other: int) -> Condition:
        return self._make(CompareResult.GREATER, other - 1)


def value(key: Data, *, range_end: Data = b"") -> ComparedValue:
    """The key's value (with ``range_end``: of every key of the range)."""
    return ComparedValue(to_bytes(key), to_bytes(range_end), CompareTarget.VALUE)


def version(key: Data, *, range_end: Data = b"") -> ComparedNumber:
    """How often the key was written since it came to be; 0 when absent."""
    return ComparedNumber(to_bytes(key), to_bytes(range_end), CompareTarget.VERSION)


def create_revision(key: Data, *, range_end: Data = b"") -> ComparedNumber:
    """The revision at which the key came to be; 0 when absent."""
    return ComparedNumber(to_bytes(key), to_bytes(range_end), CompareTarget.CREATE)


def mod_revision(key: Data, *, range_end: Data = b"") -> ComparedNumber:
    """The revision of the key's last write; 0 when absent."""
    return ComparedNumber(to_bytes(key), to_bytes(range_end), CompareTarget.MOD)


def lease(key: Data, *, range_end: Data = b"") -> ComparedNumber:
    """The lease that the key is attached to; 0 for none."""
    return ComparedNumber(to_bytes(key), to_bytes(range_end), CompareTarget.LEASE)


def exists(key: Data) -> Condition:
    """The key is there."""
    return version(key) > 0


def absent(key: Data) -> Condition:
    """The key is not there."""
    return version(key) == 0


@message
class TxnReply:
    """Which branch ran, true for ``then``. ``results`` holds each step's answer, in order; ``of(step)`` is typed."""

    succeeded: bool
    revision: int
    stamp: Stamp
    steps: Sequence[Step[Any]]
    results: list[Any]

    def __bool__(self) -> bool:
        return self.succeeded

    def of(self, step: Step[R]) -> R:
        """What ``step`` answered. Raises LookupError when it is not of the branch that ran."""
        for mine, result in zip(self.steps, self.results, strict=True):
            if mine is step:
                answer: R = result
                return answer
        raise LookupError("this step is not of the branch that ran: see succeeded")


def txn(
    when: Sequence[Condition] = (), then: Sequence[Step[Any]] = (), otherwise: Sequence[Step[Any]] = ()
) -> Step[TxnReply]:
    """A transaction; as a step, one within another."""
    request = Txn(
        [condition.compare for condition in when],
        [step.operation for step in then],
        [step.operation for step in otherwise],
    )

    def read(result: OperationResult, stamp: Stamp) -> TxnReply:
        assert type(result) is TxnResult
        steps = then if result.succeeded else otherwise
        answers = [step.read(answer, stamp) for step, answer in zip(steps, result.results, strict=True)]
        return TxnReply(result.succeeded, stamp.revision, stamp, steps, answers)

    return Step(request, read)
