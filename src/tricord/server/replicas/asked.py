# SPDX-License-Identifier: Apache-2.0
"""What may be asked of a causal or eventual keyspace. All else is refused with the reason and what to use instead:
never a weaker answer than the one that was asked for."""

from __future__ import annotations

from typing import Any

from tricord.base.changes import (
    Add,
    AddElement,
    Change,
    ChangeField,
    Put,
    PutLast,
    RemoveElement,
    RemoveField,
    size_of,
)
from tricord.base.context import Context
from tricord.base.errors import InvalidRequest, KeyNotProvided, NotOfThisModel, RequestTooLarge, TypeMismatch
from tricord.base.keyspaces import KeyspaceRecord, Model
from tricord.base.levels import Level
from tricord.base.operations import Compact, DeleteRange, Range, Request, Txn
from tricord.base.operations import Put as PutKey
from tricord.base.typed import TTL_MAX, Fetch, Update
from tricord.base.values import NAMES, DataType
from tricord.server.replicas.ranges import check_range
from tricord.statemachine.validation import Limits, validate

_LINEARIZABLE, _ANY = Level.LINEARIZABLE, Level.ANY
_CAUSAL, _EVENTUAL = Level.CAUSAL, Level.EVENTUAL
_IS_CAUSAL = Model.CAUSAL


def level_served(record: KeyspaceRecord, context: Context) -> Level:
    """The level at which a read is answered. Raises NotOfThisModel where another one was named."""
    own = _CAUSAL if record.model is _IS_CAUSAL else _EVENTUAL
    level = context.level
    if level is own or (level is _LINEARIZABLE and not context.level_named):
        return own
    if level is _ANY:
        return _ANY
    raise NotOfThisModel(
        f"keyspace {record.name!r} is {record.model.value} and promises no {level.value} reads: ask for"
        f" {own.value} or any, or use a strong keyspace"
    )


def check_asked(record: KeyspaceRecord, request: Request, request_bytes_max: int) -> None:
    """Raise what is wrong with the request by itself, or for a keyspace of this model."""
    check = _CHECKS.get(type(request))
    if check is None:
        raise NotOfThisModel(
            f"keyspace {record.name!r} is {record.model.value}: {_REASONS.get(type(request), _LEASES)}"
        )
    check(record, request, request_bytes_max)


def _check_range(record: KeyspaceRecord, request: Range, _: int) -> None:
    if not request.key or request.sort_order or request.sort_target:
        validate(request, _LIMITS)
    check_range(request)


def _check_put(record: KeyspaceRecord, request: PutKey, bytes_max: int) -> None:
    validate(request, _LIMITS)
    if request.lease:
        raise NotOfThisModel(f"keyspace {record.name!r} is {record.model.value}: {_LEASES}")
    if request.ignore_value or request.ignore_lease:
        raise NotOfThisModel("a put of this keyspace replaces the whole value: leave ignore_value and ignore_lease out")
    if record.type not in _PUT_BY_ETCD:
        raise TypeMismatch(_another_type(record, DataType.REGISTER))
    if len(request.key) + len(request.value) > bytes_max:
        raise RequestTooLarge


def _check_delete(record: KeyspaceRecord, request: DeleteRange, _: int) -> None:
    validate(request, _LIMITS)


def _check_fetch(record: KeyspaceRecord, request: Fetch, _: int) -> None:
    if not request.key:
        raise KeyNotProvided
    if request.replicas < 1:
        raise InvalidRequest(f"a read of {request.replicas} replicas: one is the least")
    if request.replicas > 1 and record.model is _IS_CAUSAL:
        raise NotOfThisModel(
            "a causal keyspace reads from one replica: the token of what was seen makes it wait for that; eventual ones"
            " can merge what several have"
        )
    if request.replicas > 1 and request.range_end:
        raise InvalidRequest("a read of several replicas names a single key")


def _check_update(record: KeyspaceRecord, request: Update, bytes_max: int) -> None:
    if not request.changes:
        raise InvalidRequest("an update needs at least one change")
    if request.acks < 1:
        raise InvalidRequest(f"acks is {request.acks}: the replica that answers has the write, so 1 is the least")
    is_causal = record.model is _IS_CAUSAL
    if is_causal and request.acks > 1:
        raise NotOfThisModel("a write of a causal keyspace is answered by one replica; eventual ones can wait for more")
    if not is_causal and len(request.changes) > 1:
        raise NotOfThisModel(
            "an eventual keyspace promises nothing of several keys together: write each, or use a causal one"
        )
    size = 0
    for change in request.changes:
        if not change.key:
            raise KeyNotProvided
        if not 0 <= change.ttl <= TTL_MAX:
            raise InvalidRequest(f"a time to live of {change.ttl} milliseconds: 0 is for ever, and {TTL_MAX} the most")
        if change.ttl and is_causal:
            raise NotOfThisModel("values of a causal keyspace have no time to live; those of eventual ones can")
        if record.type is not None and (kind := _KINDS.get(type(change.change), record.type)) is not record.type:
            raise TypeMismatch(_another_type(record, kind))
        size += len(change.key) + size_of(change.change)
    if size > bytes_max:
        raise RequestTooLarge


def _another_type(record: KeyspaceRecord, kind: DataType) -> str:
    assert record.type is not None
    return f"all keys of keyspace {record.name!r} are of type {NAMES[record.type]}: this is a write of a {NAMES[kind]}"


_LIMITS = Limits()
_PUT_BY_ETCD = (None, DataType.REGISTER, DataType.LAST_WRITER)
_KINDS: dict[type[Change], DataType] = {
    Put: DataType.REGISTER,
    PutLast: DataType.LAST_WRITER,
    Add: DataType.COUNTER,
    AddElement: DataType.SET,
    RemoveElement: DataType.SET,
    ChangeField: DataType.MAP,
    RemoveField: DataType.MAP,
}
_CHECKS: dict[type[Request], Any] = {
    Range: _check_range,
    PutKey: _check_put,
    DeleteRange: _check_delete,
    Fetch: _check_fetch,
    Update: _check_update,
}
_LEASES = "no lease can end keys of it; use times to live in an eventual keyspace, or a strong one"
_REASONS: dict[type[Request], str] = {
    Txn: (
        "a transaction, a lock or a guard decides on the newest state, which only a strong keyspace has. A causal one"
        " writes several keys at once by an update without conditions (native door), each with the context of a read"
    ),
    Compact: "it keeps no past that could be compacted",
}
