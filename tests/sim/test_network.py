# SPDX-License-Identifier: Apache-2.0
"""The network twin: bytes arrive in order and late, a paused reader pauses the writer, a reset reaches both ends."""

from __future__ import annotations

import asyncio

import pytest

from tricord.sim.network import MemoryNetwork
from tricord.sim.virtual_loop import VirtualLoop


class Recorder(asyncio.Protocol):
    """Keeps what happened to it."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.happened: list[str] = []
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.happened.append("made")

    def data_received(self, data: bytes) -> None:
        self.received += data

    def connection_lost(self, error: Exception | None) -> None:
        self.happened.append(f"lost {type(error).__name__}")

    def pause_writing(self) -> None:
        self.happened.append("paused")

    def resume_writing(self) -> None:
        self.happened.append("resumed")


async def pair(network: MemoryNetwork) -> tuple[Recorder, Recorder]:
    servers: list[Recorder] = []

    def accept() -> Recorder:
        servers.append(Recorder())
        return servers[-1]

    await network.listen("127.0.0.1", 2379, accept)
    _, client = await network.connect("127.0.0.1", 2379, Recorder)
    assert isinstance(client, Recorder)
    return client, servers[0]


def run(story) -> None:  # type: ignore[no-untyped-def]
    loop = VirtualLoop()
    try:
        loop.run_until_complete(story(loop))
    finally:
        loop.close()


def test_bytes_arrive_in_order_after_the_latency() -> None:
    async def story(loop: VirtualLoop) -> None:
        client, server = await pair(MemoryNetwork(loop, latency=0.25))
        assert client.transport is not None
        start = loop.time()
        for part in (b"a", b"bc", b"d"):
            client.transport.write(part)
        assert server.received == b""
        await asyncio.sleep(0.25)
        await asyncio.sleep(0)
        assert server.received == b"abcd"
        assert loop.time() - start == pytest.approx(0.25)
        client.transport.close()
        await asyncio.sleep(1)
        assert client.happened[-1] == "lost NoneType"
        assert server.happened[-1] == "lost NoneType"

    run(story)


def test_a_paused_reader_pauses_the_writer_until_it_reads_again() -> None:
    async def story(loop: VirtualLoop) -> None:
        client, server = await pair(MemoryNetwork(loop))
        assert client.transport is not None and server.transport is not None
        server.transport.pause_reading()
        client.transport.write(bytes(200_000))
        assert client.happened == ["made", "paused"]
        await asyncio.sleep(1)
        assert server.received == b""
        server.transport.resume_reading()
        await asyncio.sleep(1)
        assert len(server.received) == 200_000
        assert client.happened == ["made", "paused", "resumed"]

    run(story)


def test_an_abort_is_a_reset_at_the_other_end() -> None:
    async def story(loop: VirtualLoop) -> None:
        client, server = await pair(MemoryNetwork(loop))
        assert client.transport is not None
        client.transport.abort()
        await asyncio.sleep(1)
        assert client.happened[-1] == "lost NoneType"
        assert server.happened[-1] == "lost ConnectionResetError"

    run(story)


def test_nobody_listening_refuses_and_a_taken_port_is_in_use() -> None:
    async def story(loop: VirtualLoop) -> None:
        network = MemoryNetwork(loop)
        with pytest.raises(ConnectionRefusedError):
            await network.connect("127.0.0.1", 1, Recorder)
        await pair(network)
        with pytest.raises(OSError, match="in use"):
            await network.listen("127.0.0.1", 2379, Recorder)

    run(story)
