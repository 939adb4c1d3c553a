# SPDX-License-Identifier: Apache-2.0
"""Requests survive the way to bytes and back, read what any protobuf writer may send, and refuse what is no message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.wire.etcd.strategies import COMPACTS, DELETES, PUTS, RANGES, TXNS
from tricord.base.errors import KeyAbsent, MalformedMessage
from tricord.base.levels import Level
from tricord.base.operations import Compact, Compare, CompareTarget, DeleteRange, Put, Range, Request, Txn
from tricord.wire.etcd import requests
from tricord.wire.etcd.plain_txn import plain_txn
from tricord.wire.etcd.varint import varint
from tricord.wire.schemas import kv

Decoder = Callable[[bytes], tuple[Any, Level]]
DECODERS: dict[type, Decoder] = {
    Range: requests.decode_range,
    Put: requests.decode_put,
    DeleteRange: requests.decode_delete_range,
    Txn: requests.decode_txn,
    Compact: requests.decode_compact,
}
UNKNOWN = b"\xfa\x3f\x03new"  # field 1023, of a version to come


@settings(deadline=None, max_examples=300)
@given(RANGES | PUTS | DELETES | TXNS | COMPACTS)
def test_a_request_comes_back_from_its_bytes(request: Request) -> None:
    data = requests.encode_request(request)
    decoded, level = DECODERS[type(request)](data)
    assert decoded == request
    assert level is (
        Level.ANY if isinstance(request, Txn) and not request.success + request.failure else level.LINEARIZABLE
    )


@settings(deadline=None, max_examples=100)
@given(RANGES)
def test_a_serializable_range_keeps_its_level(request: Range) -> None:
    assert requests.decode_range(requests.encode_request(request, Level.ANY)) == (request, Level.ANY)


@settings(deadline=None, max_examples=300)
@given(PUTS)
@example(Put(b"", b""))
@example(Put(b"k" * 127, b"v" * 16383))
@example(Put(b"k" * 128, b"v"))
@example(Put(b"k", b"v" * 16384))
def test_a_put_has_the_bytes_that_protobuf_gives_it(put: Put) -> None:
    message = kv.PutRequest(
        key=put.key,
        value=put.value,
        lease=put.lease,
        prev_kv=put.previous,
        ignore_value=put.ignore_value,
        ignore_lease=put.ignore_lease,
    )
    assert requests.encode_request(put) == message.SerializeToString(deterministic=True)


@settings(deadline=None, max_examples=300)
@given(PUTS, st.sampled_from([b"", UNKNOWN, b"\x12\x00", b"\x0a\x01z", b"\x18\x07"]))
@example(Put(b"k" * 127, b"v" * 16383), b"")
@example(Put(b"k", b"v"), b"")
@example(Put(b"k", b"v" * 128), b"")
def test_a_put_is_called_plain_only_if_its_bytes_may_be_logged_as_they_are(put: Put, more: bytes) -> None:
    data = requests.encode_request(put) + more
    plain = requests.plain_put(data)
    if plain is not None:
        assert requests.decode_put(data)[0] == plain
        assert requests.encode_request(plain) == data
    elif not more and not (put.lease or put.previous or put.ignore_value or put.ignore_lease):
        assert not (0 < len(put.key) < 128 and 0 < len(put.value) < 16384 and len(data) >= 6)


@settings(deadline=None, max_examples=500)
@given(st.binary(max_size=40) | st.binary(max_size=12).map(lambda tail: b"\x0a\x02kk\x12" + tail))
def test_no_bytes_are_a_plain_put_unless_protobuf_agrees(data: bytes) -> None:
    plain = requests.plain_put(data)
    if plain is not None:
        message = kv.PutRequest.FromString(data)
        assert (message.key, message.value) == (plain.key, plain.value)
        assert message.SerializeToString(deterministic=True) == data


@settings(deadline=None, max_examples=500)
@given(
    st.binary(min_size=1, max_size=5) | st.sampled_from([127, 128]).map(bytes),
    st.sampled_from([b"", b"\x38\x01", b"\x38\x00", b"\x38\x02", b"\x40\x01", b"\x18\x07"]) | st.binary(max_size=3),
)
def test_a_key_alone_is_read_as_protobuf_reads_it(key: bytes, more: bytes) -> None:
    data = requests.encode_request(Range(key)) + more
    try:
        message = kv.RangeRequest.FromString(data)
    except DecodeError:
        with pytest.raises(MalformedMessage):
            requests.decode_range(data)
        return
    request, level = requests.decode_range(data)
    assert (level is Level.ANY) == message.serializable
    assert request == requests.decode_range(message.SerializeToString() + UNKNOWN)[0]


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(sorted(DECODERS, key=lambda kind: kind.__name__)), st.binary(max_size=64))
def test_any_bytes_are_a_request_or_are_refused(kind: type, data: bytes) -> None:
    try:
        request, level = DECODERS[kind](data)
    except (MalformedMessage, KeyAbsent):
        return
    assert DECODERS[kind](requests.encode_request(request, level))[0] == request


@pytest.mark.parametrize("kind", DECODERS)
@pytest.mark.parametrize("data", [b"\x0a\x05k", b"\xff\xff\xff", b"\x0f", b"\x08", b"\x00"], ids=repr)
def test_what_is_no_message_is_refused(kind: type, data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        DECODERS[kind](data)


@pytest.mark.parametrize(
    ("request_", "kind"), [(Put(b"k", b"v", 5), Put), (Range(b"a", b"b"), Range), (DeleteRange(b"k"), DeleteRange)]
)
def test_fields_of_a_version_to_come_are_ignored_and_not_logged(request_: Request, kind: type) -> None:
    data = requests.encode_request(request_)
    decoded, _ = DECODERS[kind](data + UNKNOWN)
    assert decoded == request_
    assert requests.encode_request(decoded) == data


SERIALIZABLE = kv.RequestOp(request_range=kv.RangeRequest(key=b"k", serializable=True))
LINEARIZABLE = kv.RequestOp(request_range=kv.RangeRequest(key=b"k"))
WRITE = kv.RequestOp(request_put=kv.PutRequest(key=b"k"))


@pytest.mark.parametrize(
    ("success", "failure", "level"),
    [
        ([SERIALIZABLE], [], Level.ANY),
        ([SERIALIZABLE], [SERIALIZABLE, SERIALIZABLE], Level.ANY),
        ([], [], Level.ANY),
        ([SERIALIZABLE], [LINEARIZABLE], Level.LINEARIZABLE),
        ([SERIALIZABLE, WRITE], [], Level.LINEARIZABLE),
        ([kv.RequestOp(request_txn=kv.TxnRequest(success=[SERIALIZABLE]))], [], Level.LINEARIZABLE),
    ],
)
def test_a_transaction_is_serializable_if_all_its_operations_are_serializable_ranges(
    success: list[kv.RequestOp], failure: list[kv.RequestOp], level: Level
) -> None:
    data = kv.TxnRequest(success=success, failure=failure).SerializeToString()
    assert requests.decode_txn(data)[1] is level


def test_an_operation_that_names_nothing_is_refused_in_etcds_words() -> None:
    with pytest.raises(KeyAbsent):
        requests.decode_txn(kv.TxnRequest(success=[kv.RequestOp()]).SerializeToString())


@pytest.mark.parametrize(
    ("target", "operand"),
    [
        (CompareTarget.VERSION, 0),
        (CompareTarget.CREATE, 0),
        (CompareTarget.MOD, 7),
        (CompareTarget.VALUE, b""),
        (CompareTarget.LEASE, 0),
    ],
)
def test_a_compare_whose_union_names_another_target_compares_with_zero(
    target: CompareTarget, operand: bytes | int
) -> None:
    data = kv.TxnRequest(compare=[kv.Compare(key=b"k", target=target, mod_revision=7)]).SerializeToString()
    assert requests.decode_txn(data)[0].compares == [Compare(b"k", target, 0, operand)]


def test_transactions_nest_as_deep_as_protobuf_reads_and_no_deeper() -> None:
    txn = Txn([], [Put(b"k", b"v")], [])
    for _ in range(40):
        txn = Txn([], [txn], [])
    data = requests.encode_request(txn)
    assert requests.decode_txn(data)[0] == txn
    for _ in range(20):
        txn = Txn([], [txn], [])
        operation = b"\x22" + varint(len(data)) + data
        data = b"\x12" + varint(len(operation)) + operation
    with pytest.raises(MalformedMessage):
        requests.decode_txn(data)
    with pytest.raises(MalformedMessage):
        requests.encode_request(txn)


@pytest.mark.parametrize("request_", [Range(b"k", limit=1 << 63), Put(b"k", b"", lease=-(1 << 63) - 1)])
def test_numbers_beyond_64_bits_are_refused(request_: Request) -> None:
    with pytest.raises(ValueError, match=r"."):
        requests.encode_request(request_)


@settings(deadline=None, max_examples=400)
@given(TXNS)
def test_a_transaction_read_by_hand_is_what_protobuf_reads(txn: Txn) -> None:
    data = requests.encode_request(txn)
    decoded, level, logged = requests.decode_txn_to_log(data)
    assert (decoded, logged) == (txn, data)
    assert (decoded, level) == requests._decode_any_txn(data)


@pytest.mark.parametrize("number", [1, 127, 128, 16383, 16384, 1 << 32, (1 << 63) - 1])
@pytest.mark.parametrize("size", [1, 127, 128, 16000, 20000])
def test_common_transactions_are_read_by_hand(number: int, size: int) -> None:
    key, value = b"k" * min(size, 1000), b"v" * size
    txn = Txn(
        [
            Compare(key, CompareTarget.CREATE, 0, 0),
            Compare(key, CompareTarget.MOD, 1, number),
            Compare(key, CompareTarget.VALUE, 2, value[:1000]),
            Compare(key, CompareTarget.VALUE, 3, b""),
            Compare(key, CompareTarget.LEASE, 0, number),
        ],
        [Put(key, value, number), Put(b"k", b""), Txn([], [Put(key, b"n")], [])],
        [Range(key, b"z", number, revision=number), Range(key), DeleteRange(key), DeleteRange(key, b"z", True)],
    )
    data = requests.encode_request(txn)
    assert plain_txn(data) == ((txn, False) if size < 16_000 else None)
    assert requests.decode_txn(data)[0] == txn


@settings(deadline=None, max_examples=500)
@given(TXNS, st.data())
def test_bytes_that_are_not_plain_are_protobufs_business(txn: Txn, data: st.DataObject) -> None:
    whole = bytearray(requests.encode_request(txn))
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(whole)))
        whole[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    plain = plain_txn(bytes(whole))
    if plain is not None:
        # Whatever is read by hand, protobuf reads alike, and writes as it came.
        message = kv.TxnRequest.FromString(bytes(whole))
        assert message.SerializeToString(deterministic=True) == bytes(whole)
        assert requests._decode_any_txn(bytes(whole)) == (plain[0], Level.ANY if plain[1] else Level.LINEARIZABLE)
