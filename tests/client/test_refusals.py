# SPDX-License-Identifier: Apache-2.0
"""What a failed call means: which error, and whether trying again is safe."""

from __future__ import annotations

import pytest

from tricord.api.etcd.errors import describe
from tricord.base import errors
from tricord.client.refusals import answered, judge
from tricord.transport.client_connection import CallBroken
from tricord.wire.grpc.status import GrpcError, Status


def every_error(root: type[errors.TricordError]) -> list[type[errors.TricordError]]:
    return [root] + [below for child in root.__subclasses__() for below in every_error(child)]


def test_what_a_member_of_ours_refuses_is_the_same_error_here() -> None:
    kinds = [kind for kind in every_error(errors.InvalidRequest) if kind.__module__ == "tricord.base.errors"]
    kinds += [
        errors.NoSpace,
        errors.CorruptCluster,
        errors.TooManyRequests,
        errors.PermissionDenied,
        errors.NoLeader,
        errors.Stopping,
        errors.TokenAhead,
        errors.BoundNotMet,
        errors.SiblingLimit,
        errors.KeyTooLarge,
    ]
    kinds.remove(errors.MalformedMessage)  # etcd's protocol has no words for it: it arrives as ServerFault
    for kind in kinds:
        arrived = answered(GrpcError(*describe(kind()), code=kind.code))
        assert type(arrived) is kind
        if kind is not errors.NotFound:
            assert str(arrived) == str(kind()), "remote and embedded say the same"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (Status.INTERNAL, errors.ServerFault),
        (Status.UNKNOWN, errors.ServerFault),
        (77, errors.ServerFault),
        (Status.UNAUTHENTICATED, errors.PermissionDenied),
        (Status.UNIMPLEMENTED, errors.Unimplemented),
        (Status.FAILED_PRECONDITION, errors.InvalidRequest),
        (Status.DEADLINE_EXCEEDED, errors.DeadlineExceeded),
    ],
)
def test_other_statuses_keep_their_text(status: Status | int, kind: type[errors.TricordError]) -> None:
    error = answered(GrpcError(status, "some words"))
    assert type(error) is kind
    assert "some words" in str(error)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (Status.UNAVAILABLE, "etcdserver: leader changed"),
        (Status.UNAVAILABLE, "etcdserver: request timed out"),
        (Status.UNAVAILABLE, "etcdserver: server stopped"),
        (Status.DEADLINE_EXCEEDED, "context deadline exceeded"),
        (Status.CANCELLED, "context canceled"),
        (Status.UNKNOWN, "panic"),
        (Status.INTERNAL, "oops"),
        (Status.DATA_LOSS, "other words"),
        (Status.ABORTED, ""),
        (99, "from the future"),
    ],
)
def test_a_write_that_failed_after_it_may_have_been_proposed_is_unknown(status: Status | int, text: str) -> None:
    error, again = judge(GrpcError(status, text), read=False)
    assert type(error) is errors.OutcomeUnknown
    assert not again


@pytest.mark.parametrize(
    "status",
    [
        Status.INVALID_ARGUMENT,
        Status.NOT_FOUND,
        Status.PERMISSION_DENIED,
        Status.RESOURCE_EXHAUSTED,
        Status.FAILED_PRECONDITION,
        Status.OUT_OF_RANGE,
        Status.UNIMPLEMENTED,
        Status.UNAUTHENTICATED,
    ],
)
def test_a_write_that_was_refused_did_not_happen_and_is_not_tried_again(status: Status) -> None:
    error, again = judge(GrpcError(status, "no"), read=False)
    assert not isinstance(error, errors.OutcomeUnknown)
    assert not again


def test_only_reads_and_what_was_never_begun_are_tried_again() -> None:
    stopped = GrpcError(Status.UNAVAILABLE, "etcdserver: server stopped")
    assert judge(stopped, read=True)[1]
    assert not judge(stopped, read=False)[1]
    no_leader = GrpcError(Status.UNAVAILABLE, "etcdserver: no leader")
    assert judge(no_leader, read=True)[1]
    assert judge(no_leader, read=False)[1]
    for read in (True, False):
        assert judge(CallBroken(Status.UNAVAILABLE, "refused", sent=False), read=read)[1]
    lost = CallBroken(Status.UNAVAILABLE, "lost")
    assert judge(lost, read=True)[1]
    error, again = judge(lost, read=False)
    assert type(error) is errors.OutcomeUnknown and not again


def test_time_that_ran_out_is_known_unless_a_write_was_sent() -> None:
    for read, sent, kind in (
        (True, True, errors.DeadlineExceeded),
        (True, False, errors.DeadlineExceeded),
        (False, False, errors.DeadlineExceeded),
        (False, True, errors.OutcomeUnknown),
    ):
        error, again = judge(CallBroken(Status.DEADLINE_EXCEEDED, "late", sent=sent), read=read)
        assert type(error) is kind
        assert not again


def test_an_answer_too_large_is_a_limit_for_a_read_and_unknown_for_a_write() -> None:
    large = CallBroken(Status.RESOURCE_EXHAUSTED, "grpc: received message larger than max (5 vs. 4)")
    assert type(judge(large, read=True)[0]) is errors.ResponseTooLarge
    assert type(judge(large, read=False)[0]) is errors.OutcomeUnknown
    sent = GrpcError(Status.RESOURCE_EXHAUSTED, "grpc: received message larger than max (5 vs. 4)")
    assert type(judge(sent, read=False)[0]) is errors.RequestTooLarge
