# SPDX-License-Identifier: Apache-2.0
"""Stories of two sessions: how they open, why they refuse, what passes then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wire.peer.sides import CHALLENGE, HELLO, Sides
from tricord.wire.peer import session
from tricord.wire.peer.acceptor import AcceptorSession
from tricord.wire.peer.dialler import DiallerSession
from tricord.wire.peer.events import FrameReceived, Opened, PongReceived, Refused
from tricord.wire.peer.frames import HEADER_SIZE, PREFACE, FrameKind, frame
from tricord.wire.peer.hello import Challenge, Hello, Lane, encode_hello
from tricord.wire.peer.refusals import Refusal, RefusalCode


def nobody_minds(hello: Hello) -> None:
    return


@pytest.mark.parametrize("secret", [b"", b"the cluster's secret"])
def test_two_members_open_and_frames_pings_and_pongs_pass(secret: bytes) -> None:
    sides = Sides(secrets=(secret, secret))
    sides.talk()
    opened = Opened(HELLO, replace(CHALLENGE, protocol=1), bool(secret))
    assert sides.heard_by_dialler == sides.heard_by_acceptor == [opened]
    sent = frame(FrameKind.MESSAGES, b"a", b"bc") + session.ping(5) + frame(FrameKind.MESSAGES)
    assert sides.acceptor.receive(sent) == [
        FrameReceived(FrameKind.MESSAGES, b"abc"),
        FrameReceived(FrameKind.MESSAGES, b""),
    ]
    assert sides.dialler.receive(sides.acceptor.take_output()) == [PongReceived(5)]


def test_the_story_is_the_same_byte_by_byte() -> None:
    whole = Sides(secrets=(b"s", b"s"))
    whole.talk()
    sides = Sides(secrets=(b"s", b"s"))
    for _ in range(3):
        for byte in sides.dialler.take_output():
            sides.heard_by_acceptor += sides.acceptor.receive(bytes([byte]))
        for byte in sides.acceptor.take_output():
            sides.heard_by_dialler += sides.dialler.receive(bytes([byte]))
    assert sides.heard_by_dialler == whole.heard_by_dialler
    assert sides.heard_by_acceptor == whole.heard_by_acceptor


def test_the_owner_of_the_acceptor_may_refuse_a_hello() -> None:
    refusal = Refusal(RefusalCode.WRONG_INCARNATION, "n1 is known under another incarnation")
    sides = Sides(expected=lambda hello: refusal if hello.incarnation == 11 else None)
    sides.talk()
    assert sides.heard_by_acceptor == [Refused(refusal, False)]
    assert sides.heard_by_dialler == [Refused(refusal, True)]
    assert not sides.dialler.is_open and sides.acceptor.ended
    assert sides.acceptor.receive(b"anything") == []


@pytest.mark.parametrize(
    ("secrets", "code", "by_acceptor"),
    [
        ((b"", b"s"), RefusalCode.PROOF_NEEDED, True),
        ((b"t", b"s"), RefusalCode.PROOF_WRONG, True),
        ((b"s", b""), RefusalCode.PROOF_WRONG, False),
    ],
)
def test_both_sides_must_know_the_secret(secrets: tuple[bytes, bytes], code: RefusalCode, by_acceptor: bool) -> None:
    sides = Sides(secrets=secrets)
    sides.talk()
    (end,) = sides.heard_by_dialler
    assert isinstance(end, Refused) and (end.refusal.code, end.by_peer) == (code, by_acceptor)


def test_a_proof_is_of_no_use_on_another_connection_nor_in_the_other_role() -> None:
    first = Sides(secrets=(b"s", b"s"))
    first.acceptor.receive(first.dialler.take_output())
    first.dialler.receive(first.acceptor.take_output())
    old_proof = first.dialler.take_output()
    first.acceptor.receive(old_proof)
    acceptors_proof = first.acceptor.take_output()[HEADER_SIZE:]
    for stolen in (old_proof, frame(FrameKind.PROOF, acceptors_proof)):
        second = AcceptorSession(replace(CHALLENGE, nonce=b"b" * 32), nobody_minds, b"s")
        second.receive(PREFACE + frame(FrameKind.HELLO, encode_hello(HELLO)))
        (end,) = second.receive(stolen)
        assert isinstance(end, Refused) and end.refusal.code == RefusalCode.PROOF_WRONG


def test_versions_without_a_common_protocol_say_so() -> None:
    sides = Sides(replace(HELLO, protocol_min=2, protocol_max=3))
    sides.talk()
    text = "the dialler speaks peer protocols 2 to 3, this member 1 to 1"
    assert sides.heard_by_dialler == [Refused(Refusal(RefusalCode.PROTOCOL_VERSION, text), True)]


def test_a_newer_dialler_that_says_more_is_understood() -> None:
    acceptor = AcceptorSession(CHALLENGE, nobody_minds)
    hello = replace(HELLO, protocol_max=9)
    assert acceptor.receive(PREFACE + frame(FrameKind.HELLO, encode_hello(hello) + b"more")) == []
    assert acceptor.receive(frame(FrameKind.PROOF)) == [Opened(hello, replace(CHALLENGE, protocol=1), False)]


@pytest.mark.parametrize("challenge", [replace(CHALLENGE, member=3), replace(CHALLENGE, cluster=6)])
def test_a_dialler_does_not_send_to_somebody_else(challenge: Challenge) -> None:
    sides = Sides(challenge=challenge)
    sides.talk()
    (end,) = sides.heard_by_dialler
    assert isinstance(end, Refused) and (end.refusal.code, end.by_peer) == (RefusalCode.WRONG_MEMBER, False)


def test_a_query_needs_no_membership() -> None:
    hello = replace(HELLO, lane=Lane.QUERY, cluster=0, receiver=0)
    sides = Sides(hello)
    sides.talk()
    assert isinstance(sides.heard_by_dialler[0], Opened)
    assert sides.acceptor.receive(frame(FrameKind.QUERY, b"q")) == [FrameReceived(FrameKind.QUERY, b"q")]


@pytest.mark.parametrize(
    "bad",
    [
        b"GET / HTTP/1.1\r\n",
        PREFACE + frame(FrameKind.PROOF),
        PREFACE + frame(FrameKind.HELLO, b"short"),
        PREFACE + frame(FrameKind.HELLO, bytes(5000)),
        PREFACE + frame(FrameKind.HELLO, encode_hello(replace(HELLO, lane=77))),
        PREFACE + frame(99),
        PREFACE + frame(FrameKind.PING, bytes(8)),
    ],
)
def test_a_greeting_that_is_none_is_refused(bad: bytes) -> None:
    acceptor = AcceptorSession(CHALLENGE, nobody_minds)
    (end,) = acceptor.receive(bad)
    assert isinstance(end, Refused) and not end.by_peer
    dialler = DiallerSession(HELLO)
    dialler.take_output()
    (told,) = dialler.receive(acceptor.take_output())
    assert told == Refused(end.refusal, True)


@pytest.mark.parametrize(
    "bad",
    [
        frame(FrameKind.HELLO, encode_hello(HELLO)),
        frame(FrameKind.CHUNK, bytes(9)),
        frame(FrameKind.PING, b"123"),
        frame(FrameKind.MESSAGES, b"flipped").replace(b"flipped", b"flopped"),
        b"\xff\xff\xff\xff\x08\x01\x00\x00\x00\x00\x00\x00",
        frame(FrameKind.MESSAGES)[:5] + b"\x02" + frame(FrameKind.MESSAGES)[6:],
    ],
)
def test_damage_on_an_open_connection_ends_it(bad: bytes) -> None:
    sides = Sides()
    sides.talk()
    (end,) = sides.acceptor.receive(bad)
    assert isinstance(end, Refused)
    assert sides.acceptor.take_output()


def test_an_owner_may_end_an_open_session() -> None:
    sides = Sides()
    sides.talk()
    sides.acceptor.refuse(Refusal(RefusalCode.UNKNOWN_MEMBER, "removed"))
    assert sides.dialler.receive(sides.acceptor.take_output()) == [
        Refused(Refusal(RefusalCode.UNKNOWN_MEMBER, "removed"), True)
    ]


def test_codes_of_newer_members_are_kept() -> None:
    dialler = DiallerSession(HELLO)
    (end,) = dialler.receive(frame(FrameKind.REFUSED, b"\x03\xe7why"))
    assert end == Refused(Refusal(999, "why"), True)
