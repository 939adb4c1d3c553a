# SPDX-License-Identifier: Apache-2.0
"""Commands as bytes: what goes in comes out, and bytes that are no command are refused by type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tricord.base.errors import InvalidRequest, MalformedCommand
from tricord.base.operations import Compact, DeleteRange, Put, Request, Txn
from tricord.statemachine.command import (
    Command,
    CommandOperation,
    decode_command,
    encode_command,
    encode_envelope,
    split_plain,
)
from tricord.wire.etcd.requests import encode_request

numbers = st.integers(0, (1 << 64) - 1)
small_numbers = st.integers(0, (1 << 32) - 1)


@st.composite
def commands(draw: st.DrawFn) -> Command:
    session = draw(numbers)
    return Command(
        operation=draw(st.integers(0, 255)),
        body=draw(st.binary(max_size=40)),
        keyspace=draw(small_numbers),
        group=draw(small_numbers),
        auth_revision=draw(numbers),
        deciding_term=draw(numbers),
        identity=draw(st.text(max_size=20)),
        session=session,
        sequence=draw(numbers) if session else 0,
    )


@given(commands())
def test_an_envelope_can_be_read_back(command: Command) -> None:
    assert decode_command(encode_envelope(command)) == command


@given(commands(), st.data())
def test_cut_anywhere_it_is_refused_or_a_shorter_body(command: Command, data: st.DataObject) -> None:
    whole = encode_envelope(command)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    body_at = len(whole) - len(command.body)
    if len(cut) < body_at:
        with pytest.raises(MalformedCommand):
            decode_command(cut)
    else:
        assert decode_command(cut).body == command.body[: len(cut) - body_at]


@given(st.binary(max_size=80))
def test_any_bytes_are_a_command_or_refused(data: bytes) -> None:
    try:
        command = decode_command(data)
    except MalformedCommand:
        assert split_plain(data) is None
    else:
        assert split_plain(data) in (None, (command.operation, command.keyspace, command.body))


@pytest.mark.parametrize(
    ("request_", "operation"),
    [
        (Put(b"k", b"v"), CommandOperation.PUT),
        (DeleteRange(b"k"), CommandOperation.DELETE_RANGE),
        (Txn([], [Put(b"k", b"v")], []), CommandOperation.TXN),
        (Compact(7), CommandOperation.COMPACT),
    ],
)
def test_a_request_becomes_a_command_with_its_protobuf_as_body(request_: Request, operation: int) -> None:
    body = encode_request(request_)
    plain = encode_command(request_, None, keyspace=3)
    assert decode_command(plain) == Command(operation, body, keyspace=3)
    assert split_plain(plain) == (operation, 3, body)
    assert encode_command(request_, body, keyspace=3) == plain
    named = encode_command(request_, body, identity="ana")
    assert decode_command(named) == Command(operation, body, identity="ana")
    assert split_plain(named) is None


def test_the_format_in_the_log() -> None:
    assert encode_command(Put(b"k", b"v"), None, keyspace=2) == bytes.fromhex(
        "01 01 00 00000000 00000002 0000000000000000 0000000000000000 0a016b 120176"
    )
    command = Command(4, b"\x08\x07", 2, 3, 4, 5, identity="é", session=6, sequence=7)
    assert encode_envelope(command) == bytes.fromhex(
        "01 04 03 00000003 00000002 0000000000000004 0000000000000005"
        "0002 c3a9   0000000000000006 0000000000000007   0807"
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (bytes.fromhex("02 01 00"), "format 2"),
        (bytes.fromhex("01 01 04"), "flags 0x4"),
        (bytes.fromhex("01 01 08"), "flags 0x8"),
        (bytes.fromhex("01 01 01"), "cut short"),
    ],
)
def test_what_this_version_cannot_read_is_named(change: bytes, why: str) -> None:
    data = change + encode_command(Put(b"", b""), b"")[3:]
    with pytest.raises(MalformedCommand, match=why):
        decode_command(data)


def test_a_name_that_is_not_text_is_refused() -> None:
    data = encode_envelope(Command(1, b"", identity="é")).replace(b"\xc3\xa9", b"\xff\xfe")
    with pytest.raises(MalformedCommand, match="UTF-8"):
        decode_command(data)


def test_a_name_has_a_greatest_size() -> None:
    with pytest.raises(InvalidRequest, match="65535"):
        encode_envelope(Command(1, b"", identity="x" * 70_000))


@pytest.mark.parametrize("request_", [Put(b"k", b"v", lease=1 << 70), Compact(1 << 64), Put("text", b"")])  # type: ignore[arg-type]
def test_a_request_that_does_not_fit_the_schema_is_refused(request_: Request) -> None:
    with pytest.raises(InvalidRequest):
        encode_command(request_, None)
