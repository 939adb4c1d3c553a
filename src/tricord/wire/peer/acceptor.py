# SPDX-License-Identifier: Apache-2.0
"""The side that accepts: it asks who is there, what the owner thinks of them, and for a proof; then it receives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tricord.wire.peer.events import Opened
from tricord.wire.peer.frames import PREFACE, FrameKind
from tricord.wire.peer.hello import Challenge, Hello, Lane, common_protocol, decode_hello, encode_challenge
from tricord.wire.peer.proof import ACCEPTOR, DIALLER, is_proof, proof
from tricord.wire.peer.refusals import ProtocolFault, Refusal, RefusalCode
from tricord.wire.peer.session import Session

_LANES = frozenset(int(lane) for lane in Lane)


class AcceptorSession(Session):
    """``expected`` says why a dialler is not served (None: it is). It is asked about queries too: see ``Hello.lane``.

    ``challenge`` is this member's identity with a new nonce; its protocol is chosen here. Without a secret any proof
    is as good as none.
    """

    def __init__(self, challenge: Challenge, expected: Callable[[Hello], Refusal | None], secret: bytes = b"") -> None:
        super().__init__()
        self._challenge = challenge
        self._expected = expected
        self._secret = secret
        self._preface_seen = False
        self._hello: Hello | None = None
        self._hello_payload = b""
        self._challenge_payload = b""
        self._greet = self._greeted

    def _read(self) -> None:
        if not self._preface_seen:
            self._preface_seen = self._reader.skip(PREFACE)
        if self._preface_seen:
            super()._read()

    def _greeted(self, kind: int, payload: bytes) -> None:
        if kind != FrameKind.HELLO:
            raise ProtocolFault(f"a frame of kind {kind} came instead of a hello")
        hello = decode_hello(payload)
        protocol = common_protocol(hello)
        if isinstance(protocol, Refusal):
            self.refuse(protocol)
            return
        if hello.lane not in _LANES:
            raise ProtocolFault(f"lane {hello.lane} is not known", RefusalCode.PROTOCOL_VERSION)
        refusal = self._expected(hello)
        del self._expected  # asked once; it may hold what holds this session
        if refusal is not None:
            self.refuse(refusal)
            return
        self._hello, self._hello_payload = hello, payload
        self._challenge = replace(self._challenge, protocol=protocol)
        self._challenge_payload = encode_challenge(self._challenge)
        self._greet = self._proved
        self._say(FrameKind.CHALLENGE, self._challenge_payload)

    def _proved(self, kind: int, payload: bytes) -> None:
        assert self._hello is not None
        if kind != FrameKind.PROOF:
            raise ProtocolFault(f"a frame of kind {kind} came instead of a proof")
        if self._secret and not payload:
            raise ProtocolFault("this cluster has a secret, and the dialler none", RefusalCode.PROOF_NEEDED)
        if self._secret and not is_proof(payload, self._secret, DIALLER, self._hello_payload, self._challenge_payload):
            raise ProtocolFault("the dialler does not know this cluster's secret", RefusalCode.PROOF_WRONG)
        answer = proof(self._secret, ACCEPTOR, self._hello_payload, self._challenge_payload)
        self._say(FrameKind.OPENED, answer)
        self._open(self._hello.lane, accepted=True)
        self._events.append(Opened(self._hello, self._challenge, bool(self._secret)))
