# SPDX-License-Identifier: Apache-2.0
"""A dialler and an acceptor that hand each other their bytes."""

from __future__ import annotations

from collections.abc import Callable

from tricord.wire.peer.acceptor import AcceptorSession
from tricord.wire.peer.dialler import DiallerSession
from tricord.wire.peer.events import PeerEvent
from tricord.wire.peer.hello import Challenge, Hello, Lane
from tricord.wire.peer.refusals import Refusal

HELLO = Hello(7, 8, 1, 11, 2, Lane.APPEND, b"d" * 32)
CHALLENGE = Challenge(0, 7, 8, 2, 12, b"a" * 32)


class Sides:
    """Both sessions, and what each was told so far."""

    def __init__(
        self,
        hello: Hello = HELLO,
        challenge: Challenge = CHALLENGE,
        *,
        secrets: tuple[bytes, bytes] = (b"", b""),
        expected: Callable[[Hello], Refusal | None] = lambda hello: None,
    ) -> None:
        self.dialler = DiallerSession(hello, secrets[0])
        self.acceptor = AcceptorSession(challenge, expected, secrets[1])
        self.heard_by_dialler: list[PeerEvent] = []
        self.heard_by_acceptor: list[PeerEvent] = []

    def talk(self) -> None:
        """Until neither has more to say."""
        while True:
            there = self.dialler.take_output()
            self.heard_by_acceptor += self.acceptor.receive(there)
            back = self.acceptor.take_output()
            self.heard_by_dialler += self.dialler.receive(back)
            if not there and not back:
                return
