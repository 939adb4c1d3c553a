# SPDX-License-Identifier: Apache-2.0
"""Connections that other members dialled: who may, and which of them count."""

from __future__ import annotations

import asyncio

from tricord.base.environment import Environment
from tricord.transport.loopback import is_loopback
from tricord.transport.peer.accepted import Accepted
from tricord.transport.peer.connection import PeerConnection
from tricord.transport.peer.cuts import Cuts
from tricord.transport.peer.dialling import nonce
from tricord.transport.peer.hooks import LocalMember, PeerHooks
from tricord.transport.peer.settings import PeerSettings
from tricord.wire.peer.acceptor import AcceptorSession
from tricord.wire.peer.hello import PROTOCOL_MAX, Challenge, Hello, Lane
from tricord.wire.peer.refusals import Refusal, RefusalCode

_SILENCE = 3.0
"""Election timeouts after which an accepted connection is closed; its dialler pings it every heartbeat."""
_TOO_MANY = Refusal(RefusalCode.TOO_MANY, "this member has as many peer connections as it takes")
_NOT_READY = Refusal(RefusalCode.NOT_READY, "this member does not know yet which cluster it belongs to")
_PROOF_NEEDED = Refusal(
    RefusalCode.PROOF_NEEDED,
    "beyond loopback members need certificates or a cluster secret; --insecure does without",
)


class Acceptor:
    """All accepted connections of one member. ``local`` is None until the member knows who it is."""

    def __init__(
        self,
        environment: Environment,
        hooks: PeerHooks,
        settings: PeerSettings,
        cuts: Cuts,
        *,
        secret: bytes,
        insecure: bool,
    ) -> None:
        self.local: LocalMember | None = None
        self.environment = environment
        self.hooks = hooks
        self.cuts = cuts
        self._settings = settings
        self._secret = secret
        self._insecure = insecure
        self._connections: dict[Accepted, None] = {}
        self._by_sender: dict[tuple[int, int], Accepted] = {}
        self._closed = False

    def protocol(self, certified: bool) -> asyncio.Protocol:
        """For the next accepted socket. ``certified``: TLS has verified that its certificate is a member's."""
        local = self.local or LocalMember(0, 0, 0, 0)
        challenge = Challenge(
            PROTOCOL_MAX, local.cluster, local.history, local.member, local.incarnation, nonce(self.environment)
        )
        accepted = Accepted(self, certified)
        session = AcceptorSession(challenge, lambda hello: self._expected(hello, accepted), self._secret)
        accepted.connection = PeerConnection(self.environment.clock, session, accepted)
        self._connections[accepted] = None
        return accepted.connection

    def tick(self, now: float, grace: float) -> None:
        """Once a heartbeat: show those who send that this side lives; close who is silent."""
        for accepted in list(self._connections):
            accepted.connection.tell_progress()
            accepted.connection.heard_at += grace
            if now - accepted.connection.heard_at > _SILENCE * self._settings.election_timeout:
                accepted.connection.abort()
                self.remove(accepted)  # one whose TLS handshake failed is never told that it is lost

    def recheck(self) -> None:
        """The configuration is another one: end the connections of those who are not expected any more."""
        for accepted in list(self._connections):
            refusal = self._judge(accepted.hello) if accepted.hello is not None else None
            if refusal is not None:
                accepted.connection.refuse(refusal)

    def close(self) -> None:
        """Close all connections, take no more."""
        self._closed = True
        for accepted in list(self._connections):
            accepted.connection.abort()

    def opened(self, accepted: Accepted, hello: Hello) -> None:
        """A dialler has shown who it is. Its earlier connection of that lane, if any, leads nowhere any more."""
        key = (hello.sender, hello.lane)
        if hello.lane != Lane.QUERY:
            earlier = self._by_sender.get(key)
            self._by_sender[key] = accepted
            if earlier is not None:
                earlier.connection.abort()

    def remove(self, accepted: Accepted) -> None:
        """A connection is over."""
        self._connections.pop(accepted, None)
        if accepted.hello is not None:
            key = (accepted.hello.sender, accepted.hello.lane)
            if self._by_sender.get(key) is accepted:
                del self._by_sender[key]

    def _expected(self, hello: Hello, accepted: Accepted) -> Refusal | None:
        if self._closed or len(self._connections) > self._settings.accepted_max:
            return _TOO_MANY
        if not (self._secret or self._insecure or accepted.certified or is_loopback(accepted.connection.host)):
            return _PROOF_NEEDED
        return self._judge(hello)

    def _judge(self, hello: Hello) -> Refusal | None:
        local = self.local
        if hello.lane == Lane.QUERY:
            return None
        if local is None:
            return _NOT_READY
        if hello.cluster != local.cluster:
            text = f"this member belongs to cluster {local.cluster:x}, the dialler to {hello.cluster:x}"
            return Refusal(RefusalCode.WRONG_CLUSTER, text)
        if hello.history != local.history:
            text = f"this member has history {local.history:x} of the cluster, the dialler {hello.history:x}"
            return Refusal(RefusalCode.WRONG_HISTORY, text)
        if hello.receiver != local.member or hello.sender == local.member:
            text = f"this is member {local.member:x}; {hello.sender:x} wanted {hello.receiver:x}"
            return Refusal(RefusalCode.WRONG_MEMBER, text)
        return self.hooks.expected(hello)
