# SPDX-License-Identifier: Apache-2.0
"""The side that dials: it says hello, proves that it belongs, checks that the other side does, then sends."""

from __future__ import annotations

from collections.abc import Callable

from tricord.wire.peer.events import Opened
from tricord.wire.peer.frames import PREFACE, FrameKind, frame
from tricord.wire.peer.hello import Challenge, Hello, Lane, decode_challenge, encode_hello
from tricord.wire.peer.proof import ACCEPTOR, DIALLER, is_proof, proof
from tricord.wire.peer.refusals import ProtocolFault, Refusal, RefusalCode
from tricord.wire.peer.session import Session


class DiallerSession(Session):
    """Its first output is the greeting. ``expected`` may refuse the acceptor by what its challenge says."""

    def __init__(
        self, hello: Hello, secret: bytes = b"", expected: Callable[[Challenge], Refusal | None] | None = None
    ) -> None:
        super().__init__()
        self.hello = hello
        self._secret = secret
        self._expected = expected
        self._hello_payload = encode_hello(hello)
        self._challenge: Challenge | None = None
        self._challenge_payload = b""
        self._greet = self._challenged
        self._output += PREFACE + frame(FrameKind.HELLO, self._hello_payload)

    def _challenged(self, kind: int, payload: bytes) -> None:
        if kind != FrameKind.CHALLENGE:
            raise ProtocolFault(f"a frame of kind {kind} came instead of a challenge")
        challenge = decode_challenge(payload)
        refusal = _mistaken(self.hello, challenge)
        if refusal is None and self._expected is not None:
            refusal = self._expected(challenge)
        if refusal is not None:
            self.refuse(refusal)
            return
        self._challenge, self._challenge_payload = challenge, payload
        self._greet = self._accepted
        self._say(FrameKind.PROOF, proof(self._secret, DIALLER, self._hello_payload, payload))

    def _accepted(self, kind: int, payload: bytes) -> None:
        assert self._challenge is not None
        if kind != FrameKind.OPENED:
            raise ProtocolFault(f"a frame of kind {kind} came instead of the acceptor's proof")
        if self._secret and not is_proof(payload, self._secret, ACCEPTOR, self._hello_payload, self._challenge_payload):
            raise ProtocolFault("the acceptor does not know this cluster's secret", RefusalCode.PROOF_WRONG)
        self._open(self.hello.lane, accepted=False)
        self._events.append(Opened(self.hello, self._challenge, bool(self._secret)))


def _mistaken(hello: Hello, challenge: Challenge) -> Refusal | None:
    """An acceptor that answers a hello for somebody else is no member to talk to."""
    if not hello.protocol_min <= challenge.protocol <= hello.protocol_max:
        text = f"the acceptor chose peer protocol {challenge.protocol}, which was not offered"
        return Refusal(RefusalCode.PROTOCOL_VERSION, text)
    if hello.lane != Lane.QUERY and (challenge.cluster, challenge.member) != (hello.cluster, hello.receiver):
        text = f"member {challenge.member:x} of cluster {challenge.cluster:x} answered for {hello.receiver:x}"
        return Refusal(RefusalCode.WRONG_MEMBER, text)
    return None
