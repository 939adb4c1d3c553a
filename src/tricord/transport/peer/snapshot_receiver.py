# SPDX-License-Identifier: Apache-2.0
"""The receiving end of a snapshot: chunks go to a sink on a lane of its own, and are acknowledged when written."""

from __future__ import annotations

from tricord.base.environment import Environment
from tricord.base.reachable import reachable
from tricord.transport.peer.connection import PeerConnection
from tricord.transport.peer.hooks import PeerHooks, SnapshotSink
from tricord.wire.peer.frames import FrameKind, frame
from tricord.wire.peer.refusals import ProtocolFault, Refusal, RefusalCode
from tricord.wire.peer.snapshot import OFFSET_SIZE, SnapshotOffer, decode_offer, decode_offset, encode_offset

LANE = "snapshot"
_WAITING_MAX = 32 << 20
"""Bytes that may wait to be written; a sender's window is far smaller."""


class SnapshotReceiver:
    """Of one connection, which brings one snapshot. What the lane does is in order, over all connections."""

    def __init__(self, environment: Environment, connection: PeerConnection, sender: int, hooks: PeerHooks) -> None:
        self._tasks = environment.tasks
        self._connection = connection
        self._sender = sender
        self._offered = hooks.offered
        self._fault = hooks.fault
        self._offer: SnapshotOffer | None = None
        self._sink: SnapshotSink | None = None
        self._received = 0
        self._written = 0
        self._finishing = False
        self._closed = False

    def frame(self, kind: int, payload: bytes) -> None:
        """A frame of the lane. Raises ProtocolFault."""
        if kind == FrameKind.OFFER:
            if self._offer is not None:
                raise ProtocolFault("a connection brings one snapshot")
            self._offer = decode_offer(payload)
            # First what an earlier connection left to be written: only then is it known how much is here.
            self._tasks.in_lane_then(LANE, _nothing, (), self._consider)
        elif kind == FrameKind.CHUNK:
            self._chunk(payload)
        else:
            self._finish()

    def close(self) -> None:
        """The connection is over."""
        self._closed = True
        sink, self._sink = self._sink, None
        if sink is not None:
            self._tasks.in_lane_then(LANE, sink.close, (), _ignored)

    def _consider(self, result: None, error: BaseException | None) -> None:
        offer = self._offer
        assert offer is not None
        if self._closed:
            return
        try:
            sink = self._offered(self._sender, offer)
        except Exception as problem:  # as with any hook: it costs this connection
            self._fault(problem, "an offered snapshot")
            sink = Refusal(RefusalCode.FAILED, "the receiver failed")
        if isinstance(sink, Refusal):
            self._connection.refuse(sink)
            return
        self._sink = sink
        self._received = self._written = min(sink.have, offer.size)
        if self._received:
            reachable("a snapshot went on where it had broken off")
        self._connection.send(frame(FrameKind.READY, encode_offset(self._received)))

    def _chunk(self, payload: bytes) -> None:
        offset, data = decode_offset(payload), payload[OFFSET_SIZE:]
        sink, offer = self._sink, self._offer
        if sink is None or offer is None or self._finishing:
            raise ProtocolFault("a chunk came before its offer was taken, or after its end")
        self._received += len(data)
        if offset + len(data) != self._received or not data or self._received > offer.size:
            raise ProtocolFault("a chunk came out of order")
        if self._received - self._written > _WAITING_MAX:
            raise ProtocolFault("more chunks came than were asked for")
        end = self._received
        self._tasks.in_lane_then(LANE, sink.write, (offset, data), lambda _, error: self._taken(end, error))

    def _taken(self, end: int, error: BaseException | None) -> None:
        if self._closed:
            return
        if error is not None:
            self._failed(str(error))
            return
        self._written = end
        self._connection.send(frame(FrameKind.TAKEN, encode_offset(end)))

    def _finish(self) -> None:
        sink, offer = self._sink, self._offer
        if sink is None or offer is None or self._received != offer.size or self._finishing:
            raise ProtocolFault("a snapshot ended before it was whole")
        self._finishing = True
        self._tasks.in_lane_then(LANE, sink.finish, (), self._finished)

    def _finished(self, problem: str | None, error: BaseException | None) -> None:
        if self._closed:
            return
        if problem or error is not None:
            self._failed(problem or str(error))
        else:
            self._connection.send(frame(FrameKind.FINISHED))

    def _failed(self, reason: str) -> None:
        self._connection.refuse(Refusal(RefusalCode.FAILED, reason))


def _nothing() -> None:
    return


def _ignored(result: object, error: BaseException | None) -> None:
    return
