# SPDX-License-Identifier: Apache-2.0
"""Proto3's JSON mapping as etcd's gateway reads and writes it, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.etcd.strategies import RANGES, TXN_RESULTS, TXNS
from tricord.api.etcd.json_messages import InvalidJson, from_json, to_json
from tricord.base.levels import Stamp
from tricord.base.operations import Range, Txn, TxnResult
from tricord.wire.etcd.requests import encode_request
from tricord.wire.etcd.responses import encode_response
from tricord.wire.schemas import kv, maintenance


@settings(deadline=None, max_examples=100)
@given(RANGES | TXNS)
def test_requests_are_read_as_protobufs_own_mapping_writes_them(request: Range | Txn) -> None:
    kind = kv.RangeRequest if isinstance(request, Range) else kv.TxnRequest
    message = kind.FromString(encode_request(request))
    for snake in (True, False):
        text = json_format.MessageToJson(message, preserving_proto_field_name=snake)
        assert from_json(text.encode(), kind) == message
    assert from_json(to_json(message), kind) == message


@settings(deadline=None, max_examples=100)
@given(TXN_RESULTS)
def test_responses_are_written_as_protobufs_own_mapping_writes_them(result: TxnResult) -> None:
    message = kv.TxnResponse.FromString(encode_response(result, Stamp(1, 2, 3, 4)))
    expected = json_format.MessageToDict(message, preserving_proto_field_name=True)
    assert json.loads(to_json(message)) == expected


def test_bytes_are_base64_and_wide_integers_are_strings_and_zeros_are_left_out() -> None:
    message = kv.RangeResponse.FromString(
        b"\x0a\x06\x08\x0b\x10\x16\x18\x2c\x12\x0c\x0a\x01\xff\x10\x02\x18\x03\x20\x01\x2a\x01\xfe\x20\x01"
    )
    assert to_json(message) == (
        b'{"header":{"cluster_id":"11","member_id":"22","revision":"44"},'
        b'"kvs":[{"key":"/w==","create_revision":"2","mod_revision":"3","version":"1","value":"/g=="}],"count":"1"}'
    )


def test_enums_are_names_and_present_messages_are_kept_though_empty() -> None:
    alarm = maintenance.AlarmMember(memberID=1, alarm=maintenance.NOSPACE)
    assert to_json(alarm) == b'{"memberID":"1","alarm":"NOSPACE"}'
    status = maintenance.StatusResponse(downgradeInfo=maintenance.DowngradeInfo(), errors=["a"])
    assert to_json(status) == b'{"errors":["a"],"downgradeInfo":{}}'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", kv.RangeRequest()),
        (b"  \r\n", kv.RangeRequest()),
        (b"{}", kv.RangeRequest()),
        (b'{"key":"/w=="}', kv.RangeRequest(key=b"\xff")),
        (b'{"key":"_w=="}', kv.RangeRequest(key=b"\xff")),
        (b'{"key":"_w"}', kv.RangeRequest(key=b"\xff")),
        (b'{"key":"/w"}', kv.RangeRequest(key=b"\xff")),
        (b'{"key":""}', kv.RangeRequest()),
        (b'{"key":null,"limit":null}', kv.RangeRequest()),
        (b'{"range_end":"Zg==","limit":"3"}', kv.RangeRequest(range_end=b"f", limit=3)),
        (b'{"rangeEnd":"Zg==","limit":3}', kv.RangeRequest(range_end=b"f", limit=3)),
        (b'{"limit":3.0,"revision":1e3}', kv.RangeRequest(limit=3, revision=1000)),
        (b'{"limit":"-9223372036854775808"}', kv.RangeRequest(limit=-(1 << 63))),
        (b'{"sort_order":"DESCEND","sortTarget":3}', kv.RangeRequest(sort_order=2, sort_target=3)),
        (b'{"sort_order":"NEWER"}', kv.RangeRequest()),
        (b'{"sort_order":77}', kv.RangeRequest(sort_order=77)),
        (b'{"keysOnly":true,"serializable":false}', kv.RangeRequest(keys_only=True)),
        (b'{"newer":{"a":[1]}}', kv.RangeRequest()),
        (b'{"key":"Zg=="} {"and":"more"', kv.RangeRequest(key=b"f")),
    ],
    ids=repr,
)
def test_what_is_read(body: bytes, expected: kv.RangeRequest) -> None:
    assert from_json(body, kv.RangeRequest) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b"5",
        b'"text"',
        b"\xff\xfe",
        b'{"key":"!!"}',
        b'{"key":"a"}',
        b'{"key":"-/=="}',
        b'{"key":"Zg="}',
        b'{"key":5}',
        b'{"key":["Zg=="]}',
        b'{"key":{}}',
        b'{"limit":"x"}',
        b'{"limit":1.5}',
        b'{"limit":" 1"}',
        b'{"limit":""}',
        b'{"limit":true}',
        b'{"limit":NaN}',
        b'{"limit":Infinity}',
        b'{"limit":"1e400"}',
        b'{"limit":"9223372036854775808"}',
        b'{"limit":"%s"}' % (b"9" * 5000),
        b'{"keys_only":"true"}',
        b'{"keys_only":1}',
        b'{"sort_order":true}',
        b'{"sort_order":2147483648}',
        b'{"key":"Zg==","key":"Zg=="}',
        b'{"range_end":"Zg==","rangeEnd":"Zg=="}',
        b'{"newer":' + b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:30]),
)
def test_what_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidJson):
        from_json(body, kv.RangeRequest)


@pytest.mark.parametrize(
    "body",
    [
        b'{"compare":{}}',
        b'{"compare":[5]}',
        b'{"success":[{"request_put":{"key":"Zg=="},"requestRange":{"key":"Zg=="}}]}',
        b'{"compare":[{"version":1,"value":"Zg=="}]}',
        b'{"success":[{"request_txn":' * 60 + b"{}" + b"}]}" * 60,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_is_refused_of_a_transaction(body: bytes) -> None:
    with pytest.raises(InvalidJson):
        from_json(body, kv.TxnRequest)


def test_texts_are_unicode() -> None:
    assert from_json(b'{"version":"3.6"}', maintenance.StatusResponse).version == "3.6"
    with pytest.raises(InvalidJson):
        from_json(b'{"version":"\\ud800"}', maintenance.StatusResponse)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["key", "value", "compare", "success", "request_put", "lease", "target", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(JSON)
def test_any_json_is_a_request_or_is_refused(value: Any) -> None:
    try:
        message = from_json(json.dumps(value).encode(), kv.TxnRequest)
    except InvalidJson:
        return
    assert from_json(to_json(message), kv.TxnRequest) == message


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_request_or_are_refused(body: bytes) -> None:
    try:
        from_json(body, kv.PutRequest)
    except InvalidJson:
        return


def test_a_field_given_twice_is_found_among_very_many() -> None:
    fields = b",".join(b'"n%d":1' % number for number in range(100_000))
    with pytest.raises(InvalidJson, match='duplicate field "n99999"'):
        from_json(b"{" + fields + b',"n99999":1}', kv.RangeRequest)
