# SPDX-License-Identifier: Apache-2.0
"""What a gRPC method is to the rest of tricord: a path, a handler of bytes, and whether either side streams.

A unary handler is a plain function that gets the whole message and replies exactly once, now or later. A streaming
handler is a coroutine. Neither sees HTTP/2.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import field
from typing import Any, Protocol, TypeAlias

from tricord.base.message import message
from tricord.wire.grpc.metadata import Metadata
from tricord.wire.grpc.status import Status


class Call(Protocol):
    """What unary and streaming calls have in common."""

    @property
    def metadata(self) -> Metadata:
        """What the caller sent beside the message."""

    @property
    def deadline(self) -> float | None:
        """When the caller stops waiting, on the environment's monotonic clock; None: never."""

    @property
    def peer(self) -> str:
        """``host:port`` of the caller."""

    @property
    def cancelled(self) -> bool:
        """The caller is gone: it reset the call, or the connection was lost."""

    def set_leading(self, name: str, value: str | bytes) -> None:
        """Metadata before the first message. Raises ValueError for what cannot be sent."""

    def set_trailing(self, name: str, value: str | bytes) -> None:
        """Metadata after the last message. Raises ValueError for what cannot be sent."""

    def on_cancel(self, function: Callable[[], None]) -> None:
        """Call ``function`` once if the caller goes away before the call has ended; at once if it has gone already."""


class UnaryCall(Call, Protocol):
    """One message in, one reply out. Of ``reply`` and ``fail`` the first call counts; the rest are ignored."""

    def reply(self, message: bytes) -> None:
        """Answer. Returns at once; the bytes leave at the end of the loop's turn."""

    def fail(self, status: Status | int, text: str) -> None:
        """Answer with an error."""


class StreamCall(Call, Protocol):
    """Messages in, messages out. The call ends when the handler returns, or raises GrpcError."""

    def messages(self) -> AsyncIterator[bytes]:
        """The caller's messages until it has sent its last. Raises GrpcError for one that is malformed."""

    async def send(self, message: bytes) -> None:
        """Send a message; waits while the caller does not take what was sent before."""

    def post(self, messages: list[bytes]) -> bool:
        """Send these without waiting. False: the caller does not take what was sent; go on after ``on_room``."""

    def on_room(self, function: Callable[[], None]) -> None:
        """Call ``function`` once, later, when the caller has taken what was sent; never if the call ends first."""

    def fail(self, status: Status, text: str) -> None:
        """End the call with an error, and cancel its handler. The first ending counts."""


class AnsweringCall(Call, Protocol):
    """A stream in which each message has one answer. It ends well when the caller has ended and has them all."""

    @property
    def over(self) -> bool:
        """Whether it has ended."""

    def answer(self, message: bytes) -> None:
        """Send one answer. Returns at once."""

    def fail(self, status: Status, text: str) -> None:
        """End the call with an error. The first ending counts."""


class MethodCounts:
    """Calls of one method: begun, and ended by status. Plain integers, for whoever shows them."""

    __slots__ = ("ended", "started")

    def __init__(self) -> None:
        self.started = 0
        self.ended = [0] * len(Status)

    def end(self, status: int) -> None:
        """Count an ending; a status that gRPC does not know counts as UNKNOWN."""
        self.ended[status if 0 <= status < len(Status) else Status.UNKNOWN] += 1


UnaryHandler: TypeAlias = Callable[[bytes, UnaryCall], None]
StreamHandler: TypeAlias = Callable[[StreamCall], Coroutine[Any, Any, None]]
AnsweringHandler: TypeAlias = Callable[[AnsweringCall], Callable[[bytes], None]]
"""Gives what takes each message; that calls ``answer`` once for it, now or later, or ``fail``. Both may raise
GrpcError."""


@message
class Method:
    """A method of a service. Unary (both flags False) takes a UnaryHandler, all others a StreamHandler.

    ``answering``, where there is one, does the same as the StreamHandler, at less cost.
    """

    path: str
    handler: UnaryHandler | StreamHandler
    client_streaming: bool = False
    server_streaming: bool = False
    answering: AnsweringHandler | None = None
    counts: MethodCounts = field(default_factory=MethodCounts, compare=False, repr=False)


class Registry:
    """All methods of a server by path, as its connections look them up."""

    def __init__(self, methods: Iterable[Method]) -> None:
        self.methods: dict[bytes, Method] = {}
        self._services: set[bytes] = set()
        for method in methods:
            path = method.path.encode()
            if path in self.methods:
                raise ValueError(f"method {method.path} is given twice")
            self.methods[path] = method
            self._services.add(path.rpartition(b"/")[0][1:])

    def services(self) -> list[str]:
        """Names of all services, sorted."""
        return sorted(name.decode() for name in self._services)

    def refusal(self, path: bytes) -> str:
        """Why there is no such method, in the words of grpc-go."""
        service, slash, method = path[1:].rpartition(b"/")
        if not slash:
            return f"malformed method name: {_quoted(path)}"
        if service in self._services:
            return f"unknown method {_text(method)} for service {_text(service)}"
        return f"unknown service {_text(service)}"


def _text(raw: bytes) -> str:
    return raw[:256].decode("utf-8", "replace")


def _quoted(raw: bytes) -> str:
    return '"' + _text(raw).replace('"', '\\"') + '"'
