# SPDX-License-Identifier: Apache-2.0
"""A connection to one member, as calls see it.

``transport.client_connection`` has the real one; tests have scripted ones.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeAlias

from tricord.client.endpoints import Endpoint


class MessageStream(Protocol):
    """A streaming call under way: see ``transport.client_stream``."""

    async def send(self, message: bytes) -> None:
        """Send a message. Raises GrpcError when the call is over."""

    def end(self) -> None:
        """No more messages from here."""

    def cancel(self) -> None:
        """Take the call back."""

    async def __anext__(self) -> bytes:
        """The next message. Raises StopAsyncIteration, GrpcError."""


class Channel(Protocol):
    """Carries gRPC calls to one member."""

    @property
    def usable(self) -> bool:
        """Whether a new call may be tried here."""

    @property
    def crowded(self) -> bool:
        """Whether a further stream would take the room that calls need."""

    async def unary(
        self,
        path: str,
        request: bytes,
        timeout: float,
        metadata: Iterable[tuple[bytes, bytes]] = (),
        heard: Callable[[list[tuple[bytes, bytes]]], None] | None = None,
    ) -> bytes:
        """One message there, one back; ``metadata`` is encoded, ``heard`` is told the fields of the answer's head.

        Raises GrpcError as the server answered, CallBroken where it did not."""

    async def stream(
        self, path: str, timeout: float | None = None, metadata: Iterable[tuple[str, str | bytes]] = ()
    ) -> MessageStream:
        """A call of any number of messages either way. Raises CallBroken when it cannot be opened now."""

    def retire(self) -> None:
        """Take no more calls; close when those under way are done."""

    def close(self) -> None:
        """Close now."""

    async def wait_closed(self) -> None:
        """Until the socket is gone."""


Dial: TypeAlias = Callable[[Endpoint], Awaitable[Channel]]
"""Opens a channel. Raises OSError, or CallBroken when what listens there does not speak HTTP/2. Sets no deadline."""
