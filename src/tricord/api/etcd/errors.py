# SPDX-License-Identifier: Apache-2.0
"""Errors in etcd's words: the one table from error types to gRPC codes and texts.

Clients of etcd compare texts, so they are exact (etcd 3.6, api/v3rpc/rpctypes). An error type that is not in the table
is a failure of the tests; at run time its nearest ancestor speaks for it.
"""

from __future__ import annotations

from tricord.api.levels import knows_keyspaces
from tricord.base import errors
from tricord.base.errors import TricordError
from tricord.wire.etcd.membership import REFUSALS
from tricord.wire.grpc.service import AnsweringCall, Call, StreamCall, UnaryCall
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.native.levels import ERROR

TIMED_OUT = (Status.UNAVAILABLE, "etcdserver: request timed out")

# None: the error's own text.
TABLE: dict[type[TricordError], tuple[Status, str | None]] = {
    errors.TricordError: (Status.UNKNOWN, None),
    errors.InvalidRequest: (Status.INVALID_ARGUMENT, None),
    errors.KeyNotProvided: (Status.INVALID_ARGUMENT, "etcdserver: key is not provided"),
    errors.KeyAbsent: (Status.INVALID_ARGUMENT, "etcdserver: key not found"),
    errors.ValueProvided: (Status.INVALID_ARGUMENT, "etcdserver: value is provided"),
    errors.LeaseProvided: (Status.INVALID_ARGUMENT, "etcdserver: lease is provided"),
    errors.DuplicateKey: (Status.INVALID_ARGUMENT, "etcdserver: duplicate key given in txn request"),
    errors.TooManyOperations: (Status.INVALID_ARGUMENT, "etcdserver: too many operations in txn request"),
    errors.InvalidSortOption: (Status.INVALID_ARGUMENT, "etcdserver: invalid sort option"),
    errors.RequestTooLarge: (Status.INVALID_ARGUMENT, "etcdserver: request is too large"),
    errors.MalformedMessage: (Status.INTERNAL, None),
    errors.MalformedEncoding: (Status.INVALID_ARGUMENT, None),
    errors.UnknownType: (Status.FAILED_PRECONDITION, None),
    errors.ReadContextDamaged: (Status.INVALID_ARGUMENT, None),
    errors.TokenAhead: (Status.UNAVAILABLE, None),
    errors.BoundNotMet: (Status.UNAVAILABLE, None),
    errors.InvalidToken: (Status.INVALID_ARGUMENT, None),
    errors.TokenDamaged: (Status.INVALID_ARGUMENT, None),
    errors.TokenOfAnotherCluster: (Status.FAILED_PRECONDITION, None),
    errors.TokenOfAnotherHistory: (Status.FAILED_PRECONDITION, None),
    errors.TokenTooLarge: (Status.INVALID_ARGUMENT, None),
    errors.TypeMismatch: (Status.FAILED_PRECONDITION, None),
    errors.NotOfThisModel: (Status.FAILED_PRECONDITION, None),
    errors.ChangedMeanwhile: (Status.FAILED_PRECONDITION, None),
    errors.NestedTooDeep: (Status.INVALID_ARGUMENT, None),
    errors.CounterOverflow: (Status.OUT_OF_RANGE, None),
    errors.OutOfRange: (Status.OUT_OF_RANGE, None),
    errors.RevisionCompacted: (Status.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted"),
    errors.RevisionInFuture: (Status.OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision"),
    errors.NotFound: (Status.NOT_FOUND, None),
    errors.LeaseNotFound: (Status.NOT_FOUND, "etcdserver: requested lease not found"),
    errors.KeyspaceNotFound: (Status.NOT_FOUND, None),
    errors.KeyspaceExists: (Status.ALREADY_EXISTS, None),
    errors.LeaseExists: (Status.FAILED_PRECONDITION, "etcdserver: lease already exists"),
    errors.LeaseTimeToLiveTooLarge: (Status.OUT_OF_RANGE, "etcdserver: too large lease TTL"),
    errors.PermissionDenied: (Status.PERMISSION_DENIED, "etcdserver: permission denied"),
    errors.MembershipRefused: (Status.FAILED_PRECONDITION, None),  # or as ``REFUSALS`` has its reason
    errors.NotForLearners: (Status.FAILED_PRECONDITION, "etcdserver: rpc not supported for learner"),
    errors.WrongMember: (Status.UNAVAILABLE, "etcdserver: server stopped"),
    errors.MemberRemoved: (Status.UNAVAILABLE, "etcdserver: server stopped"),
    errors.ResourceExhausted: (Status.RESOURCE_EXHAUSTED, None),
    errors.NoSpace: (Status.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"),
    errors.TooManyRequests: (Status.RESOURCE_EXHAUSTED, "etcdserver: too many requests"),
    errors.ResponseTooLarge: (Status.RESOURCE_EXHAUSTED, None),
    errors.SiblingLimit: (Status.RESOURCE_EXHAUSTED, None),
    errors.KeyTooLarge: (Status.RESOURCE_EXHAUSTED, None),
    errors.TooManyEdges: (Status.RESOURCE_EXHAUSTED, None),
    errors.EdgeInUse: (Status.UNAVAILABLE, None),
    errors.CorruptCluster: (Status.DATA_LOSS, "etcdserver: corrupt cluster"),
    errors.Unavailable: (Status.UNAVAILABLE, None),
    errors.NoLeader: (Status.UNAVAILABLE, "etcdserver: no leader"),
    errors.Stopping: (Status.UNAVAILABLE, "etcdserver: server stopped"),
    errors.ConnectionFailed: (Status.UNAVAILABLE, None),
    errors.DeadlineExceeded: (Status.DEADLINE_EXCEEDED, "context deadline exceeded"),
    errors.TooFewReplicas: (Status.DEADLINE_EXCEEDED, None),
    errors.Cancelled: (Status.CANCELLED, "context canceled"),
    errors.OutcomeUnknown: TIMED_OUT,
    errors.LeaseLost: (Status.FAILED_PRECONDITION, None),
    errors.LockLost: (Status.FAILED_PRECONDITION, None),
    errors.LeadershipLost: (Status.FAILED_PRECONDITION, None),
    errors.GuardFailed: (Status.FAILED_PRECONDITION, None),
    errors.Unimplemented: (Status.UNIMPLEMENTED, None),
    errors.ServerFault: (Status.UNKNOWN, None),
    errors.ConfigurationError: (Status.FAILED_PRECONDITION, None),
    errors.StorageError: (Status.UNAVAILABLE, "etcdserver: server stopped"),
    errors.DataDirectoryInUse: (Status.UNAVAILABLE, "etcdserver: server stopped"),
    errors.CorruptData: (Status.DATA_LOSS, "etcdserver: corrupt cluster"),
    errors.NewerFormat: (Status.UNAVAILABLE, "etcdserver: server stopped"),
    errors.DiskFull: (Status.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"),
    errors.DiskFault: (Status.UNAVAILABLE, "etcdserver: server stopped"),
    errors.MalformedCommand: (Status.UNAVAILABLE, "etcdserver: server stopped"),
    errors.ApplyFailed: (Status.UNAVAILABLE, "etcdserver: server stopped"),
    errors.EntriesLost: (Status.UNAVAILABLE, "etcdserver: server stopped"),
    errors.ReplicaCatchingUp: (Status.UNAVAILABLE, None),
    errors.EdgeOfAnotherCluster: (Status.FAILED_PRECONDITION, None),
    errors.ReplicaRetired: (Status.FAILED_PRECONDITION, None),
}


def describe(error: TricordError, deadline: float | None = None) -> tuple[Status, str]:
    """The code and text of ``error``, for a caller with this deadline.

    Where the caller gave none, the member's own patience ran out: etcd says so in other words.
    """
    kind = type(error)
    if kind is errors.DeadlineExceeded and deadline is None:
        return TIMED_OUT
    if isinstance(error, errors.MembershipRefused) and error.reason in REFUSALS:
        return REFUSALS[error.reason]
    entry = TABLE.get(kind)
    if entry is None:
        entry = next(TABLE[ancestor] for ancestor in kind.__mro__ if ancestor in TABLE)
    status, text = entry
    return status, str(error) if text is None else text


def fail(call: UnaryCall | StreamCall | AnsweringCall, error: TricordError) -> None:
    """End the call with the error."""
    status, text = describe(error, call.deadline)
    _tell_code(call, error)
    call.fail(status, text)


def stream_error(call: Call, error: TricordError) -> GrpcError:
    """The error as handlers of streams raise it, to end the call."""
    _tell_code(call, error)
    return GrpcError(*describe(error, call.deadline))


def _tell_code(call: Call, error: TricordError) -> None:
    if knows_keyspaces(call.metadata):
        call.set_trailing(ERROR, error.code)
