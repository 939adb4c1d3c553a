# SPDX-License-Identifier: Apache-2.0
"""The network twin: listeners, stream connections and datagrams in memory, with a latency, in order, without loss.

It speaks asyncio's Protocol and Transport, so a listener or dialler cannot tell. Backpressure is kept: a paused reader
fills the writer's buffer, and a full buffer pauses the writing protocol.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any

_HIGH_WATER = 64 * 1024


class MemoryTransport(asyncio.Transport):
    """One end of a connection."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, latency: float, names: tuple[tuple[str, int], tuple[str, int]]
    ) -> None:
        super().__init__({"sockname": names[0], "peername": names[1]})
        self._loop = loop
        self._latency = latency
        self._protocol: asyncio.BaseProtocol | None = None
        self._peer: MemoryTransport | None = None
        self._inbox: deque[bytes] = deque()
        self._inbox_size = 0
        self._in_flight = 0
        self._reading = True
        self._closing = False
        self._lost = False
        self._end_received = False
        self._writing_paused = False
        self._high_water = _HIGH_WATER
        self._low_water = _HIGH_WATER // 4

    def attach(self, protocol: asyncio.BaseProtocol, peer: MemoryTransport) -> None:
        """Join this end to its protocol and to the other end."""
        self._protocol = protocol
        self._peer = peer

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self._protocol is not None
        return self._protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._closing or self._lost or not data:
            return
        block = bytes(data)
        self._in_flight += len(block)
        self._travel(self._deliver, block)
        self._check_writing()

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        self._travel(self._deliver_end)

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        peer = self._peer
        return self._in_flight + (peer._inbox_size if peer is not None else 0)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high_water = _HIGH_WATER if high is None else high
        self._low_water = self._high_water // 4 if low is None else low

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low_water, self._high_water

    def is_reading(self) -> bool:
        return self._reading

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        if not self._reading:
            self._reading = True
            self._loop.call_soon(self._drain_inbox)

    def is_closing(self) -> bool:
        return self._closing or self._lost

    def close(self) -> None:
        """Close after what was written has been delivered."""
        if self._closing or self._lost:
            return
        self._closing = True
        self._loop.call_later(self._latency, self._lose, None)
        self._travel(self._deliver_end)

    def abort(self) -> None:
        """Close at once; both ends lose the connection."""
        self._closing = True
        self._loop.call_soon(self._lose, None)
        if self._peer is not None:
            self._travel(self._peer._lose, ConnectionResetError("connection reset"))

    def _travel(self, arrive: Callable[..., None], *args: Any) -> None:
        """What leaves this end arrives later."""
        self._loop.call_later(self._latency, arrive, *args)

    def _deliver(self, block: bytes) -> None:
        self._in_flight -= len(block)
        peer = self._peer
        if peer is not None and not peer._lost:
            peer._inbox.append(block)
            peer._inbox_size += len(block)
            peer._drain_inbox()
        self._check_writing()

    def _deliver_end(self) -> None:
        if self._peer is not None:
            self._peer._end_received = True
            self._peer._drain_inbox()

    def _drain_inbox(self) -> None:
        while self._inbox and self._reading and not self._lost:
            block = self._inbox.popleft()
            self._inbox_size -= len(block)
            assert isinstance(self._protocol, asyncio.Protocol)
            self._protocol.data_received(block)
            if self._peer is not None:
                self._peer._check_writing()
        if self._end_received and not self._inbox and not self._lost:
            self._end_received = False
            assert isinstance(self._protocol, asyncio.Protocol)
            if not self._protocol.eof_received():
                self.close()

    def _check_writing(self) -> None:
        if self._lost or self._protocol is None:
            return
        size = self.get_write_buffer_size()
        if not self._writing_paused and size > self._high_water:
            self._writing_paused = True
            self._protocol.pause_writing()
        elif self._writing_paused and size <= self._low_water:
            self._writing_paused = False
            self._protocol.resume_writing()

    def _lose(self, error: Exception | None) -> None:
        if self._lost:
            return
        self._lost = True
        self._closing = True
        self._inbox.clear()
        self._inbox_size = 0
        if self._protocol is not None:
            self._protocol.connection_lost(error)


class _MemoryListener:
    def __init__(self, network: MemoryNetwork, address: tuple[str, int]) -> None:
        self._network = network
        self._address = address

    def addresses(self) -> list[tuple[str, int]]:
        return [self._address]

    def close(self) -> None:
        self._network.listeners.pop(self._address, None)


class MemoryDatagrams:
    """A bound socket of datagrams."""

    def __init__(
        self, network: MemoryNetwork, source: str, address: tuple[str, int], receive: Callable[[bytes, str], None]
    ) -> None:
        self.receive = receive
        self._network = network
        self._source = source
        self._address = address

    def address(self) -> tuple[str, int]:
        return self._address

    def send(self, data: bytes, host: str, port: int) -> None:
        if self._network.datagrams.get(self._address) is self:
            self._network.carry(self._source, (host, port), bytes(data))

    def close(self) -> None:
        if self._network.datagrams.get(self._address) is self:
            del self._network.datagrams[self._address]


class MemoryNetwork:
    """All listeners of one simulation. TLS contexts are ignored: what is said matters here, not how it is sealed."""

    def __init__(self, loop: asyncio.AbstractEventLoop, latency: float = 0.0005) -> None:
        self._loop = loop
        self._latency = latency
        self._next_port = 40_000
        self.listeners: dict[tuple[str, int], Callable[[], asyncio.Protocol]] = {}
        self.datagrams: dict[tuple[str, int], MemoryDatagrams] = {}

    def _take_port(self) -> int:
        self._next_port += 1
        return self._next_port

    async def listen(
        self, host: str, port: int, factory: Callable[[], asyncio.Protocol], tls: ssl.SSLContext | None = None
    ) -> _MemoryListener:
        address = (host, port or self._take_port())
        if address in self.listeners:
            raise OSError(98, f"address already in use: {host}:{port}")
        self.listeners[address] = factory
        return _MemoryListener(self, address)

    async def connect(
        self,
        host: str,
        port: int,
        factory: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> tuple[asyncio.Transport, asyncio.Protocol]:
        await asyncio.sleep(self._latency)
        return self.join("127.0.0.1", (host, port), factory)

    async def open_datagrams(self, host: str, port: int, receive: Callable[[bytes, str], None]) -> MemoryDatagrams:
        return self.bind("127.0.0.1", host, port, receive)

    def bind(self, source: str, host: str, port: int, receive: Callable[[bytes, str], None]) -> MemoryDatagrams:
        """Bind at once, on the host ``source``. Raises OSError."""
        address = (host, port or self._take_port())
        if address in self.datagrams:
            raise OSError(98, f"address already in use: {host}:{port}")
        socket = self.datagrams[address] = MemoryDatagrams(self, source, address, receive)
        return socket

    def carry(self, source: str, there: tuple[str, int], data: bytes) -> None:
        """A datagram leaves the host ``source``; it arrives later."""
        self._loop.call_later(self._latency, self._hand_over, source, there, data)

    def _hand_over(self, source: str, there: tuple[str, int], data: bytes) -> None:
        socket = self.datagrams.get(there)
        if socket is not None:
            socket.receive(data, source)

    def join(
        self, source: str, there: tuple[str, int], factory: Callable[[], asyncio.Protocol]
    ) -> tuple[asyncio.Transport, asyncio.Protocol]:
        """Connect at once, from the host ``source``. Raises ConnectionRefusedError."""
        accept = self.listeners.get(there)
        if accept is None:
            raise ConnectionRefusedError(111, f"connection refused: {there[0]}:{there[1]}")
        here = (source, self._take_port())
        near, far = self.wire(here, there), self.wire(there, here)
        server, client = accept(), factory()
        near.attach(client, far)
        far.attach(server, near)
        server.connection_made(far)
        client.connection_made(near)
        return near, client

    def wire(self, here: tuple[str, int], there: tuple[str, int]) -> MemoryTransport:
        """One end of a new connection."""
        return MemoryTransport(self._loop, self._latency, (here, there))
