# SPDX-License-Identifier: Apache-2.0
"""UDP by the running loop: sent at once, or lost."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from ipaddress import ip_address

LOOKUP_SECONDS = 30.0
"""For so long a name means the address that was found."""
NAMES_MAX = 4096


class UdpSocket(asyncio.DatagramProtocol):
    """A bound socket. It is its own protocol."""

    def __init__(self, receive: Callable[[bytes, str], None]) -> None:
        self._receive = receive
        self._transport: asyncio.DatagramTransport | None = None
        self._loop = asyncio.get_running_loop()
        self._address = ("", 0)
        self._family = socket.AF_UNSPEC
        self._full = False
        self._found: dict[str, tuple[str, float]] = {}
        """Names: the address of each, and until when it counts."""
        self._lookups: dict[str, asyncio.Task[None]] = {}

    def address(self) -> tuple[str, int]:
        return self._address

    def send(self, data: bytes, host: str, port: int) -> None:
        transport, address = self._transport, self._address_of(host)
        if transport is None or address is None or self._full:
            return
        try:
            transport.sendto(data, (address, port))
        except (OSError, ValueError):
            return  # of another family, or no way there

    def close(self) -> None:
        for lookup in self._lookups.values():
            lookup.cancel()
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    # --- asyncio.DatagramProtocol --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert hasattr(transport, "sendto")
        self._transport = transport  # type: ignore[assignment]
        self._address = transport.get_extra_info("sockname")[:2]
        self._family = transport.get_extra_info("socket").family

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._transport is not None:
            self._receive(data, addr[0])

    def error_received(self, exc: Exception) -> None:
        """Somebody does not listen: what was sent is lost, as others are."""

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False

    # --- names ---------------------------------------------------------------------------------------------

    def _address_of(self, host: str) -> str | None:
        try:
            return str(ip_address(host))
        except ValueError:
            pass
        found = self._found.get(host)
        if (found is None or found[1] < self._loop.time()) and host not in self._lookups:
            self._lookups[host] = self._loop.create_task(self._look_up(host))
        return None if found is None else found[0]

    async def _look_up(self, host: str) -> None:
        try:
            found = await self._loop.getaddrinfo(host, 0, family=self._family, type=socket.SOCK_DGRAM)
            if len(self._found) >= NAMES_MAX:
                self._found.clear()
            self._found[host] = (str(found[0][4][0]), self._loop.time() + LOOKUP_SECONDS)
        except OSError:
            return  # asked again when something is sent there
        finally:
            del self._lookups[host]


async def open_udp(host: str, port: int, receive: Callable[[bytes, str], None]) -> UdpSocket:
    """Bind. Raises OSError."""
    loop = asyncio.get_running_loop()
    family, kind, protocol, _, address = (
        await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)
    )[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        sock.bind(address)  # here and not in the loop: uvloop leaks its handle when this fails
    except OSError:
        sock.close()
        raise
    _, opened = await loop.create_datagram_endpoint(lambda: UdpSocket(receive), sock=sock)
    return opened
