# SPDX-License-Identifier: Apache-2.0
"""TCP and UDP by the running loop."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

from tricord.runtime.datagrams import UdpSocket, open_udp

BACKLOG = 1024
"""Connections that the kernel holds until they are accepted: a thousand clients may dial at once."""


HANDSHAKE_SECONDS = 10.0
"""A peer that has not finished its TLS handshake by then is dropped: half-open connections cost memory."""


class TcpListener:
    """A bound server socket."""

    def __init__(self, server: asyncio.Server) -> None:
        self._server = server
        # asked once: the sockets are gone after close
        self._addresses = [sock.getsockname()[:2] for sock in server.sockets]

    def addresses(self) -> list[tuple[str, int]]:
        return list(self._addresses)

    def close(self) -> None:
        self._server.close()


class TcpNetwork:
    """Listens and dials.

    Every connection has TCP_NODELAY: answers are written once a turn, waiting would only delay. With ``reuse_port``
    another process may listen on the same addresses (SO_REUSEPORT).
    """

    def __init__(self, *, reuse_port: bool = False) -> None:
        self._reuse_port = reuse_port

    async def listen(
        self, host: str, port: int, factory: Callable[[], asyncio.Protocol], tls: ssl.SSLContext | None = None
    ) -> TcpListener:
        loop = asyncio.get_running_loop()
        # On Windows SO_REUSEADDR lets a second process steal the port; there asyncio's default (off) stays.
        reuse = True if socket.has_ipv6 and hasattr(socket, "AF_UNIX") else None
        server = await loop.create_server(
            factory,
            host,
            port,
            ssl=tls,
            backlog=BACKLOG,
            reuse_address=reuse,
            reuse_port=self._reuse_port or None,
            ssl_handshake_timeout=HANDSHAKE_SECONDS if tls is not None else None,
        )
        return TcpListener(server)

    async def connect(
        self,
        host: str,
        port: int,
        factory: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> tuple[asyncio.Transport, asyncio.Protocol]:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(
            factory, host, port, ssl=tls, server_hostname=(server_name or host) if tls is not None else None
        )
        _send_at_once(transport)
        return transport, protocol

    async def open_datagrams(self, host: str, port: int, receive: Callable[[bytes, str], None]) -> UdpSocket:
        return await open_udp(host, port, receive)


def _send_at_once(transport: asyncio.BaseTransport) -> None:
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
