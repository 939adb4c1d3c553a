# SPDX-License-Identifier: Apache-2.0
"""One peer connection: bytes between a socket and a session, and when the other side was last heard."""

from __future__ import annotations

import asyncio
from typing import Protocol

from tricord.base.environment import Clock
from tricord.wire.peer.events import PeerEvent
from tricord.wire.peer.refusals import Refusal
from tricord.wire.peer.session import PROGRESS, Session, ping, pong


class ConnectionOwner(Protocol):
    """Whom a connection tells what happens. An exception costs the connection."""

    def heard(self, connection: PeerConnection, events: list[PeerEvent]) -> None:
        """What the session said of the bytes that came; it may be nothing."""

    def lost(self, connection: PeerConnection, error: Exception | None) -> None:
        """It is over. Said once."""

    def fault(self, error: BaseException, where: str) -> None:
        """``heard`` raised this."""


class PeerConnection(asyncio.Protocol):
    """Either side. All methods run on the loop."""

    def __init__(self, clock: Clock, session: Session, owner: ConnectionOwner) -> None:
        self.session = session
        self.heard_at = clock.monotonic()
        """When anything came, or what waited to be sent became less."""
        self.peer = ""
        self.host = ""
        """The other side's address, without its port."""
        self._clock = clock
        self._owner: ConnectionOwner | None = owner
        self._transport: asyncio.Transport | None = None
        self._waiting_size = 0
        self._pings = 0
        self._pongs = 0
        self._came = False
        """Whether anything came since the last ``tell_progress``."""
        self._paused = False
        self._writable: asyncio.Future[None] | None = None

    # --- asyncio.Protocol ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self.heard_at = self._clock.monotonic()
        name = transport.get_extra_info("peername")
        if isinstance(name, tuple) and len(name) >= 2:
            self.host = str(name[0])
            self.peer = f"{name[0]}:{name[1]}"
        self.flush()

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._clock.monotonic()
        self._came = True
        owner = self._owner
        if owner is None:
            return
        try:
            owner.heard(self, self.session.receive(data))
        except Exception as error:  # a bug of ours: it costs this connection, not the member
            owner.fault(error, f"peer connection of {self.peer}")
            self.abort()
            return
        self.flush()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        owner, self._owner = self._owner, None
        self._wake()
        if owner is not None:
            owner.lost(self, exc)

    # --- sending -------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether frames may be sent."""
        return self._transport is not None and self.session.is_open

    @property
    def waiting_size(self) -> int:
        """Bytes that the socket has not taken."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def send(self, frames: bytes) -> None:
        """Write frames. The connection is open."""
        if self._transport is not None:
            self._transport.write(frames)

    def flush(self) -> None:
        """Write what the session has to say; close where it has ended."""
        if self._transport is None:
            return
        output = self.session.take_output()
        if output:
            self._transport.write(output)
        if self.session.ended:
            self._transport.close()

    async def writable(self) -> None:
        """Wait until the socket takes data, or the connection is over."""
        while self._paused and self._transport is not None:
            if self._writable is None or self._writable.done():
                self._writable = asyncio.get_running_loop().create_future()
            await self._writable

    def refuse(self, refusal: Refusal) -> None:
        """Say why and close."""
        self.session.refuse(refusal)
        self.flush()

    def abort(self) -> None:
        """Close now."""
        if self._transport is not None:
            self._transport.abort()

    def drop(self) -> None:
        """Close now, and tell the owner nothing any more."""
        self._owner = None
        self.abort()

    # --- time ----------------------------------------------------------------------------------------------

    def ping(self, now: float) -> None:
        """Ask whether the other side lives, unless it owes an answer already."""
        size = self.waiting_size
        if size < self._waiting_size:
            self.heard_at = now  # it takes what waits: slow, not dead
        self._waiting_size = size
        if self.is_open and self._pings == self._pongs:
            self._pings += 1
            self.send(ping(self._pings))

    def tell_progress(self) -> None:
        """Once a heartbeat, at the side that is asked: show that it lives where something came, but no question.

        On a slow link questions wait behind what was sent, in buffers on the way that nobody sees.
        """
        if self._came and self.is_open and not self.session.was_asked:
            self.send(pong(PROGRESS))
        self._came = self.session.was_asked = False

    def answered(self, number: int) -> None:
        """A PONG came."""
        self._pongs = max(self._pongs, min(number, self._pings))

    def _wake(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
