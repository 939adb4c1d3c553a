# SPDX-License-Identifier: Apache-2.0
"""What a broken or refused call means: which error it is, and whether trying again is safe.

The rule for writes: only an answer that certainly comes from before the write took effect is an error of its own;
all else is OutcomeUnknown. ("leader changed" or "request timed out" may follow a write that is committed later.)
Texts and codes are etcd's; where a text names one of our errors, it becomes that.
"""

from __future__ import annotations

from tricord.base import errors
from tricord.base.errors import TricordError
from tricord.transport.client_connection import CallBroken
from tricord.wire.etcd.membership import REASONS
from tricord.wire.grpc.status import GrpcError, Status

_BY_TEXT: dict[str, type[TricordError]] = {
    "etcdserver: key is not provided": errors.KeyNotProvided,
    "etcdserver: key not found": errors.KeyAbsent,
    "etcdserver: value is provided": errors.ValueProvided,
    "etcdserver: lease is provided": errors.LeaseProvided,
    "etcdserver: duplicate key given in txn request": errors.DuplicateKey,
    "etcdserver: too many operations in txn request": errors.TooManyOperations,
    "etcdserver: invalid sort option": errors.InvalidSortOption,
    "etcdserver: request is too large": errors.RequestTooLarge,
    "etcdserver: mvcc: required revision has been compacted": errors.RevisionCompacted,
    "etcdserver: mvcc: required revision is a future revision": errors.RevisionInFuture,
    "etcdserver: requested lease not found": errors.LeaseNotFound,
    "etcdserver: lease already exists": errors.LeaseExists,
    "etcdserver: too large lease TTL": errors.LeaseTimeToLiveTooLarge,
    "etcdserver: permission denied": errors.PermissionDenied,
    "etcdserver: mvcc: database space exceeded": errors.NoSpace,
    "etcdserver: corrupt cluster": errors.CorruptCluster,
    "etcdserver: too many requests": errors.TooManyRequests,
    "etcdserver: no leader": errors.NoLeader,
    "etcdserver: server stopped": errors.Stopping,
    "etcdserver: rpc not supported for learner": errors.NotForLearners,
}

_BY_STATUS: dict[int, type[TricordError]] = {
    Status.CANCELLED: errors.Cancelled,
    Status.INVALID_ARGUMENT: errors.InvalidRequest,
    Status.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    Status.NOT_FOUND: errors.NotFound,
    Status.ALREADY_EXISTS: errors.KeyspaceExists,
    Status.PERMISSION_DENIED: errors.PermissionDenied,
    Status.RESOURCE_EXHAUSTED: errors.ResourceExhausted,
    Status.FAILED_PRECONDITION: errors.InvalidRequest,
    Status.OUT_OF_RANGE: errors.OutOfRange,
    Status.UNIMPLEMENTED: errors.Unimplemented,
    Status.UNAVAILABLE: errors.Unavailable,
    Status.UNAUTHENTICATED: errors.PermissionDenied,
}

_BY_CODE: dict[str, type[TricordError]] = {
    kind.code: kind
    for kind in (
        errors.KeyspaceNotFound,
        errors.TokenAhead,
        errors.BoundNotMet,
        errors.InvalidToken,
        errors.TokenDamaged,
        errors.TokenOfAnotherCluster,
        errors.TokenOfAnotherHistory,
        errors.TokenTooLarge,
        errors.MalformedEncoding,
        errors.UnknownType,
        errors.ReadContextDamaged,
        errors.TypeMismatch,
        errors.NestedTooDeep,
        errors.CounterOverflow,
        errors.SiblingLimit,
        errors.KeyTooLarge,
        errors.TooManyEdges,
        errors.NotOfThisModel,
        errors.ChangedMeanwhile,
        errors.EdgeOfAnotherCluster,
        errors.EdgeInUse,
        errors.ReplicaCatchingUp,
        errors.ReplicaRetired,
        errors.TooFewReplicas,
    )
}
"""What etcd has no words for, so that its code comes along."""

_REFUSED_BEFORE = frozenset(
    (
        Status.INVALID_ARGUMENT,
        Status.NOT_FOUND,
        Status.ALREADY_EXISTS,
        Status.PERMISSION_DENIED,
        Status.RESOURCE_EXHAUSTED,
        Status.FAILED_PRECONDITION,
        Status.OUT_OF_RANGE,
        Status.UNIMPLEMENTED,
        Status.UNAUTHENTICATED,
    )
)
"""With these a server says that it did not do what was asked."""

_SAID_BEFORE = (errors.MembershipRefused, errors.CorruptCluster, errors.ReplicaRetired)
"""And with these, whatever the status."""


def answered(error: GrpcError) -> TricordError:
    """The error that a server's status and text stand for."""
    if (kind := _BY_CODE.get(error.code)) is not None:
        return kind(error.text)
    known = _BY_TEXT.get(error.text)
    if known is not None:
        return known()
    if (refused := refused_change(error.text)) is not None:
        return refused
    if error.status == Status.RESOURCE_EXHAUSTED and "received message larger than max" in error.text:
        return errors.RequestTooLarge(error.text)
    meant = _BY_STATUS.get(error.status)
    if meant is None:
        return errors.ServerFault(str(error))
    return meant(error.text)


def named(code: str, text: str) -> TricordError | None:
    """The error of a code, where no status comes with it; None for a code that this version does not know."""
    kinds = [TricordError]
    for kind in kinds:
        if kind.code == code:
            return kind(text)
        kinds += kind.__subclasses__()
    return None


def refused_change(text: str) -> errors.MembershipRefused | None:
    """The refusal of a change of the members that a text stands for: etcd's, with or without details behind it."""
    _, _, words = text.partition(": ")
    short, colon, details = words.partition(": ")
    reason = REASONS.get(text[: len(text) - len(colon) - len(details)])
    return None if reason is None else errors.MembershipRefused(details or short, reason=reason)


def judge(error: GrpcError, *, read: bool) -> tuple[TricordError, bool]:
    """What to raise, and whether the call may instead be tried again (elsewhere, if there is an elsewhere)."""
    if isinstance(error, CallBroken):
        return _judge_broken(error, read)
    meaning = answered(error)
    # Other members do what a learner does not; and no leader is known before a write is proposed anywhere.
    if isinstance(meaning, errors.NotForLearners | errors.NoLeader):
        return meaning, True
    if read:
        return meaning, isinstance(meaning, errors.Unavailable)
    if isinstance(meaning, errors.TokenAhead | errors.ReplicaCatchingUp):
        return meaning, True  # the replica did not begin with it
    if isinstance(meaning, errors.TooFewReplicas):
        return meaning, False  # it says itself what became of the write
    if isinstance(meaning, _SAID_BEFORE):
        return meaning, False
    if error.status in _REFUSED_BEFORE:
        return meaning, False
    return errors.OutcomeUnknown(f"the write may or may not have happened: {error.text or error}"), False


def _judge_broken(error: CallBroken, read: bool) -> tuple[TricordError, bool]:
    if error.sent and not read:
        return errors.OutcomeUnknown(f"the write may or may not have happened: {error.text}"), False
    if error.status == Status.DEADLINE_EXCEEDED:
        return errors.DeadlineExceeded(f"deadline exceeded: {error.text}"), False
    if error.status == Status.RESOURCE_EXHAUSTED:
        return (errors.ResponseTooLarge if error.sent else errors.TooManyRequests)(error.text), False
    if error.status == Status.UNAVAILABLE:
        return errors.Unavailable(error.text), True
    return errors.ServerFault(error.text), False
