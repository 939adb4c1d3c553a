# SPDX-License-Identifier: Apache-2.0
"""RangeStream of a running member: its parts, merged, are what Range answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from tests.e2e.etcd.cases import put
from tests.e2e.etcd.speaker import Speaker
from tests.peers.processes import MemberProcess
from tricord.wire.schemas import kv

KEYS = 200


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Speaker]:
    """A member with keys of different sizes, the later ones large."""
    with MemberProcess(tmp_path_factory.mktemp("stream") / "data") as member:
        speaker = Speaker(member.endpoint)
        speaker.run([put(b"%04d" % number, b"v" * (number * 7 % 50)) for number in range(KEYS)])
        for number in range(20):
            speaker.call(put(b"large/%02d" % number, b"v" * 200_000))
        yield speaker
        speaker.close()


def parts(speaker: Speaker, request: kv.RangeRequest) -> list[kv.RangeResponse]:
    call = speaker.channel.unary_stream("/etcdserverpb.KV/RangeStream")(request.SerializeToString(), timeout=60)
    return [kv.RangeStreamResponse.FromString(message).range_response for message in call]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"range_end": b"\0"},
        {"limit": 35},
        {"limit": 10},
        {"limit": 1000},
        {"limit": -1},
        {"keys_only": True},
        {"count_only": True},
        {"serializable": True},
        {"revision": 100},
        {"revision": 100, "limit": 20},
        {"sort_order": 1},
        {"key": b"0001", "range_end": b""},
        {"key": b"absent", "range_end": b""},
        {"key": b"9", "range_end": b"0"},
    ],
    ids=str,
)
def test_the_parts_merge_to_the_range(fields: dict[str, Any], speaker: Speaker) -> None:
    request = kv.RangeRequest(**{"key": b"0", "range_end": b"1", **fields})
    received = parts(speaker, request)
    merged = kv.RangeResponse()
    for part in received:
        merged.MergeFrom(part)
    data = speaker.channel.unary_unary("/etcdserverpb.KV/Range")(request.SerializeToString(), timeout=60)
    assert merged == kv.RangeResponse.FromString(data)
    assert [part.HasField("header") for part in received] == [False] * (len(received) - 1) + [True]


def test_parts_grow_with_small_values_and_stay_small_with_large_ones(speaker: Speaker) -> None:
    small = [len(part.kvs) for part in parts(speaker, kv.RangeRequest(key=b"0", range_end=b"1"))]
    large = [len(part.kvs) for part in parts(speaker, kv.RangeRequest(key=b"l", range_end=b"m"))]
    assert small == [10, 20, 40, 80, 50]
    assert large == [10, 10]


def test_writes_during_the_stream_are_not_seen(speaker: Speaker) -> None:
    request = kv.RangeRequest(key=b"0", range_end=b"1").SerializeToString()
    call = speaker.channel.unary_stream("/etcdserverpb.KV/RangeStream")(request, timeout=60)
    received = [kv.RangeStreamResponse.FromString(next(call)).range_response]
    speaker.call(put(b"0199", b"late"))
    received += [kv.RangeStreamResponse.FromString(message).range_response for message in call]
    values = {record.key: record.value for part in received for record in part.kvs}
    assert len(values) == KEYS
    assert values[b"0199"] == b"v" * (199 * 7 % 50)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (kv.RangeRequest(key=b""), grpc.StatusCode.INVALID_ARGUMENT),
        (kv.RangeRequest(key=b"0", sort_order=2), grpc.StatusCode.UNIMPLEMENTED),
        (kv.RangeRequest(key=b"0", max_create_revision=2), grpc.StatusCode.UNIMPLEMENTED),
        (kv.RangeRequest(key=b"0", sort_order=9), grpc.StatusCode.INVALID_ARGUMENT),
        (kv.RangeRequest(key=b"0", revision=100_000), grpc.StatusCode.OUT_OF_RANGE),
    ],
)
def test_what_is_refused(request_: kv.RangeRequest, code: grpc.StatusCode, speaker: Speaker) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        parts(speaker, request_)
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is code
