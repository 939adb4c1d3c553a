# SPDX-License-Identifier: Apache-2.0
"""Messages survive the way to bytes and back; whatever else comes is refused, and nothing else is raised."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tricord.gossip.claims import INCARNATION_MAX, Claim, Standing
from tricord.gossip.codec import (
    BROADCAST,
    CLAIM,
    HEAD_SIZE,
    Head,
    decode_packet,
    decode_stream,
    encode_head,
    encode_message,
    encode_packet,
    encode_stream,
)
from tricord.gossip.config import BROADCAST_MAX, METADATA_MAX
from tricord.gossip.messages import Ack, Broadcast, Message, Nack, Ping, PingRequest, StateOf
from tricord.gossip.refusals import PacketRefused, Reason

MEMBERS_MAX = 16

numbers = st.integers(0, 2**32 - 1)
ids = st.integers(0, 2**64 - 1)
claims = st.builds(
    Claim,
    st.sampled_from([standing for standing in Standing if standing is not Standing.ABSENT]),
    ids,
    st.integers(0, INCARNATION_MAX),
    ids,
    st.none() | st.binary(max_size=METADATA_MAX),
)
broadcasts = st.builds(Broadcast, ids, ids, ids, st.integers(0, 2**16 - 1), st.binary(max_size=BROADCAST_MAX))
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(Ping, numbers),
    st.builds(Ack, numbers),
    st.builds(Nack, numbers),
    st.builds(PingRequest, numbers, ids),
    claims,
    broadcasts,
)
heads = st.builds(Head, ids, ids, numbers)
streamed = st.builds(Ping, numbers) | st.builds(Ack, numbers) | st.builds(StateOf, st.lists(claims, max_size=4))


@given(heads, st.lists(messages, max_size=6))
def test_packets_come_back_as_they_were(head: Head, sent: list[Message]) -> None:
    data = encode_packet(head, map(encode_message, sent))
    assert decode_packet(data) == (head, sent)


@given(heads, streamed)
def test_streams_come_back_as_they_were(head: Head, sent: Ping | Ack | StateOf) -> None:
    assert decode_stream(encode_head(head) + encode_stream(sent), MEMBERS_MAX) == (head, sent)


@given(st.binary(max_size=200))
def test_any_bytes_are_understood_or_refused(data: bytes) -> None:
    for decode in (decode_packet, lambda data: decode_stream(data, MEMBERS_MAX)):
        try:
            decode(data)
        except PacketRefused as refused:
            assert refused.reason is Reason.MALFORMED


@settings(max_examples=50)
@given(heads, st.lists(messages, min_size=1, max_size=3), st.data())
def test_a_packet_that_is_cut_short_is_refused_or_has_fewer_messages(
    head: Head, sent: list[Message], data: st.DataObject
) -> None:
    whole = encode_packet(head, map(encode_message, sent))
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    try:
        assert decode_packet(cut)[1] == sent[: len(decode_packet(cut)[1])] != sent
    except PacketRefused:
        pass


def test_a_kind_that_a_newer_version_knows_is_passed_over() -> None:
    newer = bytes((99, 0, 3)) + b"new"
    data = encode_packet(Head(1, 2), [newer, encode_message(Ping(7))])
    assert decode_packet(data)[1] == [Ping(7)]


def test_a_message_that_a_newer_version_made_longer_is_understood() -> None:
    ping = encode_message(Ping(7))
    longer = bytes((ping[0], 0, 7)) + ping[3:] + b"new"
    assert decode_packet(encode_packet(Head(1, 2), [longer]))[1] == [Ping(7)]


@pytest.mark.parametrize(
    "body",
    [
        bytes((CLAIM, 0, 26, 0, 0)) + bytes(24),  # nobody says that a member is absent
        bytes((CLAIM, 0, 26, 9, 0)) + bytes(24),
        bytes((CLAIM, 0, 26, 1, 0)) + bytes(8) + b"\xff" * 8 + bytes(8),  # an incarnation beyond the last
        bytes((CLAIM, 0, 28, 1, 1)) + bytes(24) + b"\x02\x01",  # metadata of 513 bytes
        bytes((BROADCAST, 0, 28)) + bytes(26) + b"\x00\x01",  # a payload that is not there
        b"\x01\xff\xff",
    ],
)
def test_what_cannot_be_is_refused(body: bytes) -> None:
    with pytest.raises(PacketRefused):
        decode_packet(encode_head(Head(1, 2)) + body)


def test_a_state_of_more_members_than_may_be_is_refused_before_it_is_read() -> None:
    state = encode_stream(StateOf([Claim(Standing.ALIVE, 1, 1, 1)]))
    with pytest.raises(PacketRefused):
        decode_stream(bytes(HEAD_SIZE) + state[:1] + b"\xff\xff\xff\xff" + state[5:], MEMBERS_MAX)
