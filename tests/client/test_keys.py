# SPDX-License-Identifier: Apache-2.0
"""Keys, values and the ranges they span."""

from __future__ import annotations

import pytest

from tricord.client.keys import EMPTY_RANGE, FROM_HERE_ON, prefix_range, span, to_bytes


def test_text_goes_in_as_utf8_and_bytes_as_they_are() -> None:
    assert to_bytes("schlüssel") == "schlüssel".encode()
    assert to_bytes(b"\xff") == b"\xff"
    assert to_bytes(bytearray(b"a")) == b"a"  # type: ignore[arg-type]
    for wrong in (1, None, ["a"]):
        with pytest.raises(TypeError, match="str or bytes"):
            to_bytes(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        (b"a", (b"a", b"b")),
        (b"a\xff", (b"a\xff", b"b")),
        (b"a\xff\xffb", (b"a\xff\xffb", b"a\xff\xffc")),
        (b"\xff\xff", (b"\xff\xff", FROM_HERE_ON)),
        (b"", (b"\0", FROM_HERE_ON)),
    ],
)
def test_a_prefix_is_the_range_up_to_the_next_one(prefix: bytes, expected: tuple[bytes, bytes]) -> None:
    assert prefix_range(prefix) == expected


def test_a_span_without_an_end_goes_to_the_last_key_and_one_that_ends_first_is_empty() -> None:
    assert span("b", None) == (b"b", FROM_HERE_ON)
    assert span("", None) == (b"\0", FROM_HERE_ON)
    assert span("a", "c") == (b"a", b"c")
    # On the wire these ends mean "one key" and "to the last key": never what was meant, least of all when deleting.
    for start in ("", b"\0", "a"):
        for end in ("", b"\0"):
            assert span(start, end) == EMPTY_RANGE
