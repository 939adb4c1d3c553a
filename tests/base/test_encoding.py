# SPDX-License-Identifier: Apache-2.0
"""Numbers and bytes have one form each, and hostile bytes are refused before they cost anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tricord.base.encoding import Reader, put_bytes, put_number, put_signed
from tricord.base.errors import MalformedEncoding

numbers = st.integers(0, 2**64 - 1)
signed = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(numbers), st.lists(signed), st.lists(st.binary()))
def test_what_is_written_is_read(plain: list[int], negative_too: list[int], texts: list[bytes]) -> None:
    out = bytearray()
    for number in plain:
        put_number(out, number)
    for number in negative_too:
        put_signed(out, number)
    for text in texts:
        put_bytes(out, text)
    reader = Reader(bytes(out))
    assert [reader.number() for _ in plain] == plain
    assert [reader.signed() for _ in negative_too] == negative_too
    assert [reader.bytes() for _ in texts] == texts
    reader.finish()


@pytest.mark.parametrize("number", [-1, 2**64])
def test_a_number_that_does_not_fit_is_not_written(number: int) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        put_number(bytearray(), number)


@pytest.mark.parametrize(
    ("data", "because"),
    [
        (b"", "end inside a number"),
        (b"\x80", "end inside a number"),
        (b"\x80\x00", "shortest form"),
        (b"\xff" * 10 + b"\x01", "more than 64 bits"),
        (b"\xff" * 9 + b"\x02", "more than"),
    ],
)
def test_a_number_in_another_form_is_refused(data: bytes, because: str) -> None:
    with pytest.raises(MalformedEncoding, match=because):
        Reader(data).number()


def test_lengths_and_counts_promise_no_more_than_is_there() -> None:
    with pytest.raises(MalformedEncoding, match="announced"):
        Reader(b"\x03ab").bytes()
    with pytest.raises(MalformedEncoding):
        Reader(b"\xff\xff\xff\xff\x0f").bytes()
    with pytest.raises(MalformedEncoding, match="no room"):
        Reader(b"\x03abcde").count(2)
    with pytest.raises(MalformedEncoding, match="too many"):
        Reader(b"\x03").finish()
    with pytest.raises(MalformedEncoding, match="format version 2"):
        Reader(b"\x02").version(1)
