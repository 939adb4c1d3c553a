# SPDX-License-Identifier: Apache-2.0
"""Metadata, grpc-message and grpc-timeout on the wire and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tricord.wire.grpc.metadata import Metadata, decode_message, decode_metadata, encode_message, encode_metadata
from tricord.wire.grpc.timeouts import decode_timeout, encode_timeout


def test_application_fields_are_kept_and_gRPCs_own_are_not() -> None:
    fields = [
        (b"te", b"trailers"),
        (b"grpc-timeout", b"1S"),
        (b"token", b"t"),
        (b"content-type", b"x"),
        (b"token", b"u"),
    ]
    metadata = decode_metadata(fields)
    assert list(metadata) == [("token", "t"), ("token", "u")]
    assert (metadata.get("token"), metadata.all("token"), metadata.get("none")) == ("u", ["t", "u"], None)
    assert "u" not in repr(Metadata([("k", "u")]))


@given(st.binary(max_size=40))
def test_binary_values_come_back(value: bytes) -> None:
    ((name, encoded),) = encode_metadata([("trace-bin", value)])
    assert b"=" not in encoded
    padded = encoded + b"=" * (-len(encoded) % 4)
    for form in (encoded, padded):
        assert decode_metadata([(name, form)]).get("trace-bin") == value


def test_several_binary_values_may_share_a_field() -> None:
    assert decode_metadata([(b"a-bin", b"YQ==,Yg")]).all("a-bin") == [b"a", b"b"]


def test_malformed_base64_and_reserved_names_are_refused() -> None:
    with pytest.raises(ValueError, match="base64"):
        decode_metadata([(b"a-bin", b"!!!")])
    for name, value in (("grpc-status", "0"), (":path", "/"), ("", "x"), ("a", "line\nbreak")):
        with pytest.raises(ValueError):
            encode_metadata([(name, value)])


@given(st.text(max_size=40))
def test_messages_survive_percent_encoding(text: str) -> None:
    encoded = encode_message(text)
    assert all(0x20 <= byte <= 0x7E for byte in encoded)
    assert decode_message(encoded) == text


def test_percent_encoding_leaves_readable_text_alone() -> None:
    assert encode_message("etcdserver: 100% \n") == b"etcdserver: 100%25 %0A"
    assert decode_message(b"50% off %zz") == "50% off %zz"


@pytest.mark.parametrize(
    ("wire", "seconds"),
    [(b"1H", 3600), (b"2M", 120), (b"3S", 3), (b"4m", 0.004), (b"5u", 5e-6), (b"6n", 6e-9), (b"99999999S", 99_999_999)],
)
def test_timeouts_are_read(wire: bytes, seconds: float) -> None:
    assert decode_timeout(wire) == pytest.approx(seconds)


@pytest.mark.parametrize("wire", [b"", b"S", b"1", b"1x", b"-1S", b"123456789S", b"1.5S", b" 1S"])
def test_malformed_timeouts_are_none(wire: bytes) -> None:
    assert decode_timeout(wire) is None


@given(st.floats(0, 1e9))
def test_timeouts_are_written_in_few_digits_and_never_shorter(seconds: float) -> None:
    wire = encode_timeout(seconds)
    back = decode_timeout(wire)
    assert back is not None
    assert back >= seconds * (1 - 1e-12)
    assert back <= seconds * 1.001 + 1e-8
