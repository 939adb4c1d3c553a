# SPDX-License-Identifier: Apache-2.0
"""Responses built by hand are, byte for byte, what protobuf would write, and come back as the results they were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.etcd.strategies import (
    DELETE_RESULTS,
    KEY_VALUES,
    LEAF_RESULTS,
    PUT_RESULTS,
    RANGE_RESULTS,
    STAMPS,
    TXN_RESULTS,
)
from tricord.base.errors import ServerFault
from tricord.base.levels import Level, Stamp
from tricord.base.operations import (
    CompactResult,
    DeleteRangeResult,
    KeyValue,
    PutResult,
    RangeResult,
    Result,
    TxnResult,
)
from tricord.wire.etcd import responses
from tricord.wire.etcd.varint import varint
from tricord.wire.schemas import kv, mvcc
from tricord.wire.schemas.header import ResponseHeader

KINDS: dict[type, tuple[type[Message], Callable[..., tuple[Any, Stamp]]]] = {
    RangeResult: (kv.RangeResponse, responses.decode_range_response),
    PutResult: (kv.PutResponse, responses.decode_put_response),
    DeleteRangeResult: (kv.DeleteRangeResponse, responses.decode_delete_range_response),
    TxnResult: (kv.TxnResponse, responses.decode_txn_response),
    CompactResult: (kv.CompactionResponse, responses.decode_compact_response),
}
STAMP = Stamp(0xCDF818194E3A8C32, 0x8E9E05C52164694D, 2, 1_234_567)


@settings(deadline=None, max_examples=400)
@given(LEAF_RESULTS | TXN_RESULTS | st.just(CompactResult()), STAMPS)
def test_a_response_is_what_protobuf_writes_and_comes_back(result: Result, stamp: Stamp) -> None:
    data = responses.encode_response(result, stamp)
    message, decode = KINDS[type(result)]
    assert message.FromString(data).SerializeToString(deterministic=True) == data
    assert decode(data) == (result, stamp)


@settings(deadline=None, max_examples=200)
@given(KEY_VALUES)
def test_a_record_is_what_protobuf_writes(record: KeyValue) -> None:
    expected = mvcc.KeyValue(
        key=record.key,
        value=record.value,
        create_revision=record.create_revision,
        mod_revision=record.mod_revision,
        version=record.version,
        lease=record.lease,
    )
    assert responses.encode_key_value(record) == expected.SerializeToString(deterministic=True)


@settings(deadline=None, max_examples=200)
@given(st.lists(STAMPS, min_size=1, max_size=5))
def test_a_header_is_the_stamps_own_whoever_was_answered_for_before(stamps: list[Stamp]) -> None:
    for stamp in stamps:
        message = kv.PutResponse.FromString(responses.encode_header(stamp))
        assert message.header == ResponseHeader(
            cluster_id=stamp.cluster, member_id=stamp.member, revision=stamp.revision, raft_term=stamp.term
        )


@settings(deadline=None, max_examples=200)
@given(RANGE_RESULTS, STAMPS)
def test_parts_of_a_streamed_range_merge_to_the_range(result: RangeResult, stamp: Stamp) -> None:
    cut = len(result.kvs) // 2
    parts = [
        responses.encode_range_part(result.kvs[:cut]),
        responses.encode_range_end(RangeResult(result.kvs[cut:], result.more, result.count), stamp),
    ]
    merged = kv.RangeStreamResponse()
    for part in parts:
        merged.MergeFromString(part)
    whole = kv.RangeResponse.FromString(responses.encode_response(result, stamp))
    assert merged.range_response == whole
    decoded = [responses.decode_range_stream_response(part) for part in parts]
    assert [stamp for _, stamp in decoded] == [None, stamp]
    assert [record for part, _ in decoded for record in part.kvs] == result.kvs


@settings(deadline=None, max_examples=100)
@given(st.integers(-(1 << 63), (1 << 64) - 1))
def test_varints_are_protobufs(number: int) -> None:
    if number < 1 << 63:
        expected = kv.CompactionRequest(revision=number).SerializeToString()[1:]
    else:
        expected = ResponseHeader(cluster_id=number).SerializeToString()[1:]
    assert varint(number) == (expected or b"\x00")


def test_the_level_of_a_decoded_stamp_is_the_one_that_was_asked_for() -> None:
    data = responses.encode_response(PutResult(), STAMP)
    assert responses.decode_put_response(data, Level.ANY)[1].level is Level.ANY


OLD = KeyValue(b"k", b"v", 1, 2, 3)


@pytest.mark.parametrize(
    ("results", "revisions"),
    [
        # Nothing changed: all saw the revision at hand.
        ([RangeResult([], False, 0), DeleteRangeResult(0, [])], [100, 100]),
        # A range before the first change saw the revision before; from the change on it is the transaction's own.
        ([RangeResult([], False, 0), PutResult(), RangeResult([], False, 0)], [99, 100, 100]),
        ([DeleteRangeResult(0, []), DeleteRangeResult(2, []), DeleteRangeResult(0, [])], [99, 100, 100]),
        ([TxnResult(True, [RangeResult([], False, 0), PutResult(OLD)]), RangeResult([], False, 0)], [99, 100, 0, 100]),
        ([RangeResult([], False, 0), TxnResult(False, [TxnResult(True, [PutResult()])])], [99, 100, 0, 0]),
    ],
)
def test_operations_of_a_transaction_say_which_revision_they_saw(results: list[Any], revisions: list[int]) -> None:
    def seen(operations: Any) -> list[int]:
        found = []
        for operation in operations:
            response = getattr(operation, operation.WhichOneof("response"))
            if isinstance(response, kv.TxnResponse):
                found += seen(response.responses)
            found.append(response.header.revision)
        return found

    data = responses.encode_response(TxnResult(True, results), Stamp(1, 1, 1, 100))
    message = kv.TxnResponse.FromString(data)
    assert message.header.revision == 100
    assert seen(message.responses) == revisions


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_is_no_message_is_the_servers_fault(kind: type) -> None:
    with pytest.raises(ServerFault):
        KINDS[kind][1](b"\x0a\x05k")


def test_an_answer_with_an_operation_of_an_unknown_kind_is_the_servers_fault() -> None:
    data = kv.TxnResponse(responses=[kv.ResponseOp()]).SerializeToString()
    with pytest.raises(ServerFault):
        responses.decode_txn_response(data)


@settings(deadline=None, max_examples=50)
@given(PUT_RESULTS | DELETE_RESULTS)
def test_absent_previous_values_stay_absent(result: PutResult | DeleteRangeResult) -> None:
    decoded, _ = KINDS[type(result)][1](responses.encode_response(result, STAMP))
    assert decoded.previous == result.previous
