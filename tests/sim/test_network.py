# SPDX-License-Identifier: Apache-2.0
"""The network twin: bytes arrive in order and late, a paused reader pauses the writer; datagrams come late, or not."""

from __future__ import annotations

import asyncio

import pytest

from tricord.sim.host_network import Condition, HostNetwork
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


def test_datagrams_arrive_late_at_who_is_there_and_a_closed_one_says_nothing() -> None:
    async def story(loop: VirtualLoop) -> None:
        network, got = MemoryNetwork(loop, latency=0.25), list[tuple[bytes, str]]()
        one = await network.open_datagrams("m1", 7, lambda data, host: None)
        other = await network.open_datagrams("m2", 0, lambda data, host: got.append((data, host)))
        host, port = other.address()
        one.send(b"news", host, port)
        one.send(b"lost", "m3", port)
        assert got == []
        await asyncio.sleep(0.5)
        assert got == [(b"news", "127.0.0.1")]
        with pytest.raises(OSError):
            await network.open_datagrams("m1", 7, lambda data, host: None)
        one.close()
        one.send(b"closed", host, port)
        other.close()
        await asyncio.sleep(0.5)
        assert len(got) == 1

    run(story)


def test_between_hosts_datagrams_are_lost_where_a_route_is_bad_and_wait_for_a_paused_host() -> None:
    async def story(loop: VirtualLoop) -> None:
        network, got = HostNetwork(loop, seed=3), list[bytes]()
        one = await network.at("m1").open_datagrams("m1", 7, lambda data, host: None)
        await network.at("m2").open_datagrams("m2", 7, lambda data, host: got.append(data))

        async def sent(count: int) -> int:
            got.clear()
            for number in range(count):
                one.send(bytes((number,)), "m2", 7)
            await asyncio.sleep(2)
            return len(got)

        assert await sent(5) == 5
        cut = network.cut("m1", "m2")
        assert await sent(5) == 0
        network.lift(cut)
        bad = network.impose([("m1", "m2")], Condition(loss=0.5, delay=1.0))
        assert 60 < await sent(200) < 140
        assert got != sorted(got)  # some overtook others
        network.lift(bad)
        network.pause_of("m2").begin()
        assert await sent(3) == 0
        network.pause_of("m2").end()
        assert len(got) == 3
        network.power("m2", on=False)
        assert await sent(3) == 0
        network.power("m2", on=True)
        network.drop("m2")
        assert await sent(3) == 0

    run(story)
