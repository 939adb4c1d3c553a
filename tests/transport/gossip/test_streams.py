# SPDX-License-Identifier: Apache-2.0
"""Frames of a stream, and streams of packets that break and come again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tricord.sim.environment import simulated_environment
from tricord.sim.host_network import HostNetwork
from tricord.sim.virtual_loop import VirtualLoop
from tricord.transport.gossip.dialling import IDLE_SECONDS, WAITING_MAX, PacketStream, ask
from tricord.transport.gossip.frames import PREFACE, FrameReader, NoFrames, frame
from tricord.transport.loopback import is_loopback

SIZE_MAX = 100


@given(st.lists(st.binary(max_size=SIZE_MAX), max_size=6), st.data())
def test_frames_come_out_whole_however_a_stream_is_cut(envelopes: list[bytes], data: st.DataObject) -> None:
    stream, reader, found = PREFACE + b"".join(map(frame, envelopes)), FrameReader(PREFACE), list[bytes]()
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += reader.receive(stream[:size], SIZE_MAX)
        stream = stream[size:]
    assert found == envelopes


def test_a_frame_that_is_too_large_is_refused_before_it_is_there() -> None:
    with pytest.raises(NoFrames):
        FrameReader().receive(frame(bytes(SIZE_MAX + 1))[:4], SIZE_MAX)
    with pytest.raises(NoFrames):
        FrameReader(PREFACE).receive(b"GET / HTTP/1.1", SIZE_MAX)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.2", True), ("10.0.0.1", False), ("::", False), ("m1", False)],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


class Listener(asyncio.Protocol):
    """Keeps what comes, and closes when told."""

    def __init__(self, got: list[bytes], made: list[asyncio.BaseTransport]) -> None:
        self._got, self._made, self._frames = got, made, FrameReader(PREFACE)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._made.append(transport)

    def data_received(self, data: bytes) -> None:
        self._got += self._frames.receive(data, 1 << 20)


def play(story: Any) -> None:
    loop = VirtualLoop()
    try:
        loop.run_until_complete(story(loop, HostNetwork(loop)))
    finally:
        loop.close()


def test_packets_go_by_one_stream_that_is_dialled_again_when_it_broke_and_closed_when_idle() -> None:
    async def story(loop: VirtualLoop, network: HostNetwork) -> None:
        environment = simulated_environment(loop, None, 1, network.at("a"))  # type: ignore[arg-type]
        got, made = list[bytes](), list[asyncio.BaseTransport]()
        stream = PacketStream(environment, ("b", 1))
        stream.send(b"nobody listens")
        await asyncio.sleep(1)
        await network.at("b").listen("b", 1, lambda: Listener(got, made))
        for number in range(3):
            stream.send(bytes((number,)))
        await asyncio.sleep(1)
        stream.send(b"more")
        await asyncio.sleep(1)
        assert (got, len(made)) == ([b"\0", b"\1", b"\2", b"more"], 1)
        made[0].close()
        await asyncio.sleep(1)
        for _ in range(3):
            stream.send(bytes(WAITING_MAX // 2))  # the second has no room while the stream is being dialled
        await asyncio.sleep(1)
        assert ([len(packet) for packet in got[4:]], len(made)) == ([WAITING_MAX // 2], 2)
        await asyncio.sleep(IDLE_SECONDS + 1)
        assert made[1].is_closing()
        stream.send(b"again")
        await asyncio.sleep(1)
        assert (got[-1], len(made)) == (b"again", 3)
        stream.close()
        await asyncio.sleep(1)

    play(story)


def test_who_does_not_answer_in_time_or_says_too_much_has_not_answered() -> None:
    async def story(loop: VirtualLoop, network: HostNetwork) -> None:
        environment = simulated_environment(loop, None, 1, network.at("a"))  # type: ignore[arg-type]
        got, made = list[bytes](), list[asyncio.BaseTransport]()
        assert await ask(environment, ("b", 1), b"?", 10, 1.0) is None
        await network.at("b").listen("b", 1, lambda: Listener(got, made))
        assert await ask(environment, ("b", 1), b"?", 10, 1.0) is None
        for answer, expected in ((frame(b"yes"), b"yes"), (frame(bytes(11)), None), (b"", None)):
            asking = asyncio.ensure_future(ask(environment, ("b", 1), b"?", 10, 5.0))
            await asyncio.sleep(0.5)
            transport = made[-1]
            assert isinstance(transport, asyncio.Transport)
            transport.write(answer)
            if not answer:
                transport.close()
            assert await asking == expected
        assert got == [b"?"] * 4

    play(story)
