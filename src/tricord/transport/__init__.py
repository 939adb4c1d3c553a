# SPDX-License-Identifier: Apache-2.0
"""Sockets around ``wire``: the server's listeners and connections, TLS contexts, the client's connection."""

from tricord.transport.limits import Limits
from tricord.transport.server import Server

__all__ = ["Limits", "Server"]
