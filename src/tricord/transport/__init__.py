# SPDX-License-Identifier: Apache-2.0
"""Sockets around ``wire``: the server's listeners and connections, TLS contexts, the client's connection.

The server's half is loaded when it is named: a client that dials must not pay for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tricord.transport.limits import Limits
    from tricord.transport.server import Server

__all__ = ["Limits", "Server"]


def __getattr__(name: str) -> Any:
    if name == "Limits":
        from tricord.transport.limits import Limits

        return Limits
    if name == "Server":
        from tricord.transport.server import Server

        return Server
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
