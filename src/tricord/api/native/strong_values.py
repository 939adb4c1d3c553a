# SPDX-License-Identifier: Apache-2.0
"""Typed requests in strong keyspaces, whose keys are all registers: as ranges and transactions of etcd's vocabulary.

The context of a read is the revision of the key's last change; a write that names one happens only where it still is.
"""

from __future__ import annotations

from typing import TypeAlias

from tricord.base.changes import Put as PutValue
from tricord.base.changes import Remove
from tricord.base.context import Context
from tricord.base.errors import ChangedMeanwhile, InvalidRequest, NotOfThisModel, ReadContextDamaged, TricordError
from tricord.base.hybrid_clock import HybridTime
from tricord.base.levels import Stamp
from tricord.base.operations import (
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    KeyValue,
    Put,
    Range,
    RangeResult,
    Request,
    Result,
    Txn,
    TxnResult,
)
from tricord.base.typed import Fetch, FetchResult, KeyChange, TypedKey, TypedRequest, TypedResult, Update, UpdateResult
from tricord.base.values import DataType, Shown
from tricord.server.engine import Encoded, Engine, Outcome, Reply
from tricord.wire.native.values import encode_result

KEYS_MAX = 1000
"""Of an answer whose caller named no limit."""
LIMIT_MAX = 10_000
_CONTEXT = b"revision "

Write: TypeAlias = Put | DeleteRange


def call_strong(engine: Engine, request: TypedRequest, context: Context, reply: Reply) -> None:
    """Carry out a typed request in a strong keyspace; ``reply`` as ``Engine.call`` has it. Never raises."""
    try:
        plain = _update(request) if isinstance(request, Update) else _range(request)
    except TricordError as error:
        reply(error, engine.stamp(context.keyspace))
        return
    if context.encode is not None:  # for answers that are made off the loop
        context.encode = lambda result, stamp: encode_result(_shown(request, result, stamp), stamp)

    def answer(outcome: Outcome, stamp: Stamp) -> None:
        if isinstance(outcome, TxnResult) and not outcome.succeeded:
            outcome = ChangedMeanwhile("a key was changed since it was read: nothing was written")
        if isinstance(outcome, TricordError | Encoded):
            reply(outcome, stamp)
        else:
            reply(_shown(request, outcome, stamp), stamp)

    engine.call(plain, context, answer)


def context_of_revision(revision: int) -> bytes:
    """The context of a read of a key whose last change was at that revision; 0: it was not there."""
    return _CONTEXT + b"%d" % revision


def is_of_revision(context: bytes) -> bool:
    """Whether a context is a strong keyspace's."""
    return context.startswith(_CONTEXT)


def revision_of_context(context: bytes) -> int:
    """Also of a watch's position. Raises ReadContextDamaged."""
    digits = context[len(_CONTEXT) :]
    if not context.startswith(_CONTEXT) or not digits.isdigit() or int(digits[:20]) >= 1 << 63:
        raise ReadContextDamaged("these bytes are not what a strong keyspace gave")
    return int(digits)


def key_of(kv: KeyValue) -> TypedKey:
    """A key of a strong keyspace as a typed one."""
    return TypedKey(kv.key, Shown(DataType.REGISTER, kv.value, HybridTime(0)), context_of_revision(kv.mod_revision))


def _update(request: Update) -> Request:
    if request.acks != 1:
        raise NotOfThisModel("the keyspace is strong: a majority has each of its writes, acks are of eventual ones")
    if not request.changes:
        raise InvalidRequest("an update changes at least one key")
    writes = [_write(change) for change in request.changes]
    compares = [_compare(change) for change in request.changes if change.seen]
    return writes[0] if len(writes) == 1 and not compares else Txn(compares, list(writes), [])


def _write(change: KeyChange) -> Write:
    if change.ttl:
        raise NotOfThisModel("the keyspace is strong: what is to end by itself needs a lease, see etcd's API")
    if isinstance(change.change, PutValue):
        return Put(change.key, change.change.value)
    if isinstance(change.change, Remove):
        return DeleteRange(change.key)
    raise NotOfThisModel("the keyspace is strong, and its keys are registers: put values, and remove them")


def _compare(change: KeyChange) -> Compare:
    revision = revision_of_context(change.seen)
    return Compare(change.key, CompareTarget.MOD, CompareResult.EQUAL, revision)


def _range(request: Fetch) -> Range:
    if request.replicas != 1:
        raise NotOfThisModel("the keyspace is strong: its replicas are alike, one answers")
    return Range(request.key, request.range_end, min(request.limit or KEYS_MAX, LIMIT_MAX))


def _shown(request: TypedRequest, result: Result, stamp: Stamp) -> TypedResult:
    if isinstance(request, Update):
        return UpdateResult(stamp.revision)
    assert isinstance(result, RangeResult)
    if not result.kvs and not request.range_end:
        return FetchResult(stamp.revision, [TypedKey(request.key, None, context_of_revision(0))])
    return FetchResult(stamp.revision, [key_of(kv) for kv in result.kvs], result.more)
