# SPDX-License-Identifier: Apache-2.0
"""Whatever bytes come, a session raises nothing, ends at most once, and keeps no more than a frame."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from tests.wire.peer.sides import CHALLENGE, HELLO, Sides
from tricord.wire.peer import query, refusals, snapshot
from tricord.wire.peer.acceptor import AcceptorSession
from tricord.wire.peer.dialler import DiallerSession
from tricord.wire.peer.events import PeerEvent, Refused
from tricord.wire.peer.frames import PREFACE, FrameKind, frame
from tricord.wire.peer.session import Session

frames = st.builds(frame, st.sampled_from(FrameKind), st.binary(max_size=120))
pieces = st.lists(st.one_of(st.binary(max_size=60), frames), max_size=6)


def feed(session: Session, inputs: list[bytes]) -> list[PeerEvent]:
    events = [event for data in inputs for event in session.receive(data)]
    ends = [event for event in events if isinstance(event, Refused)]
    assert len(ends) <= 1
    if ends:
        assert events[-1] is ends[0] and session.ended
    return events


@given(pieces, st.booleans())
def test_greetings_of_garbage(inputs: list[bytes], with_preface: bool) -> None:
    feed(AcceptorSession(CHALLENGE, lambda hello: None, b"s"), [PREFACE, *inputs] if with_preface else inputs)
    feed(DiallerSession(HELLO, b"s"), inputs)


@given(pieces)
def test_open_sessions_fed_garbage(inputs: list[bytes]) -> None:
    sides = Sides()
    sides.talk()
    feed(sides.acceptor, inputs)
    feed(sides.dialler, inputs)


@given(st.integers(0, 10**6), st.integers(0, 7))
def test_a_flipped_bit_in_the_greeting_opens_nothing_unnoticed(place: int, bit: int) -> None:
    sides = Sides(secrets=(b"s", b"s"))
    greeting = bytearray(sides.dialler.take_output())
    greeting[place % len(greeting)] ^= 1 << bit
    events = feed(sides.acceptor, [bytes(greeting)])
    answer = sides.acceptor.take_output()
    assert not any(not isinstance(event, Refused) for event in events)
    assert not answer or events, "a damaged greeting is refused, or waited for"


@given(st.binary(max_size=100))
def test_payloads_of_garbage_raise_nothing_but_a_protocol_fault(payload: bytes) -> None:
    decoders = (
        refusals.decode_refusal,
        query.decode_query,
        query.decode_answer,
        snapshot.decode_offer,
        snapshot.decode_offset,
    )
    for decode in decoders:
        with contextlib.suppress(refusals.ProtocolFault):
            decode(payload)


@given(
    st.builds(
        query.Answer,
        *[st.integers(0, 2**64 - 1)] * 4,
        st.text(max_size=9),
        st.binary(max_size=9),
        st.booleans(),
        st.integers(0, 2**64 - 1),
    )
)
def test_answers_come_back_as_they_went(answer: query.Answer) -> None:
    assert query.decode_answer(query.encode_answer(answer)) == answer


@given(st.builds(snapshot.SnapshotOffer, *[st.integers(0, 2**64 - 1)] * 5, st.binary(max_size=30)))
def test_offers_come_back_as_they_went(offer: snapshot.SnapshotOffer) -> None:
    assert snapshot.decode_offer(snapshot.encode_offer(offer)) == offer
