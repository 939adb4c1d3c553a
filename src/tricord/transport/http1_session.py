# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 on one accepted connection: one request at a time, in order; pipelined ones wait."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from tricord.wire.http.http1 import (
    CONTINUE,
    Complete,
    ContinueExpected,
    Event,
    Http1Connection,
    Refusal,
    has_body,
    head,
)
from tricord.wire.http.routes import HttpRequest, HttpResponse, plain

if TYPE_CHECKING:
    from tricord.transport.server_protocol import ServerProtocol


class Http1Session:
    """Feeds the parser, runs handlers, writes answers."""

    def __init__(self, owner: ServerProtocol, now: float) -> None:
        self._owner = owner
        self._connection = Http1Connection(owner.server.limits.http)
        self._waiting: deque[Event] = deque()
        self._output = bytearray()
        self._busy = False
        self._closing = False
        self._draining = False
        self._since = now

    established = True

    def receive(self, data: bytes, now: float) -> None:
        if self._closing:
            return
        if self._connection.idle:
            self._since = now
        self._waiting.extend(self._connection.receive(data))
        if len(self._waiting) > self._owner.server.limits.http.max_pipelined:
            self._owner.hold_input(True)
        self._next()

    def _next(self) -> None:
        # A peer that pipelines and takes no answers gets none made.
        while self._waiting and not self._busy and not self._closing and self._owner.takes_output:
            event = self._waiting.popleft()
            if isinstance(event, Complete):
                self._busy = True
                keep_alive = event.keep_alive and not self._draining
                self._owner.spawn(self._answer(event.request, keep_alive), event.request.path)
            elif isinstance(event, ContinueExpected):
                self._write(CONTINUE)
            elif isinstance(event, Refusal):
                self._refuse(event.response)
        if not self._waiting:
            self._owner.hold_input(False)

    def _refuse(self, response: HttpResponse | None) -> None:
        self._closing = True
        if response is None:
            self._owner.schedule_flush()
        else:
            assert isinstance(response.body, bytes)
            self._write(head(response, None, keep_alive=False) + response.body)

    async def _answer(self, request: HttpRequest, keep_alive: bool) -> None:
        try:
            response = await self._owner.server.routes.answer(request)
        except Exception as error:
            self._owner.server.report(error, request.path)
            response = plain(500, "internal error")
        try:
            await self._send(response, request, keep_alive)
        finally:
            self._busy = False
            self._since = self._owner.server.environment.clock.monotonic()
        self._next()

    async def _send(self, response: HttpResponse, request: HttpRequest, keep_alive: bool) -> None:
        body = response.body
        chunked = not isinstance(body, bytes) and request.version != "1.0"
        keep_alive = keep_alive and (isinstance(body, bytes) or chunked) and not self._draining
        self._write(head(response, request, keep_alive=keep_alive))
        if isinstance(body, bytes):
            if has_body(response, request):
                self._write(body)
        else:
            try:
                if has_body(response, request):
                    keep_alive = await self._send_iterated(response, request, chunked) and keep_alive
            finally:
                await body.aclose()
        if not keep_alive:
            self._closing = True
            self._owner.schedule_flush()

    async def _send_iterated(self, response: HttpResponse, request: HttpRequest, chunked: bool) -> bool:
        """Whether it was sent whole; after a failure only the end of the connection tells the client."""
        assert not isinstance(response.body, bytes)
        try:
            async for piece in response.body:
                if piece:
                    self._write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                    await self._owner.writable()
        except Exception as error:
            self._owner.server.report(error, request.path)
            return False
        if chunked:
            self._write(b"0\r\n\r\n")
        return True

    def _write(self, data: bytes) -> None:
        self._output += data
        self._owner.schedule_flush()

    def take_output(self) -> bytearray:
        output, self._output = self._output, bytearray()
        return output

    def resume(self) -> None:
        """The socket takes data again."""
        self._next()

    def finished(self) -> bool:
        return not self._output and (self._closing or (self._draining and not self._busy and not self._waiting))

    def busy(self) -> bool:
        return self._busy or bool(self._waiting)

    def drain(self) -> None:
        self._draining = True
        self._owner.schedule_flush()

    def end_of_input(self) -> bool:
        """The client sends no more; what it asked is still answered."""
        self._draining = True
        return self.busy() or bool(self._output)

    def tick(self, now: float) -> bool:
        limits = self._owner.server.limits
        if self.busy():
            return True
        limit = limits.idle_timeout if self._connection.idle else limits.request_timeout
        return now - self._since <= limit

    def held_bytes(self) -> int:
        waiting = sum(len(event.request.body) for event in self._waiting if isinstance(event, Complete))
        return len(self._output) + waiting + self._connection.body_size()

    def lost(self) -> None:
        self._closing = True
        self._waiting.clear()
        self._connection.close()
