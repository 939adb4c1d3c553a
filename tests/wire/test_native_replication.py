# SPDX-License-Identifier: Apache-2.0
"""What edges and members say to each other, as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tricord.base.edges import MESSAGE_BYTES_MAX, PIECE_BYTES, EdgeHello, EdgeSet, EdgeWelcome, Joining, Said, pieces
from tricord.base.errors import InvalidRequest, MalformedMessage, ServerFault
from tricord.base.keyspaces import KeyspaceRecord, Model
from tricord.base.values import DataType
from tricord.wire.native.replication import decode_request, decode_told, encode_hello, encode_said, encode_told

HELLO = EdgeHello("carts", Model.CAUSAL, bytes(range(16)), 3, 4, 5, 6)
SET = EdgeSet(9, [1, 2], [4], 6)
WELCOME = EdgeWelcome(1 << 63, 2, 3, KeyspaceRecord(7, "carts", Model.EVENTUAL), 4, 1, SET)


def test_all_that_is_said_reads_as_it_was() -> None:
    assert decode_request(encode_hello(HELLO)) == HELLO
    for said in (Said(b""), Said(b"x", True)):
        assert decode_request(encode_said(said)) == said
        assert decode_told(encode_told(said)) == said
    typed = EdgeHello("carts", Model.CAUSAL, bytes(16), type=DataType.MAP, run=(1 << 64) - 1)
    assert decode_request(encode_hello(typed)) == typed
    record = KeyspaceRecord(7, "carts", Model.CAUSAL, DataType.COUNTER)
    for told in (SET, WELCOME, EdgeWelcome(1, 2, 3, record, 4, 1, SET)):
        assert decode_told(encode_told(told)) == told
    assert SET.retired == [3, 5]


@given(st.binary(max_size=80))
def test_other_bytes_are_refused(data: bytes) -> None:
    for decode in (decode_request, decode_told):
        try:
            decode(data)
        except (MalformedMessage, InvalidRequest, ServerFault):
            pass


def test_what_this_version_does_not_know_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="16 bytes"):
        decode_request(encode_hello(EdgeHello("carts", Model.CAUSAL, b"short")))
    with pytest.raises(InvalidRequest, match="nothing"):
        decode_request(b"")
    with pytest.raises(ServerFault, match="nothing"):
        decode_told(b"")
    with pytest.raises(ServerFault, match="no replica"):
        decode_told(encode_told(EdgeWelcome(1, 2, 3, KeyspaceRecord(7, "carts", Model.CAUSAL), 0, 1, SET)))


def test_large_messages_go_in_pieces_and_too_large_ones_are_refused() -> None:
    joining = Joining()
    for size in (0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES):
        message = bytes(size)
        parts = pieces(message)
        assert all(len(part.data) <= PIECE_BYTES for part in parts)
        assert [joining.add(part) for part in parts] == [None] * (len(parts) - 1) + [message]
    with pytest.raises(InvalidRequest, match="more than"):
        for _ in range(MESSAGE_BYTES_MAX // PIECE_BYTES + 1):
            joining.add(Said(bytes(PIECE_BYTES), True))
