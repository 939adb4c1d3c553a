# SPDX-License-Identifier: Apache-2.0
"""One accepted connection: what each lane's frames go to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tricord.raft.messages import Message
from tricord.transport.peer.connection import PeerConnection
from tricord.transport.peer.message_codec import decode_messages
from tricord.transport.peer.snapshot_receiver import SnapshotReceiver
from tricord.wire.peer.events import FrameReceived, Opened, PeerEvent
from tricord.wire.peer.frames import FrameKind, frame
from tricord.wire.peer.hello import Hello, Lane
from tricord.wire.peer.query import decode_query, encode_answer
from tricord.wire.peer.refusals import ProtocolFault

if TYPE_CHECKING:
    from tricord.transport.peer.accepting import Acceptor


class Accepted:
    """The owner of one connection."""

    connection: PeerConnection

    def __init__(self, acceptor: Acceptor, certified: bool) -> None:
        self.certified = certified
        self.hello: Hello | None = None
        """Who dialled; None: it has not shown it yet."""
        self._acceptor = acceptor
        self._snapshot: SnapshotReceiver | None = None

    def heard(self, connection: PeerConnection, events: list[PeerEvent]) -> None:
        messages: list[Message] = []
        try:
            for event in events:
                if isinstance(event, FrameReceived):
                    self._frame(event, messages)
                elif isinstance(event, Opened):
                    self._opened(event.hello)
        except ProtocolFault as fault:
            connection.refuse(fault.refusal)
        if messages:
            self._acceptor.hooks.received(messages)

    def lost(self, connection: PeerConnection, error: Exception | None) -> None:
        self._acceptor.remove(self)
        if self._snapshot is not None:
            self._snapshot.close()

    def fault(self, error: BaseException, where: str) -> None:
        self._acceptor.hooks.fault(error, where)

    def _opened(self, hello: Hello) -> None:
        self.hello = hello
        acceptor = self._acceptor
        acceptor.opened(self, hello)
        if hello.lane == Lane.SNAPSHOT:
            self._snapshot = SnapshotReceiver(acceptor.environment, self.connection, hello.sender, acceptor.hooks)

    def _frame(self, event: FrameReceived, messages: list[Message]) -> None:
        hello = self.hello
        assert hello is not None, "frames come after the greeting"
        if self._snapshot is not None:
            if not self._cut(hello.sender):
                self._snapshot.frame(event.kind, event.payload)
        elif event.kind == FrameKind.QUERY:
            answer = self._acceptor.hooks.answer(decode_query(event.payload))
            self.connection.send(frame(FrameKind.ANSWER, encode_answer(answer)))
        elif event.kind == FrameKind.REPLICA:
            if not self._cut(hello.sender):
                self._acceptor.hooks.replicated(hello.sender, event.payload)
        else:
            said = decode_messages(event.payload)
            for message in said:
                if message.sender != hello.sender or message.receiver != hello.receiver:
                    raise ProtocolFault(f"a message of {message.sender:x} came from {hello.sender:x}")
            if not self._cut(hello.sender):
                messages += said

    def _cut(self, sender: int) -> bool:
        local = self._acceptor.local
        return local is not None and self._acceptor.cuts.blocked(sender, local.member)
