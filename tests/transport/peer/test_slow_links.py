# SPDX-License-Identifier: Apache-2.0
"""A slow link, with buffers on its way that hide how slow it is, carries what it takes many seconds for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.transport.peer.members import Member, append, in_virtual_time
from tricord.sim.host_network import HostNetwork
from tricord.transport.peer.settings import PeerSettings

PIECE_SECONDS = 0.05
SIZE = 1_500_000


class _End(asyncio.Protocol):
    """One end of a passage: what comes goes to ``take``, and both ends are lost together."""

    other: _End

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.take: Callable[[bytes], None] = self._pass_on

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.take(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other.transport is not None:
            self.other.transport.abort()

    def _pass_on(self, data: bytes) -> None:
        if self.other.transport is not None:
            self.other.transport.write(data)


class Passage:
    """Between a dialler and a member: so many bytes a second get through, one way; the other way is fast."""

    def __init__(self, network: HostNetwork, host: str, target: Member, rate: int) -> None:
        self._network = network.at(host)
        self._host = host
        self._target = target
        self._rate = rate
        self._running: set[asyncio.Task[None]] = set()
        self.dialled = 0

    async def listen(self) -> None:
        await self._network.listen(self._host, 2380, self._accept)

    def _accept(self) -> asyncio.Protocol:
        self.dialled += 1
        waiting = bytearray()
        near, far = _End(), _End()
        near.other, far.other = far, near
        near.take = waiting.extend  # as a large buffer on the way does
        task = asyncio.get_running_loop().create_task(self._carry(waiting, far))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return near

    async def _carry(self, waiting: bytearray, far: _End) -> None:
        host, port = self._target.address
        await self._network.connect(host, port, lambda: far)
        assert far.transport is not None
        piece = int(self._rate * PIECE_SECONDS)
        while not far.transport.is_closing():
            if waiting:
                far.transport.write(bytes(waiting[:piece]))
                del waiting[:piece]
            await asyncio.sleep(PIECE_SECONDS)

    def stop(self) -> None:
        """Let nothing more through; connections stay."""
        for task in tuple(self._running):
            task.cancel()


async def _through_a_passage(network: HostNetwork, members: list[Member], rate: int) -> tuple[Member, Member, Passage]:
    first, second = members
    passage = Passage(network, "10.0.0.9", second, rate)
    await passage.listen()
    await second.start()
    first.links.set_local(first.local)
    first.links.set_peers({2: [("10.0.0.9", 2380)]})
    await asyncio.sleep(0.5)
    assert first.connected(second)
    return first, second, passage


@pytest.mark.parametrize(
    "sizes", [[SIZE], [SIZE // 100] * 100], ids=["one entry", "many entries, and a question behind them"]
)
def test_what_takes_longer_than_an_election_timeout_arrives(sizes: list[int]) -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second, passage = await _through_a_passage(network, members, SIZE // 3)
        dialled = passage.dialled
        first.links.send([append(1, 2, number, size) for number, size in enumerate(sizes, 1)])
        await asyncio.sleep(3.5)
        assert len(second.received) == len(sizes)
        assert passage.dialled == dialled and not first.said("unreachable")

    in_virtual_time(story)


def test_a_link_that_stops_within_an_entry_is_closed() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second, passage = await _through_a_passage(network, members, SIZE // 3)
        first.links.send([append(1, 2, 1, SIZE)])
        await asyncio.sleep(1.5)
        assert first.connected(second)
        passage.stop()
        await asyncio.sleep(PeerSettings().election_timeout + 0.3)
        assert set(first.said("unreachable")) == {"unreachable 2"}

    in_virtual_time(story)
