# SPDX-License-Identifier: Apache-2.0
"""Messages are found however they are cut, and none is let in that is larger than the limit."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tricord.wire.grpc.messages import MessageReader, frame_message
from tricord.wire.grpc.status import GrpcError, Status


@given(st.lists(st.binary(max_size=50), max_size=8), st.integers(1, 60))
def test_messages_come_out_as_they_went_in_however_they_are_cut(messages: list[bytes], cut: int) -> None:
    reader = MessageReader(100, b"")
    wire = b"".join(frame_message(message) for message in messages)
    found = [entry for start in range(0, len(wire), cut) for entry in reader.feed(wire[start : start + cut])]
    assert [message for message, _ in found] == messages
    assert sum(size for _, size in found) == len(wire)
    assert not reader.partial()


def test_the_reader_says_how_much_of_a_message_is_missing() -> None:
    reader = MessageReader(100, b"")
    reader.feed(b"\0\0\0\0")
    assert (reader.missing(), reader.partial()) == (0, True)
    reader.feed(b"\x0aabc")
    assert reader.missing() == 7


def test_a_message_over_the_limit_is_refused_by_its_length_alone() -> None:
    with pytest.raises(GrpcError) as refused:
        MessageReader(2_097_152, b"").feed(b"\0" + (2_097_153).to_bytes(4))
    assert refused.value.status is Status.RESOURCE_EXHAUSTED
    assert refused.value.text == "grpc: received message larger than max (2097153 vs. 2097152)"


def _compressed(payload: bytes) -> bytes:
    return b"\x01" + len(payload).to_bytes(4) + payload


def test_gzip_is_taken_and_a_bomb_is_not() -> None:
    reader = MessageReader(1_000, b"gzip")
    assert reader.feed(_compressed(gzip.compress(b"a" * 1_000, mtime=0)))[0][0] == b"a" * 1_000
    bomb = gzip.compress(bytes(50_000_000))
    with pytest.raises(GrpcError) as refused:
        MessageReader(100_000, b"gzip").feed(_compressed(bomb))
    assert refused.value.status is Status.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("encoding", "wire"),
    [
        (b"gzip", _compressed(b"no gzip at all")),
        (b"gzip", _compressed(gzip.compress(b"cut short" * 50, mtime=0)[:-12])),
        (b"gzip", _compressed(zlib.compress(b"zlib is not gzip"))),
        (b"", _compressed(gzip.compress(b"never announced", mtime=0))),
        (b"identity", _compressed(gzip.compress(b"never announced", mtime=0))),
        (b"gzip", b"\x02\0\0\0\0"),
    ],
)
def test_what_cannot_be_decompressed_is_an_error(encoding: bytes, wire: bytes) -> None:
    with pytest.raises(GrpcError) as refused:
        MessageReader(1_000, encoding).feed(wire)
    assert refused.value.status is Status.INTERNAL
