# SPDX-License-Identifier: Apache-2.0
"""A connection to one member, as calls see it.

``transport.client_connection`` has the real one; tests have scripted ones.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from tricord.client.endpoints import Endpoint


class Channel(Protocol):
    """Carries unary gRPC calls to one member."""

    @property
    def usable(self) -> bool:
        """Whether a new call may be tried here."""

    async def unary(self, path: str, request: bytes, timeout: float) -> bytes:
        """One message there, one back. Raises GrpcError as the server answered, CallBroken where it did not."""

    def retire(self) -> None:
        """Take no more calls; close when those under way are done."""

    def close(self) -> None:
        """Close now."""

    async def wait_closed(self) -> None:
        """Until the socket is gone."""


Dial: TypeAlias = Callable[[Endpoint], Awaitable[Channel]]
"""Opens a channel. Raises OSError, or CallBroken when what listens there does not speak HTTP/2. Sets no deadline."""
