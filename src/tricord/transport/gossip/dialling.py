# SPDX-License-Identifier: Apache-2.0
"""Streams that this member opens: one for a request and its answer, and one to each member for packets where UDP does
not pass."""

from __future__ import annotations

import asyncio

from tricord.base.environment import Environment, Timer
from tricord.transport.gossip.frames import PREFACE, FrameReader, NoFrames, frame
from tricord.transport.peer.dialling import DialTls, context_of

WAITING_MAX = 64 << 10
"""Bytes of packets that may wait for a stream; what is beyond is lost, as by UDP."""
IDLE_SECONDS = 60.0
"""A stream of packets is closed when nothing went for so long."""
CONNECT_SECONDS = 5.0
NO_WAY = (OSError, TimeoutError, ValueError, OverflowError)
"""What a dial raises; the last two where the name or port is none that can be."""


class Asking(asyncio.Protocol):
    """One request by a stream of its own."""

    def __init__(self, size_max: int) -> None:
        self.answer: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._size_max = size_max
        self._frames = FrameReader()

    def data_received(self, data: bytes) -> None:
        try:
            envelopes = self._frames.receive(data, self._size_max)
        except NoFrames:
            self._end(None)
            return
        if envelopes:
            self._end(envelopes[0])

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(None)

    def _end(self, answer: bytes | None) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)


async def ask(
    environment: Environment,
    address: tuple[str, int],
    envelope: bytes,
    size_max: int,
    timeout: float,
    tls: DialTls = None,
) -> bytes | None:
    """The answer, or None: nobody answered in time."""
    transport: asyncio.Transport | None = None
    asking = Asking(size_max)
    try:
        async with asyncio.timeout(timeout):
            transport, _ = await environment.network.connect(*address, lambda: asking, context_of(tls))
            transport.write(PREFACE + frame(envelope))
            answer = await asking.answer
            transport.close()
            return answer
    except NO_WAY:
        return None
    finally:
        if transport is not None and not transport.is_closing():
            transport.abort()


class PacketStream(asyncio.Protocol):
    """Packets to one address. Dialled by the first one, and again by the first one after it broke."""

    def __init__(self, environment: Environment, address: tuple[str, int], tls: DialTls = None) -> None:
        self._tls = tls
        self._environment = environment
        self._address = address
        self._transport: asyncio.Transport | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._waiting = bytearray()
        self._sent_at = 0.0
        self._timer: Timer | None = None
        self._full = False

    def send(self, packet: bytes) -> None:
        """Send it or lose it."""
        self._sent_at = self._environment.clock.monotonic()
        if self._transport is not None and self._dialling is None:
            if not self._full:
                self._transport.write(frame(packet))
            return
        if len(self._waiting) + len(packet) < WAITING_MAX:
            self._waiting += frame(packet)
        if self._dialling is None:
            self._dialling = self._environment.tasks.spawn(self._dial(), "gossip stream")

    def close(self) -> None:
        """Send nothing more."""
        if self._dialling is not None:
            self._dialling.cancel()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._full = False
        self._look()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _dial(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._environment.network.connect(*self._address, lambda: self, context_of(self._tls))
            if self._transport is not None:
                self._transport.write(PREFACE + self._waiting)
        except NO_WAY:
            pass  # lost, and dialled again by the next packet
        finally:
            self._waiting.clear()
            self._dialling = None

    def _look(self) -> None:
        idle = self._environment.clock.monotonic() - self._sent_at
        if idle >= IDLE_SECONDS and self._transport is not None:
            self._transport.close()
        else:
            self._timer = self._environment.tasks.call_later(IDLE_SECONDS - idle, self._look)
