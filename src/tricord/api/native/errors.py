# SPDX-License-Identifier: Apache-2.0
"""Errors at tricord's own door: the status of the nearest ancestor, and the error's own text.

A refused change of the members, and a missing leader, read as at etcd's door: one client understands both. What the
error itself says stands behind.
"""

from __future__ import annotations

from tricord.base import errors
from tricord.base.errors import MembershipRefused, TricordError
from tricord.wire.etcd.membership import REFUSALS
from tricord.wire.grpc.service import StreamCall, UnaryCall
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.native.levels import ERROR

STATUS: dict[type[TricordError], Status] = {
    errors.TricordError: Status.UNKNOWN,
    errors.InvalidRequest: Status.INVALID_ARGUMENT,
    errors.MalformedMessage: Status.INTERNAL,
    errors.OutOfRange: Status.OUT_OF_RANGE,
    errors.KeyspaceExists: Status.ALREADY_EXISTS,
    errors.NotFound: Status.NOT_FOUND,
    errors.PermissionDenied: Status.PERMISSION_DENIED,
    errors.ResourceExhausted: Status.RESOURCE_EXHAUSTED,
    errors.MembershipRefused: Status.FAILED_PRECONDITION,
    errors.Unavailable: Status.UNAVAILABLE,
    errors.DeadlineExceeded: Status.DEADLINE_EXCEEDED,
    errors.Cancelled: Status.CANCELLED,
    errors.OutcomeUnknown: Status.UNAVAILABLE,
    errors.Unimplemented: Status.UNIMPLEMENTED,
    errors.StorageError: Status.UNAVAILABLE,
    errors.CorruptData: Status.DATA_LOSS,
    errors.TypeMismatch: Status.FAILED_PRECONDITION,
    errors.UnknownType: Status.FAILED_PRECONDITION,
    errors.NotOfThisModel: Status.FAILED_PRECONDITION,
    errors.ChangedMeanwhile: Status.FAILED_PRECONDITION,
    errors.TokenOfAnotherCluster: Status.FAILED_PRECONDITION,
    errors.TokenOfAnotherHistory: Status.FAILED_PRECONDITION,
    errors.CounterOverflow: Status.OUT_OF_RANGE,
    errors.TooFewReplicas: Status.DEADLINE_EXCEEDED,
    errors.ReplicaRetired: Status.FAILED_PRECONDITION,
    errors.NotForLearners: Status.FAILED_PRECONDITION,
    errors.EdgeOfAnotherCluster: Status.FAILED_PRECONDITION,
    errors.LeaseExists: Status.FAILED_PRECONDITION,
    errors.LeaseLost: Status.FAILED_PRECONDITION,
    errors.GuardFailed: Status.FAILED_PRECONDITION,
    errors.ConfigurationError: Status.FAILED_PRECONDITION,
    errors.WrongMember: Status.UNAVAILABLE,
    errors.DiskFull: Status.RESOURCE_EXHAUSTED,
    errors.CorruptCluster: Status.DATA_LOSS,
}

NO_LEADER = "etcdserver: no leader"


def fail(call: UnaryCall, error: TricordError) -> None:
    """End the call with the error, whose code goes beside its text."""
    call.set_trailing(ERROR, error.code)
    if isinstance(error, MembershipRefused) and error.reason in REFUSALS:
        status, text = REFUSALS[error.reason]
        call.fail(status, f"{text}: {error}")
        return
    if isinstance(error, errors.NoLeader):
        call.fail(Status.UNAVAILABLE, NO_LEADER)
        return
    call.fail(status_of(error), str(error))


def status_of(error: TricordError) -> Status:
    """Of the nearest ancestor."""
    return next(STATUS[ancestor] for ancestor in type(error).__mro__ if ancestor in STATUS)


def stream_error(call: StreamCall, error: TricordError) -> GrpcError:
    """The error as streaming handlers raise it, whose code goes beside its text."""
    call.set_trailing(ERROR, error.code)
    return GrpcError(status_of(error), str(error), code=error.code)
