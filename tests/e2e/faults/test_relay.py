# SPDX-License-Identifier: Apache-2.0
"""The relay does to a connection what the shapes of its two links say."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.faults.relay import Relay

DATA = bytes(range(256)) * 400


@dataclass
class Ends:
    """A connection that n1 dialled to n2, through n1's relay: n1's end and n2's."""

    relay: Relay
    near: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    far: tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(**shapes: dict[str, Any]) -> AsyncIterator[Ends]:
    accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    server = await asyncio.start_server(lambda *ends: accepted.put_nowait(ends), "127.0.0.1", 0)
    relay = Relay("n1")
    port = await relay.listen("n2", ("127.0.0.1", 0), server.sockets[0].getsockname()[:2])
    relay.links.replace({name.replace("_to_", ">"): shape for name, shape in shapes.items()})
    near = await asyncio.open_connection("127.0.0.1", port)
    far = await accepted.get()
    try:
        yield Ends(relay, near, far)
    finally:
        await relay.close()
        server.close()
        for _, writer in (near, far):
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(30):
            await story()

    asyncio.run(whole())


@pytest.mark.parametrize("shape", [{}, {"delay": 0.002, "jitter": 0.002}, {"loss": 0.2}, {"rate": 1_000_000}], ids=str)
def test_what_is_sent_arrives_whole_and_in_order_and_ends(shape: dict[str, float]) -> None:
    async def story() -> None:
        async with connected(n1_to_n2=shape, n2_to_n1=shape) as ends:
            for (_, writer), (reader, _) in ((ends.near, ends.far), (ends.far, ends.near)):
                writer.write(DATA)
                writer.write_eof()
                assert await reader.read(-1) == DATA

    run(story)


def test_a_stalled_link_lets_nothing_through_until_it_is_whole_and_the_other_way_is_open() -> None:
    async def story() -> None:
        async with connected() as ends:
            ends.relay.links.replace({"n1>n2": {"stalled": True}})
            ends.near[1].write(b"there")
            ends.far[1].write(b"back")
            assert await ends.near[0].readexactly(4) == b"back"
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(ends.far[0].readexactly(1), 0.02)
            ends.relay.links.replace({})
            assert await ends.far[0].readexactly(5) == b"there"

    run(story)


def test_a_reset_ends_both_sides_in_the_middle_of_what_was_sent() -> None:
    async def story() -> None:
        async with connected(n1_to_n2={"reset": 1.0}) as ends:
            ends.near[1].write(DATA[:1000])
            got = b""
            with contextlib.suppress(ConnectionResetError):
                got = await ends.far[0].read(-1)
            assert len(got) < 1000 and DATA.startswith(got)
            with contextlib.suppress(ConnectionResetError):
                assert await ends.near[0].read(-1) == b""

    run(story)


def test_who_dials_a_host_that_refuses_loses_the_connection() -> None:
    async def story() -> None:
        free = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        address = free.sockets[0].getsockname()[:2]
        free.close()
        relay = Relay("n1")
        port = await relay.listen("n2", ("127.0.0.1", 0), address)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read(-1) == b""
        writer.close()
        await relay.close()

    run(story)
