# SPDX-License-Identifier: Apache-2.0
"""The bytes of what causal replicas say: what one writes the other reads, and nothing else is taken for a message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.causal.company import Member
from tricord.base.errors import MalformedEncoding, TricordError
from tricord.causal.messages import (
    AskPiece,
    Haves,
    Lagging,
    Operations,
    Outdated,
    PieceGiven,
    decode_message,
    encode_ask,
    encode_haves,
    encode_lagging,
    encode_operations,
    encode_outdated,
    encode_piece,
)


def messages() -> list[bytes]:
    """One of each kind."""
    one, two = Member(1), Member(2)
    operation = one.put(a="1", b="2")
    two.take(operation)
    piece = two.replica.piece()
    assert piece is not None
    return [
        encode_haves([one.replica.have().encode(), two.replica.have().encode()]),
        encode_operations([operation.data]),
        encode_lagging(),
        encode_outdated(7),
        encode_ask(5, b"start", [3, 4]),
        encode_piece(5, piece.encode()),
        encode_piece(5, None),
    ]


def test_each_is_read_as_it_was_written() -> None:
    found = [decode_message(data) for data in messages()]
    assert [type(one) for one in found] == [Haves, Operations, Lagging, Outdated, AskPiece, PieceGiven, PieceGiven]
    assert found[2:5] == [Lagging(), Outdated(7), AskPiece(5, b"start", [3, 4])]
    assert found[6] == PieceGiven(5, None)


@pytest.mark.parametrize("number", range(7))
def test_cut_or_longer_ones_are_refused(number: int) -> None:
    data = messages()[number]
    for end in range(len(data)):
        with pytest.raises(TricordError):
            decode_message(data[:end])
    with pytest.raises(MalformedEncoding):
        decode_message(data + b"\0")


@given(st.binary(max_size=200), st.integers(0, 8))
def test_anything_else_raises_a_typed_error_or_is_a_message(data: bytes, kind: int) -> None:
    for given_bytes in (data, bytes((1, kind)) + data):
        try:
            decode_message(given_bytes)
        except TricordError:
            pass
