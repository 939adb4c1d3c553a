# SPDX-License-Identifier: Apache-2.0
"""Remembered header blocks always mean what a decoder without memory makes of them."""

from __future__ import annotations

from hpack import Decoder, Encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from tricord.wire.http2.header_compression import HeaderEncoder, literal_block
from tricord.wire.http2.header_decompression import HeaderDecoder

NAMES = [b":path", b":method", b"grpc-timeout", b"x-a", b"x-b", b"te", b"content-type", b":status"]
FIELD = st.tuples(
    st.sampled_from(NAMES), st.sampled_from([b"", b"GET", b"/a", b"/b", b"200", b"1S", b"v" * 1500, b"t"])
)
LISTS = st.lists(st.lists(FIELD, max_size=6), max_size=30)


def test_a_repeated_block_is_the_same_object_and_a_changed_table_forgets() -> None:
    encoder, decoder = Encoder(), HeaderDecoder(65_536)
    fields = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a"), (b":authority", b"here")]
    first = decoder.decode(encoder.encode(fields))
    block = encoder.encode(fields)
    second = decoder.decode(block)
    assert decoder.decode(block) is second
    assert (first.path, second.path, second.authority) == (b"/a", b"/a", b"here")
    decoder.decode(encoder.encode([(b":path", b"/b")]))  # shifts what the old bytes mean
    moved = encoder.encode(fields)
    assert moved != block
    assert decoder.decode(moved).path == b"/a"
    assert decoder.decode(block) is not second


def test_what_was_derived_from_a_list_is_found_with_it_whatever_the_timeout() -> None:
    encoder, decoder = Encoder(), HeaderDecoder(65_536)
    fields = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a"), (b"token", b"t")]
    first = decoder.decode(encoder.encode([*fields, (b"grpc-timeout", b"4999u")]))
    first.derived.value = "derived"
    for number in range(20):
        again = decoder.decode(encoder.encode([*fields, (b"grpc-timeout", b"%du" % number)]))
        assert (again.derived.value, again.timeout, again.path) == ("derived", b"%du" % number, b"/a")
    assert first.timeout == b"4999u"
    other = decoder.decode(encoder.encode([*fields[:3], (b"token", b"u"), (b"grpc-timeout", b"1u")]))
    assert (other.derived.value, other.value(b"token")) == (None, b"u")


@settings(max_examples=150, deadline=None)
@given(LISTS, st.lists(st.integers(0, 4096), max_size=5), st.booleans())
def test_decoding_agrees_with_the_library(
    lists: list[list[tuple[bytes, bytes]]], sizes: list[int], huffman: bool
) -> None:
    encoder, plain, remembering = Encoder(), Decoder(), HeaderDecoder(1 << 20)
    for turn, fields in enumerate(lists):
        if turn % 7 == 3 and sizes:
            encoder.header_table_size = sizes[turn % len(sizes)]
        block = encoder.encode(fields, huffman=huffman)
        expected = [(bytes(name), bytes(value)) for name, value in plain.decode(block, raw=True)]
        decoded = remembering.decode(block)
        timeouts = [value for name, value in expected if name == b"grpc-timeout"]
        assert decoded.timeout == (timeouts[0] if timeouts else None)
        if timeouts:
            expected.remove((b"grpc-timeout", timeouts[0]))
        assert decoded.fields == [field for field in expected if not field[0].startswith(b":")]
        assert decoded.size == sum(len(name) + len(value) + 32 for name, value in expected)


@settings(max_examples=150, deadline=None)
@given(LISTS, st.lists(st.integers(0, 8192), max_size=5))
def test_what_is_encoded_decodes_to_itself(lists: list[list[tuple[bytes, bytes]]], sizes: list[int]) -> None:
    encoder, decoder = HeaderEncoder(), Decoder()
    for turn, fields in enumerate([*lists, *lists]):
        if turn % 7 == 3 and sizes:
            encoder.set_table_size(sizes[turn % len(sizes)])
        split = len(fields) // 2
        block = encoder.encode(tuple(fields[:split]), fields[split:])
        assert [(bytes(name), bytes(value)) for name, value in decoder.decode(block, raw=True)] == fields
        assert [(bytes(n), bytes(v)) for n, v in Decoder().decode(literal_block(fields), raw=True)] == fields
