# SPDX-License-Identifier: Apache-2.0
"""The Lease service's mapping: bytes to requests, outcomes to bytes or errors; what they mean is the engine's."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from tests.api.etcd.scripted_engine import STAMP, STATUS, RecordedCall, ScriptedEngine
from tricord.api import etcd
from tricord.api.etcd import required_leader
from tricord.base.errors import (
    DeadlineExceeded,
    LeaseExists,
    LeaseNotFound,
    LeaseTimeToLiveTooLarge,
    NoLeader,
    TricordError,
)
from tricord.base.leases import (
    LeaseGrant,
    LeaseGrantResult,
    LeaseKeepAlive,
    LeaseKeepAliveResult,
    LeaseList,
    LeaseListResult,
    LeaseRevoke,
    LeaseRevokeResult,
    LeaseTimeToLive,
    LeaseTimeToLiveResult,
)
from tricord.base.operations import Request, Result
from tricord.wire.etcd.leases import (
    decode_grant_response,
    decode_keep_alive_response,
    decode_list_response,
    decode_revoke_response,
    decode_time_to_live_response,
)
from tricord.wire.etcd.requests import encode_request
from tricord.wire.etcd.responses import encode_keep_alive_response, encode_response
from tricord.wire.grpc.metadata import Metadata
from tricord.wire.grpc.service import Method
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.schemas import lease

PAIRS: list[tuple[str, Request, Result, Any]] = [
    ("LeaseGrant", LeaseGrant(10, 7), LeaseGrantResult(7, 10), decode_grant_response),
    ("LeaseGrant", LeaseGrant(-1, -9), LeaseGrantResult(-9, 2), decode_grant_response),
    ("LeaseRevoke", LeaseRevoke(7), LeaseRevokeResult(), decode_revoke_response),
    (
        "LeaseTimeToLive",
        LeaseTimeToLive(7, True),
        LeaseTimeToLiveResult(7, 3, 10, [b"a", b"b"]),
        decode_time_to_live_response,
    ),
    ("LeaseTimeToLive", LeaseTimeToLive(7), LeaseTimeToLiveResult(7, -1, 0, []), decode_time_to_live_response),
    ("LeaseLeases", LeaseList(), LeaseListResult([-9, 7, 8]), decode_list_response),
]


def method(engine: ScriptedEngine, name: str) -> Method:
    return next(one for one in etcd.methods(engine) if one.path == f"/etcdserverpb.Lease/{name}")


def handler(engine: ScriptedEngine, name: str) -> Any:
    return method(engine, name).handler


def renewal(identity: int) -> bytes:
    return encode_request(LeaseKeepAlive(identity))


@pytest.mark.parametrize(("name", "request_", "result", "decode"), PAIRS)
def test_a_call_becomes_a_request_and_its_result_the_reply(
    name: str, request_: Request, result: Result, decode: Any
) -> None:
    engine, call = ScriptedEngine([result]), RecordedCall()
    handler(engine, name)(encode_request(request_), call)
    assert engine.requests == [request_]
    assert [decode(reply) for reply in call.replies] == [(result, STAMP)]
    assert not call.failures


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (LeaseNotFound(), Status.NOT_FOUND, "etcdserver: requested lease not found"),
        (LeaseExists(), Status.FAILED_PRECONDITION, "etcdserver: lease already exists"),
        (LeaseTimeToLiveTooLarge(), Status.OUT_OF_RANGE, "etcdserver: too large lease TTL"),
        (NoLeader(), Status.UNAVAILABLE, "etcdserver: no leader"),
    ],
)
def test_errors_are_in_etcds_words(error: TricordError, status: Status, text: str) -> None:
    engine, call = ScriptedEngine([error]), RecordedCall()
    handler(engine, "LeaseGrant")(encode_request(LeaseGrant(1, 1)), call)
    assert call.failures == [(status, text)]


@pytest.mark.parametrize("name", ["LeaseGrant", "LeaseRevoke", "LeaseTimeToLive", "LeaseLeases"])
def test_bytes_that_are_no_message_never_reach_the_engine(name: str) -> None:
    engine, call = ScriptedEngine(), RecordedCall()
    with pytest.raises(GrpcError) as caught:
        handler(engine, name)(b"\x0a\x05k", call)
    assert caught.value.status == Status.INTERNAL
    assert not engine.requests


def test_a_list_is_what_protobuf_would_write() -> None:
    ids = [-(1 << 63), -1, 1, 127, 128, 1 << 40, (1 << 63) - 1]
    encoded = encode_response(LeaseListResult(ids), STAMP)
    m = lease.LeaseLeasesResponse.FromString(encoded)
    assert [one.ID for one in m.leases] == ids
    assert m.SerializeToString() == encoded


# --- keep-alives ------------------------------------------------------------------------------------------------


class AnsweringRecorder(RecordedCall):
    """The call of a stream in which each message has one answer."""

    @property
    def over(self) -> bool:
        return self.cancelled or bool(self.failures)

    def answer(self, message: bytes) -> None:
        self.replies.append(message)


def begin(engine: ScriptedEngine, call: AnsweringRecorder) -> Any:
    answering = method(engine, "LeaseKeepAlive").answering
    assert answering is not None
    return answering(call)


def test_renewals_of_one_stream_are_under_way_together() -> None:
    engine, call = ScriptedEngine(), AnsweringRecorder()
    take = begin(engine, call)
    for identity in (7, 8, -9, 8):
        take(renewal(identity))
    assert engine.requests == [LeaseKeepAlive(7), LeaseKeepAlive(8), LeaseKeepAlive(-9), LeaseKeepAlive(8)]
    answers = [LeaseKeepAliveResult(identity, ttl) for identity, ttl in ((8, 5), (-9, 0), (8, 5), (7, 60))]
    for position, answer in zip((1, 2, 3, 0), answers, strict=True):
        engine.open[position](answer, STAMP)
    assert [decode_keep_alive_response(reply) for reply in call.replies] == [(answer, STAMP) for answer in answers]


@pytest.mark.parametrize("identity", [1, 127, 128, 1 << 40, (1 << 63) - 1, -1, -(1 << 63), 0])
@pytest.mark.parametrize("ttl", [0, 5, 9_000_000_000])
def test_answers_are_what_protobuf_would_write(identity: int, ttl: int) -> None:
    result = LeaseKeepAliveResult(identity, ttl)
    encoded = encode_keep_alive_response(result, STAMP)
    assert encoded == encode_response(result, STAMP)
    m = lease.LeaseKeepAliveResponse.FromString(encoded)
    assert (m.ID, m.TTL, m.header.revision) == (identity, ttl, STAMP.revision)


def test_a_renewal_that_fails_ends_the_stream_in_etcds_words() -> None:
    for error, deadline, told in (
        (NoLeader(), None, (Status.UNAVAILABLE, "etcdserver: no leader")),
        (DeadlineExceeded(), None, (Status.UNAVAILABLE, "etcdserver: request timed out")),
        (DeadlineExceeded(), 9.0, (Status.DEADLINE_EXCEEDED, "context deadline exceeded")),
    ):
        engine, call = ScriptedEngine([error]), AnsweringRecorder(deadline=deadline)
        begin(engine, call)(renewal(7))
        assert call.failures == [told]


def test_a_stream_that_is_given_up_cancels_what_is_under_way() -> None:
    engine, call = ScriptedEngine(), AnsweringRecorder()
    take = begin(engine, call)
    take(renewal(7))
    take(renewal(8))
    assert not any(context.cancelled for context in engine.contexts)
    call.cancel()
    assert all(context.cancelled for context in engine.contexts)


def test_a_client_that_requires_a_leader_is_told_when_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        monkeypatch.setattr(required_leader, "LOOK_SECONDS", 0.001)
        engine = ScriptedEngine()
        answering = method(engine, "LeaseKeepAlive").answering
        assert answering is not None
        requires = Metadata([("hasleader", "true")])
        calls = [AnsweringRecorder(metadata=requires) for _ in range(3)] + [AnsweringRecorder()]
        for call in calls:
            answering(call)
        calls[1].cancelled = True
        engine.state = dataclasses.replace(STATUS, leader=0)
        with pytest.raises(GrpcError) as caught:
            answering(AnsweringRecorder(metadata=requires))
        assert (caught.value.status, caught.value.text) == (Status.UNAVAILABLE, "etcdserver: no leader")
        async with asyncio.timeout(5):
            await calls[0].ended.wait()
        told = (Status.UNAVAILABLE, "etcdserver: no leader")
        assert [call.failures for call in calls] == [[told], [], [told], []]

    asyncio.run(story())


def test_a_renewal_that_is_no_message_ends_the_stream() -> None:
    engine, call = ScriptedEngine(), AnsweringRecorder()
    with pytest.raises(GrpcError) as caught:
        begin(engine, call)(b"\x0a\x05k")
    assert caught.value.status == Status.INTERNAL
    assert caught.value.text.startswith("grpc: failed to unmarshal the received message: ")
    assert not engine.requests


def test_the_gateways_messages_are_answered_one_after_the_other() -> None:
    async def story() -> None:
        answers: list[Any] = [LeaseKeepAliveResult(7, 5), LeaseKeepAliveResult(8, 0)]
        engine, call = ScriptedEngine(list(answers)), RecordedCall(incoming=[renewal(7), renewal(8)])
        await handler(engine, "LeaseKeepAlive")(call)
        assert [decode_keep_alive_response(reply)[0] for reply in call.replies] == answers
        engine, call = ScriptedEngine([NoLeader()]), RecordedCall(incoming=[renewal(7)])
        with pytest.raises(GrpcError) as caught:
            await handler(engine, "LeaseKeepAlive")(call)
        assert caught.value.text == "etcdserver: no leader"

    asyncio.run(story())
