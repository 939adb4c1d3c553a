# SPDX-License-Identifier: Apache-2.0
"""Streaming methods over JSON: the request's values are the caller's messages, each answer is a line.

A line is ``{"result": {...}}``, or ``{"error": {"code": N, "message": "..."}}``, which is the last one.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable

from tricord.wire.grpc.metadata import EMPTY, Metadata
from tricord.wire.grpc.service import StreamHandler
from tricord.wire.grpc.status import GrpcError, Status

QUEUED_BYTES_MAX = 64 << 10
"""A handler that sends waits while the caller has more than this to take."""
MESSAGES_AT_ONCE = 50
"""After so many messages of one call others have their turn: about a millisecond."""


class GatewayStream:
    """A streaming call whose caller is the gateway: ``take`` gives what the handler sends."""

    deadline: float | None = None
    peer = ""

    def __init__(self, handler: StreamHandler, messages: Iterable[bytes], metadata: Metadata = EMPTY) -> None:
        self.metadata = metadata
        self._messages = iter(messages)
        self._given = 0
        self._sent: deque[bytes] = deque()
        self._queued = 0
        self._ended = False
        self._failure: GrpcError | None = None
        self._taker: asyncio.Future[None] | None = None
        self._sender: asyncio.Future[None] | None = None
        self._on_room: Callable[[], None] | None = None
        self._on_cancel: list[Callable[[], None]] = []
        self.cancelled = False
        self._task = asyncio.get_running_loop().create_task(self._run(handler))

    async def _run(self, handler: StreamHandler) -> None:
        try:
            await handler(self)
        except GrpcError as error:
            self._failure = error
        except Exception as error:
            self._failure = GrpcError(Status.INTERNAL, "the handler failed")
            self._failure.__cause__ = error
        finally:
            self._ended = True
            _wake(self._taker)

    # --- the handler's side ----------------------------------------------------------------------------------

    def set_leading(self, name: str, value: str | bytes) -> None:
        """Metadata has no place in JSON."""

    def set_trailing(self, name: str, value: str | bytes) -> None:
        """Metadata has no place in JSON."""

    def on_cancel(self, function: Callable[[], None]) -> None:
        """Call ``function`` when the HTTP request is given up."""
        if self.cancelled:
            function()
        else:
            self._on_cancel.append(function)

    def messages(self) -> AsyncIterator[bytes]:
        """The caller's messages: all came with the request."""
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self._given += 1
        if not self._given % MESSAGES_AT_ONCE:
            await asyncio.sleep(0)
        for message in self._messages:
            return message
        raise StopAsyncIteration

    async def send(self, message: bytes) -> None:
        """Queue a message; waits while the caller does not take what was sent before."""
        if self._ended or self.cancelled:
            raise GrpcError(Status.CANCELLED, "the call has ended")
        self._sent.append(message)
        self._queued += len(message)
        _wake(self._taker)
        while self._queued > QUEUED_BYTES_MAX and not self.cancelled:
            self._sender = asyncio.get_running_loop().create_future()
            await self._sender

    def post(self, messages: list[bytes]) -> bool:
        """Queue messages without waiting; False while the caller does not take them."""
        if self._ended or self.cancelled:
            return False
        self._sent += messages
        self._queued += sum(map(len, messages))
        _wake(self._taker)
        return self._queued <= QUEUED_BYTES_MAX

    def on_room(self, function: Callable[[], None]) -> None:
        """Call ``function`` once, later, when there is room."""
        self._on_room = function

    def fail(self, status: Status, text: str) -> None:
        """End the call with an error, and cancel its handler."""
        if not self._ended and not self.cancelled:
            self._failure = GrpcError(status, text)
            self._task.cancel()

    # --- the gateway's side ----------------------------------------------------------------------------------

    async def take(self) -> bytes | None:
        """The next message, None after the last. Raises GrpcError when the call failed."""
        while not self._sent:
            if self._failure is not None:
                raise self._failure
            if self._ended:
                return None
            self._taker = asyncio.get_running_loop().create_future()
            await self._taker
        message = self._sent.popleft()
        self._queued -= len(message)
        if self._queued <= QUEUED_BYTES_MAX:
            _wake(self._sender)
            function, self._on_room = self._on_room, None
            if function is not None:
                asyncio.get_running_loop().call_soon(self._has_room, function)
        return message

    def _has_room(self, function: Callable[[], None]) -> None:
        if not self._ended and not self.cancelled:
            function()

    def cancel(self) -> None:
        """The caller is gone, or has all it wanted. Doing it twice is fine."""
        if self.cancelled:
            return
        self.cancelled = True
        self._on_room = None
        if not self._ended:
            for function in self._on_cancel:
                function()
            self._task.cancel()
        self._on_cancel.clear()


class StreamBody:
    """The body of the answer. ``begin`` first; ``aclose`` whatever happens."""

    def __init__(self, call: GatewayStream, to_json: Callable[[bytes], bytes]) -> None:
        self._call = call
        self._to_json = to_json
        self._first: bytes | None = None
        self._done = False

    async def begin(self) -> GrpcError | None:
        """Wait for the first line; the error, if that is what it is."""
        try:
            message = await self._call.take()
        except GrpcError as error:
            self._first, self._done = _failure(error), True
            return error
        if message is None:
            self._done = True
        else:
            self._first = self._line(message)
        return None

    @property
    def is_empty(self) -> bool:
        """Whether, after ``begin``, no line comes."""
        return self._done and self._first is None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._first is not None:
            line, self._first = self._first, None
            return line
        if self._done:
            raise StopAsyncIteration
        try:
            message = await self._call.take()
        except GrpcError as error:
            self._done = True
            return _failure(error)
        if message is None:
            self._done = True
            raise StopAsyncIteration
        return self._line(message)

    async def aclose(self) -> None:
        """Nobody reads on: the call ends."""
        self._done = True
        self._call.cancel()

    def _line(self, message: bytes) -> bytes:
        return b'{"result":' + self._to_json(message) + b"}\n"


def _failure(error: GrpcError) -> bytes:
    told = {"error": {"code": int(error.status), "message": error.text}}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
