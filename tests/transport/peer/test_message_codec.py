# SPDX-License-Identifier: Apache-2.0
"""Messages come back as they went; any other bytes are refused, by one type of error."""

from __future__ import annotations

import contextlib
from dataclasses import fields, replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transport.peer.message_strategies import messages
from tricord.base.log import Entry
from tricord.base.membership import Configuration
from tricord.raft.messages import AppendEntries, Message, TimeoutNow
from tricord.transport.peer.entry_block import EncodedEntries
from tricord.transport.peer.message_codec import decode_messages, encode_messages
from tricord.wire.peer.refusals import ProtocolFault


def append(receiver: int, entries: list[Entry]) -> AppendEntries:
    return AppendEntries(1, receiver, 9, entries[0].index - 1, 3, entries, 4, 5)


@given(st.lists(messages, max_size=5))
def test_what_is_said_is_what_is_heard(said: list[Message]) -> None:
    assert decode_messages(encode_messages(said)) == said


UNUSUAL: dict[str, object] = {
    "bool": True,
    "list[Entry]": [Entry(7, 4, 2, b"c")],
    "list[bytes]": [b"", b"d"],
    "list[int]": [8, 9],
    "Configuration": Configuration((1, 2), (3,), (4,), (5,), False, {1: b"i"}),
}


@pytest.mark.parametrize("kind", get_args(Message))
def test_no_field_of_any_message_is_forgotten(kind: type[Message]) -> None:
    """Every field differs from its default, and every number from its neighbours."""
    values = [UNUSUAL.get(str(field.type), 9 - place) for place, field in enumerate(fields(kind))]
    if kind is AppendEntries:
        values[2:5] = [9, 6, 3]  # its entry is the seventh, of term 4
    said: Message = kind(*values)  # type: ignore[arg-type]
    assert decode_messages(encode_messages([said])) == [said]


@given(st.lists(messages, min_size=1, max_size=3), st.data())
def test_a_cut_or_flipped_frame_raises_nothing_but_a_protocol_fault(said: list[Message], choice: st.DataObject) -> None:
    body = bytearray(encode_messages(said))
    place = choice.draw(st.integers(0, len(body) - 1))
    body[place] ^= 1 << choice.draw(st.integers(0, 7))
    with contextlib.suppress(ProtocolFault):
        decode_messages(bytes(body))
    with contextlib.suppress(ProtocolFault):
        decode_messages(encode_messages(said)[:place])


@given(st.binary(max_size=200))
def test_garbage_raises_nothing_but_a_protocol_fault(body: bytes) -> None:
    with contextlib.suppress(ProtocolFault):
        decode_messages(body)


def test_followers_share_the_bytes_of_the_same_entries() -> None:
    entries = [Entry(10, 3, 0, b"a"), Entry(11, 4, 1, b"")]
    shared = EncodedEntries()
    block = shared.block(entries)
    assert shared.block(list(entries)) is block
    assert shared.block(entries[1:]) is not block
    bodies = [encode_messages([append(receiver, entries)], shared) for receiver in (2, 3)]
    assert [decode_messages(body) for body in bodies] == [[append(2, entries)], [append(3, entries)]]


def test_entries_of_terms_that_fall_or_are_ahead_of_their_message_are_refused() -> None:
    good = append(2, [Entry(10, 3, 0, b""), Entry(11, 8, 0, b"")])
    for bad in (replace(good, term=7), replace(good, prev_log_term=4)):
        with pytest.raises(ProtocolFault, match="terms"):
            decode_messages(encode_messages([bad]))
    body = encode_messages([good]).replace((3).to_bytes(8), (9).to_bytes(8))
    with pytest.raises(ProtocolFault, match="terms"):
        decode_messages(body)


def test_unknown_kinds_flags_and_trailing_bytes_are_refused() -> None:
    body = encode_messages([TimeoutNow(1, 2, 3)])
    for bad in (b"\x63" + body[1:], body[:1] + b"\x01" + body[2:], body + b"\0", body[:7] + b"\x01" + body[8:] + b"\0"):
        with pytest.raises(ProtocolFault):
            decode_messages(bad)
