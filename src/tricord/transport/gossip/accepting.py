# SPDX-License-Identifier: Apache-2.0
"""Streams that others opened: requests, and packets where UDP does not pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tricord.base.environment import Environment
from tricord.gossip.envelope import is_packet
from tricord.transport.gossip.frames import PREFACE, FrameReader, NoFrames, frame
from tricord.transport.gossip.hooks import StreamHooks

SILENCE_SECONDS = 120.0
"""After so long without a whole frame a stream is closed."""


class Accepted(asyncio.Protocol):
    """One stream that another opened."""

    def __init__(self, acceptor: Acceptor, number: int) -> None:
        self.heard_at = 0.0
        self._acceptor = acceptor
        self._number = number
        self._frames = FrameReader(PREFACE)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        name = transport.get_extra_info("peername")
        host = str(name[0]) if isinstance(name, tuple) and name else ""
        if not self._acceptor.admit(self._number, self, host):
            self.abort()

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        try:
            envelopes = self._frames.receive(data, self._acceptor.hooks.frame_size_max())
        except NoFrames:
            self.abort()
            return
        for envelope in envelopes:
            self._acceptor.heard(self._number, self, envelope)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._acceptor.remove(self._number)

    def answer(self, envelope: bytes) -> None:
        """Send the answer; the other side closes."""
        if self._transport is not None:
            self._transport.write(frame(envelope))

    def close(self) -> None:
        """Close behind what was sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None


class Acceptor:
    """All streams that others opened: a bounded number. When there is no room the one that is silent longest goes."""

    def __init__(self, environment: Environment, hooks: StreamHooks, streams_max: Callable[[], int]) -> None:
        self.hooks = hooks
        self._environment = environment
        self._streams_max = streams_max
        self._streams: dict[int, Accepted] = {}
        self._made = 0
        self._is_closed = False

    def protocol(self) -> asyncio.Protocol:
        """For the next accepted socket."""
        self._made += 1
        return Accepted(self, self._made)

    def admit(self, number: int, stream: Accepted, host: str) -> bool:
        """Whether a new stream from that host is heard."""
        if self._is_closed or not self.hooks.admits(host):
            return False
        now = stream.heard_at = self._environment.clock.monotonic()
        self._streams[number] = stream
        silent = [old for old in self._streams.values() if now - old.heard_at > SILENCE_SECONDS]
        while len(self._streams) - len(silent) > self._streams_max():
            # In the order in which they were heard last.
            silent.append(next(old for old in self._streams.values() if old not in silent))
        for old in silent:
            old.abort()
        return stream not in silent

    def heard(self, number: int, stream: Accepted, envelope: bytes) -> None:
        """A whole frame came."""
        if number in self._streams:
            stream.heard_at = self._environment.clock.monotonic()
            self._streams[number] = self._streams.pop(number)
        if is_packet(envelope):
            self.hooks.packet(envelope)
        else:
            self.hooks.request(number, envelope)

    def answer(self, number: int, envelope: bytes | None) -> None:
        """Answer a request; None: close, it was none that is heard."""
        stream = self._streams.get(number)
        if stream is not None and envelope is not None:
            stream.answer(envelope)
        elif stream is not None:
            stream.close()

    def remove(self, number: int) -> None:
        """A stream is over."""
        self._streams.pop(number, None)

    def close(self) -> None:
        """Close all, hear no more."""
        self._is_closed = True
        for stream in list(self._streams.values()):
            stream.abort()
