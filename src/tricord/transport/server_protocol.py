# SPDX-License-Identifier: Apache-2.0
"""One accepted connection: finds out which protocol it speaks, feeds it fairly, flushes it once a turn.

Bytes are handed on in slices, one a turn of the loop, so that a peer that sends without pause cannot keep the others
waiting. While the socket does not take what was written, nothing is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from tricord.transport.http1_session import Http1Session
from tricord.transport.http2_session import Http2Session
from tricord.transport.prefaced import choice
from tricord.wire.http2.frames import PREFACE

if TYPE_CHECKING:
    from tricord.transport.server import Server

_SLICE = 16 << 10
"""Bytes handled at once: some 800 of the smallest requests, or about 20 ms of the slowest."""

_MORE = 64 << 10
"""A session that gives less than this has no more to give."""


class ServerProtocol(asyncio.Protocol):
    """Between a transport and a session."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.peer = ""
        self.loop: asyncio.AbstractEventLoop | None = None
        self._transport: asyncio.Transport | None = None
        self._session: Http1Session | Http2Session | None = None
        self._input = bytearray()
        self._continuing = False
        self._writable = True
        self._held = False
        self._reading = True
        self._flush_scheduled = False
        self._draining = False
        self._closing = False
        self._made_at = 0.0
        self._secure = False
        self._is_spare = False
        self._stuck_since = 0.0
        self._stuck_size = 0
        self._waiters: list[asyncio.Future[None]] = []
        self._tasks: dict[asyncio.Task[Any], None] = {}

    # --- asyncio.Protocol ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]
        self.loop = asyncio.get_running_loop()
        self._made_at = self.server.environment.clock.monotonic()
        if not self.server.admit(self):
            self.abort()
            return
        self._is_spare = self.server.has_too_many()
        name = transport.get_extra_info("peername")
        self.peer = f"{name[0]}:{name[1]}" if isinstance(name, tuple) and len(name) >= 2 else str(name or "")
        transport.set_write_buffer_limits(high=self.server.limits.write_buffer)  # type: ignore[attr-defined]
        tls = transport.get_extra_info("ssl_object")
        self._secure = tls is not None
        if tls is not None and tls.selected_alpn_protocol() == "h2" and self._serves_clients():
            self._session = Http2Session(self, self._made_at)

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self.server.received_bytes += len(data)
        if not self._input and len(data) <= _SLICE and self._session is not None and self._writable:
            self._feed(self._session, data)
            return
        self._input += data
        self._continue_soon()

    def eof_received(self) -> bool:
        if self._session is None or self._closing or self._secure:  # TLS cannot be half closed
            return False
        return self._session.end_of_input()

    def pause_writing(self) -> None:
        self._writable = False
        self._set_reading()

    def resume_writing(self) -> None:
        self._writable = True
        if self._session is not None:
            self._session.resume()
        self._set_reading()
        self._continue_soon()
        self.schedule_flush()
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._transport = None
        self._input.clear()
        if self._session is not None:
            self._session.lost()
            self._session = None
        for task in list(self._tasks):
            task.cancel()
        for waiter in self._waiters:
            waiter.cancel()
        self.server.dismiss(self)

    # --- input ---------------------------------------------------------------------------------------------

    def _continue_soon(self) -> None:
        if self._input and not self._continuing:
            self._continuing = True
            self.server.environment.tasks.call_soon(self._continue)
            self._set_reading()

    def _continue(self) -> None:
        self._continuing = False
        if self._closing or not self._writable or self._held or not self._input:
            self._set_reading()
            return
        if self._session is None and not self._choose():
            self._set_reading()
            return
        assert self._session is not None
        piece = bytes(self._input[:_SLICE])
        del self._input[:_SLICE]
        self._feed(self._session, piece)
        self._continue_soon()
        self._set_reading()

    def _feed(self, session: Http1Session | Http2Session, data: bytes) -> None:
        try:
            session.receive(data, self.server.environment.clock.monotonic())
        except Exception as error:  # a bug of ours: it costs this connection, not the member
            self.server.report(error, f"connection of {self.peer}")
            self.abort()

    def _choose(self) -> bool:
        """HTTP/2 and members begin with their prefaces; anything else is HTTP/1.1. False: no session, or not yet."""
        seen = bytes(self._input[: len(PREFACE)])
        now = self.server.environment.clock.monotonic()
        make, is_open = choice(seen, self.server.others)
        if make is not None:
            self._hand_over(make())
            return False
        if is_open or not self._serves_clients():
            return False
        if seen == PREFACE:
            self._session = Http2Session(self, now)
        elif not PREFACE.startswith(seen):
            self._session = Http1Session(self, now)
        else:
            return False
        if self._draining:
            self._session.drain()
        return True

    def _serves_clients(self) -> bool:
        """False, and closed: the places of clients are taken, this one was kept for a member."""
        if self._is_spare:
            self.server.refused_connections += 1
            self.abort()
        return not self._is_spare

    def _hand_over(self, protocol: asyncio.Protocol) -> None:
        """The connection is another member's: it is not one of this server's any more."""
        transport, self._transport = self._transport, None
        assert transport is not None
        taken = bytes(self._input)
        self._input.clear()
        self._closing = True
        self.server.dismiss(self)
        transport.set_write_buffer_limits()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if not self._reading:
            transport.resume_reading()
        protocol.data_received(taken)

    def hold_input(self, held: bool) -> None:
        """The session has enough for now, or can take more again."""
        if held != self._held:
            self._held = held
            self._set_reading()
            if not held:
                self._continue_soon()

    def _set_reading(self) -> None:
        wanted = self._writable and not self._held and not (self._continuing and len(self._input) > _SLICE)
        if wanted != self._reading and self._transport is not None and not self._closing:
            self._reading = wanted
            if wanted:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    # --- output --------------------------------------------------------------------------------------------

    def schedule_flush(self) -> None:
        """Write what the session has at the end of this turn."""
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self.server.environment.tasks.call_soon(self.flush)

    def flush_later(self) -> None:
        """Write what the session has within some milliseconds, if it is not written sooner."""
        self.server.flush_later(self)

    def flush(self) -> None:
        """Write what the session has now."""
        self._flush_scheduled = False
        transport, session = self._transport, self._session
        if transport is None or session is None:
            return
        while self._writable:
            output = session.take_output()
            if not output:
                break
            size = len(output)
            transport.write(output)
            self.server.sent_bytes += size
            if size < _MORE:
                break
        if session.finished():
            self._close()

    @property
    def takes_output(self) -> bool:
        """Whether the socket has taken most of what was written."""
        return self._writable

    async def writable(self) -> None:
        """Wait until the socket takes data."""
        self.flush()
        if not self._writable and not self._closing:
            waiter = self.new_waiter()
            self._waiters.append(waiter)
            await waiter

    def new_waiter(self) -> asyncio.Future[None]:
        """A future of the loop that runs this connection."""
        assert self.loop is not None
        return self.loop.create_future()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a coroutine that ends, at the latest, with the connection."""
        task = self.server.environment.tasks.spawn(work, name)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return task

    # --- ending --------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Finish what was asked, take nothing new, close."""
        self._draining = True
        if self._session is None:
            self._close()
        else:
            self._session.drain()

    def finish_drain(self) -> None:
        """The peer had its time to hear that it should go."""
        if isinstance(self._session, Http2Session):
            self._session.connection.finish_drain()
            self.schedule_flush()

    def abort(self) -> None:
        """Close now."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    def _close(self) -> None:
        self._closing = True
        if self._transport is not None:
            self._transport.close()

    def held_bytes(self) -> int:
        """What this connection keeps in memory for its peer."""
        held = len(self._input)
        if self._transport is not None:
            held += self._transport.get_write_buffer_size()
        if self._session is not None:
            held += self._session.held_bytes()
        return held

    def tick(self, now: float) -> None:
        """Once a second: cut off who is dead, slow or silent."""
        limits = self.server.limits
        session = self._session
        if not self._takes_output(now):
            self.abort()
        elif self._closing:
            return
        elif session is None or not session.established:
            if now - self._made_at > limits.handshake_timeout:
                self.abort()
        elif not session.tick(now):
            self.abort()

    def _takes_output(self, now: float) -> bool:
        """False when the peer took next to nothing of what waits for it, for too long."""
        if self._transport is None or (self._writable and not self._closing):
            self._stuck_since = 0.0
            return True
        size = self._transport.get_write_buffer_size()
        if not self._stuck_since or size <= self._stuck_size - _SLICE:
            self._stuck_since, self._stuck_size = now, size
        return now - self._stuck_since <= self.server.limits.write_timeout
