# SPDX-License-Identifier: Apache-2.0
"""The KV service's mapping: bytes to requests, outcomes to bytes or errors; what they mean is the engine's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.api.etcd.scripted_engine import STAMP, RecordedCall, ScriptedEngine
from tricord.api import etcd
from tricord.base.errors import DeadlineExceeded, OutcomeUnknown, RevisionCompacted, TokenAhead
from tricord.base.levels import Level, Stamp
from tricord.base.operations import (
    Compact,
    CompactResult,
    DeleteRange,
    DeleteRangeResult,
    KeyValue,
    Put,
    PutResult,
    Range,
    RangeResult,
    Request,
    Result,
    Txn,
    TxnResult,
)
from tricord.wire.etcd.requests import encode_request
from tricord.wire.etcd.responses import encode_response
from tricord.wire.grpc.metadata import Metadata
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.native.levels import stamp_fields
from tricord.wire.schemas import kv

RECORD = KeyValue(b"k", b"v", 2, 3, 2)
PAIRS: list[tuple[str, Request, Result]] = [
    ("Range", Range(b"k", b"z", limit=3), RangeResult([RECORD], True, 5)),
    ("Put", Put(b"k", b"v"), PutResult()),
    ("Put", Put(b"k", b"v", lease=7, previous=True), PutResult(RECORD)),
    ("DeleteRange", DeleteRange(b"k", previous=True), DeleteRangeResult(1, [RECORD])),
    ("Txn", Txn([], [Put(b"k", b"v")], [Range(b"k")]), TxnResult(True, [PutResult()])),
    ("Compact", Compact(9, True), CompactResult()),
]


def handler(engine: ScriptedEngine, name: str) -> Any:
    return next(method.handler for method in etcd.methods(engine) if method.path == f"/etcdserverpb.KV/{name}")


@pytest.mark.parametrize(("name", "request_", "result"), PAIRS)
def test_a_call_becomes_a_request_and_its_result_the_reply(name: str, request_: Request, result: Result) -> None:
    engine, call = ScriptedEngine([result]), RecordedCall()
    handler(engine, name)(encode_request(request_), call)
    assert engine.requests == [request_]
    assert call.replies == [encode_response(result, STAMP)]
    assert not call.failures


@pytest.mark.parametrize(("name", "request_", "result"), PAIRS)
def test_an_error_fails_the_call_in_etcds_words(name: str, request_: Request, result: Result) -> None:
    engine, call = ScriptedEngine([RevisionCompacted()]), RecordedCall()
    handler(engine, name)(encode_request(request_), call)
    assert call.failures == [(Status.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted")]
    assert not call.replies


@pytest.mark.parametrize("name", ["Range", "Put", "DeleteRange", "Txn", "Compact"])
def test_bytes_that_are_no_message_never_reach_the_engine(name: str) -> None:
    engine, call = ScriptedEngine(), RecordedCall()
    with pytest.raises(GrpcError) as caught:
        handler(engine, name)(b"\x0a\x05k", call)
    assert caught.value.status == Status.INTERNAL
    assert caught.value.text.startswith("grpc: error unmarshalling request: ")
    assert not engine.requests


def test_an_operation_that_names_nothing_is_refused() -> None:
    engine, call = ScriptedEngine(), RecordedCall()
    handler(engine, "Txn")(kv.TxnRequest(success=[kv.RequestOp()]).SerializeToString(), call)
    assert call.failures == [(Status.INVALID_ARGUMENT, "etcdserver: key not found")]
    assert not engine.requests


@pytest.mark.parametrize(("serializable", "level"), [(True, Level.ANY), (False, Level.LINEARIZABLE)])
def test_serializable_reads_ask_for_any_state(serializable: bool, level: Level) -> None:
    engine = ScriptedEngine([RangeResult([], False, 0)])
    data = kv.RangeRequest(key=b"k", serializable=serializable).SerializeToString()
    handler(engine, "Range")(data, RecordedCall())
    assert engine.contexts[0].level is level


def test_only_bytes_of_known_fields_are_passed_on_to_be_logged() -> None:
    engine = ScriptedEngine([PutResult(), PutResult(), PutResult()])
    plain = encode_request(Put(b"k", b"v" * 10))
    put = handler(engine, "Put")
    for data in (plain, plain + b"\xfa\x3f\x03new", encode_request(Put(b"k", b"v", lease=3))):
        put(data, RecordedCall())
    assert engine.bodies == [plain, None, None]


def test_the_callers_deadline_and_its_leaving_reach_the_engine() -> None:
    engine, call = ScriptedEngine(), RecordedCall(deadline=12.5)
    handler(engine, "Put")(encode_request(Put(b"k", b"v")), call)
    (context,) = engine.contexts
    assert context.deadline == 12.5
    assert not context.cancelled
    call.cancel()
    assert context.cancelled


def test_a_reply_may_come_later() -> None:
    engine, call = ScriptedEngine(), RecordedCall()
    handler(engine, "Put")(encode_request(Put(b"k", b"v")), call)
    assert not call.replies
    engine.open[0](PutResult(), STAMP)
    assert call.replies == [encode_response(PutResult(), STAMP)]


def test_a_timeout_is_the_callers_deadline_or_the_members_patience() -> None:
    for deadline, expected in (
        (5.0, (Status.DEADLINE_EXCEEDED, "context deadline exceeded")),
        (None, (Status.UNAVAILABLE, "etcdserver: request timed out")),
    ):
        engine, call = ScriptedEngine([DeadlineExceeded()]), RecordedCall(deadline=deadline)
        handler(engine, "Range")(encode_request(Range(b"k")), call)
        assert call.failures == [expected]
    engine, call = ScriptedEngine([OutcomeUnknown()]), RecordedCall()
    handler(engine, "Put")(encode_request(Put(b"k", b"v")), call)
    assert call.failures == [(Status.UNAVAILABLE, "etcdserver: request timed out")]


def records(first: int, count: int) -> list[KeyValue]:
    return [KeyValue(b"%06d" % number, b"v" * 100, 2, 2, 1) for number in range(first, first + count)]


def stream(engine: ScriptedEngine, request: kv.RangeRequest | bytes) -> list[kv.RangeResponse]:
    data = request if isinstance(request, bytes) else request.SerializeToString()
    call = RecordedCall(incoming=[data])
    asyncio.run(handler(engine, "RangeStream")(call))
    return [kv.RangeStreamResponse.FromString(reply).range_response for reply in call.replies]


def test_a_streamed_range_goes_on_from_key_to_key_at_one_revision() -> None:
    engine = ScriptedEngine(
        [
            RangeResult(records(0, 10), True, 35),
            RangeResult(records(10, 20), True, 25),
            RangeResult(records(30, 5), False, 5),
        ]
    )
    parts = stream(engine, kv.RangeRequest(key=b"0", range_end=b"1"))
    assert engine.requests == [
        Range(b"0", b"1", limit=10),
        Range(b"000009\0", b"1", limit=20, revision=STAMP.revision),
        Range(b"000029\0", b"1", limit=40, revision=STAMP.revision),
    ]
    assert [context.level for context in engine.contexts] == [Level.ANY] * 3  # one context, lowered after the first
    assert [part.HasField("header") for part in parts] == [False, False, True]
    assert [len(part.kvs) for part in parts] == [10, 20, 5]
    assert (parts[-1].count, parts[-1].more, parts[-1].header.revision) == (35, False, STAMP.revision)


def test_a_streamed_range_stops_at_its_limit_and_counts_all() -> None:
    engine = ScriptedEngine([RangeResult(records(0, 10), True, 35), RangeResult(records(10, 5), True, 25)])
    parts = stream(engine, kv.RangeRequest(key=b"0", range_end=b"1", limit=15, revision=7))
    assert engine.requests == [
        Range(b"0", b"1", limit=10, revision=7),
        Range(b"000009\0", b"1", limit=5, revision=7),
    ]
    assert (parts[-1].count, parts[-1].more) == (35, True)


def test_a_streamed_count_has_no_keys() -> None:
    engine = ScriptedEngine([RangeResult([], False, 35)])
    (part,) = stream(engine, kv.RangeRequest(key=b"0", range_end=b"1", count_only=True))
    assert (part.count, part.more, len(part.kvs)) == (35, False, 0)


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (kv.RangeRequest(key=b"k", sort_order=2), "RangeStream does not support custom sort orders"),
        (kv.RangeRequest(key=b"k", sort_order=1, sort_target=3), "RangeStream does not support custom sort orders"),
        (kv.RangeRequest(key=b"k", min_mod_revision=2), "RangeStream does not support revision filters"),
    ],
)
def test_what_cannot_be_streamed_is_refused(request_: kv.RangeRequest, text: str) -> None:
    with pytest.raises(GrpcError) as caught:
        stream(ScriptedEngine(), request_)
    assert (caught.value.status, caught.value.text) == (Status.UNIMPLEMENTED, text)


def test_a_streamed_range_in_key_order_is_served() -> None:
    assert stream(ScriptedEngine([RangeResult([], False, 0)]), kv.RangeRequest(key=b"k", sort_order=1))


def test_an_error_in_the_middle_ends_the_stream_with_it() -> None:
    engine = ScriptedEngine([RangeResult(records(0, 10), True, 35), RevisionCompacted()])
    with pytest.raises(GrpcError) as caught:
        stream(engine, kv.RangeRequest(key=b"0", range_end=b"1"))
    assert caught.value.status == Status.OUT_OF_RANGE


def test_each_answer_says_its_own_stamp_though_many_share_one() -> None:
    engine = ScriptedEngine()
    range_ = handler(engine, "Range")
    stamps = [Stamp(1, 2, 3, revision, history=5, index=revision) for revision in (7, 8)]
    told = []
    for stamp in (stamps[0], stamps[0], stamps[1], stamps[0]):
        call = RecordedCall(metadata=Metadata([("tricord-token", "")]))
        range_(encode_request(Range(b"k")), call)
        engine.open.pop()(RangeResult([], False, 0), stamp)
        told.append(call.leading)
    assert told == [stamp_fields(stamp) for stamp in (stamps[0], stamps[0], stamps[1], stamps[0])]


@pytest.mark.parametrize("name", ["tricord-level", "tricord-token", "tricord-keyspace"])
@pytest.mark.parametrize("method", ["Range", "RangeStream"])
def test_callers_that_know_more_than_etcd_are_told_an_errors_code_however_they_ask(name: str, method: str) -> None:
    metadata = Metadata([(name, "sequential" if name == "tricord-level" else "")])
    request = encode_request(Range(b"k"))
    call = RecordedCall(incoming=[request], metadata=metadata)
    engine = ScriptedEngine([TokenAhead()])
    if method == "Range":
        handler(engine, method)(request, call)
    else:
        with pytest.raises(GrpcError) as caught:
            asyncio.run(handler(engine, method)(call))
        call.failures.append((caught.value.status, caught.value.text))
    assert call.failures == [(Status.UNAVAILABLE, str(TokenAhead()))]
    assert call.trailing == [("tricord-error", TokenAhead.code)]


def test_a_stream_without_a_request_is_refused() -> None:
    with pytest.raises(GrpcError) as caught:
        asyncio.run(handler(ScriptedEngine(), "RangeStream")(RecordedCall()))
    assert caught.value.status == Status.INTERNAL
