# SPDX-License-Identifier: Apache-2.0
"""A token joins what was seen, knows its cluster and history, and does not survive damage."""

from __future__ import annotations

from base64 import b64encode

import pytest
from crc32c import crc32c
from hypothesis import given
from hypothesis import strategies as st

from tests.base.test_dots import vectors
from tricord.base.dots import Origin, VersionVector
from tricord.base.errors import TokenDamaged, TokenOfAnotherCluster, TokenOfAnotherHistory, TokenTooLarge
from tricord.base.token import TOKEN_BYTES_MAX, Token
from tricord.wire.http.limits import HttpLimits
from tricord.wire.http2.limits import Http2Limits

CLUSTER, HISTORY = 2**64 - 1, 5
A, B = Origin(1, 7), Origin(2, 0)

tokens = st.builds(
    Token,
    st.just(CLUSTER),
    st.just(HISTORY),
    st.dictionaries(st.integers(0, 3), st.integers(0, 2**64 - 1)),
    st.dictionaries(st.integers(1, 3), vectors),
)


@given(tokens)
def test_tokens_come_back_from_bytes_and_text(token: Token) -> None:
    assert Token.decode(token.encode()) == token
    text = token.text()
    assert Token.from_text(text) == token
    assert text.isascii()
    assert text.replace("-", "").replace("_", "").isalnum(), "it fits a header as it is"


@given(tokens, tokens, tokens)
def test_tokens_join(one: Token, other: Token, third: Token) -> None:
    assert one.joined(other) == other.joined(one)
    assert one.joined(other).joined(third) == one.joined(other.joined(third))
    assert one.joined(one) == one
    assert one.joined(other).encode() == other.joined(one).encode()


def test_a_joined_token_has_seen_both() -> None:
    one = Token(CLUSTER, HISTORY, {0: 9}, {1: VersionVector({A: 3, B: 1})})
    other = Token(CLUSTER, HISTORY, {0: 4, 1: 2}, {1: VersionVector({B: 5}), 2: VersionVector({A: 1})})
    both = one.joined(other)
    assert both.groups == {0: 9, 1: 2}
    assert both.keyspaces == {1: VersionVector({A: 3, B: 5}), 2: VersionVector({A: 1})}
    assert one.keyspaces == {1: VersionVector({A: 3, B: 1})}, "tokens are values"


def test_a_token_of_elsewhere_is_refused() -> None:
    token = Token(CLUSTER, HISTORY)
    token.check(CLUSTER, HISTORY)
    with pytest.raises(TokenOfAnotherCluster):
        token.check(1, HISTORY)
    with pytest.raises(TokenOfAnotherHistory):
        token.check(CLUSTER, 6)
    with pytest.raises(TokenOfAnotherHistory):
        token.joined(Token(CLUSTER, 6))


@given(tokens, st.data())
def test_each_changed_bit_and_each_cut_is_seen(token: Token, data: st.DataObject) -> None:
    good = token.encode()
    place = data.draw(st.integers(0, len(good) * 8 - 1))
    flipped = bytearray(good)
    flipped[place // 8] ^= 1 << place % 8
    for damaged in (bytes(flipped), good[: place // 8], good + b"\0"):
        with pytest.raises(TokenDamaged):
            Token.decode(damaged)


@given(st.binary(max_size=60))
def test_hostile_bytes_with_a_right_checksum_are_refused_or_the_only_form(noise: bytes) -> None:
    for body in (noise, b"\x01" + b"\0" * 16 + noise):
        data = body + crc32c(body).to_bytes(4, "big")
        try:
            assert Token.decode(data).encode() == data
        except TokenDamaged:
            continue


@pytest.mark.parametrize("text", ["", "a", "äöü", "!!!!", "AAAA"])
def test_text_that_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(TokenDamaged):
        Token.from_text(text)


def test_the_largest_token_fits_the_headers_that_doors_read() -> None:
    text = b64encode(bytes(TOKEN_BYTES_MAX)).decode()
    for most in (Http2Limits().max_header_block_size, HttpLimits().max_header_size):
        assert len(text) + 4096 <= most


def test_a_token_is_bounded_where_it_is_made_and_where_it_is_read() -> None:
    crowd = VersionVector({Origin(replica, 2**48 - 1): 1_000_000 for replica in range(1, 1_061)})
    assert len(Token(CLUSTER, HISTORY, {0: 2**40}, {1: crowd}).encode()) < TOKEN_BYTES_MAX
    many = Token(CLUSTER, HISTORY, {}, dict.fromkeys(range(1, 4), crowd))
    with pytest.raises(TokenTooLarge, match="at most 20480"):
        many.encode()
    with pytest.raises(TokenTooLarge):
        Token.decode(many.encode(most=1 << 20))
    with pytest.raises(TokenTooLarge):
        Token.from_text("A" * (TOKEN_BYTES_MAX * 2))
    assert Token.decode(many.encode(most=1 << 20), most=1 << 20) == many
