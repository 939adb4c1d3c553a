# SPDX-License-Identifier: Apache-2.0
"""The relay of one host: what its member dials of the others goes through here, and is delayed, lost, cut on the way.

    python -m tests.e2e.faults.relay HOST NAME=LISTEN:PORT=TARGET:PORT...

Each line on stdin is JSON: by link (``n1>n2``) its ``Shape``; links that it does not name are whole. A line ``ok``
answers it. The end of stdin ends the relay. On a connection that n1 dialled to n2, what n1 sends has the shape of
``n1>n2`` and what comes back that of ``n2>n1``: the relay of n1 shapes both.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from dataclasses import dataclass
from typing import Any

CHUNK_BYTES = 16_384
QUEUE_CHUNKS = 64
"""More is not read: a link that is slower than its sender pushes back, as a full socket does."""
DIAL_SECONDS = 3.0
PIECES_A_SECOND = 20


@dataclass(frozen=True)
class Shape:
    """What a link does to what is sent over it."""

    delay: float = 0.0
    """Seconds each way."""
    jitter: float = 0.0
    """Up to so many seconds more; the order stays."""
    loss: float = 0.0
    """Probability that a chunk is lost: it and all after it wait for TCP to send it again, 0.2 s or twice, four times
    that."""
    rate: float = 0.0
    """Bytes a second; 0: as fast as it goes."""
    reset: float = 0.0
    """Probability that the connection is reset somewhere within a chunk."""
    stalled: bool = False
    """Nothing gets through, and the connection stays."""


class Links:
    """The shapes in force."""

    def __init__(self) -> None:
        self._shapes: dict[str, Shape] = {}
        self._changed = asyncio.Event()

    def replace(self, shapes: dict[str, dict[str, Any]]) -> None:
        """From now on these hold, also for what is on its way."""
        self._shapes = {link: Shape(**shape) for link, shape in shapes.items()}
        self._changed.set()
        self._changed = asyncio.Event()

    def shape(self, link: str) -> Shape:
        """How the link is now."""
        return self._shapes.get(link, Shape())

    async def open(self, link: str) -> None:
        """Return when the link is not stalled."""
        while self.shape(link).stalled:
            await self._changed.wait()


class Reset(Exception):
    """A connection ends in the middle of something."""


class Pipe:
    """One direction of one connection."""

    def __init__(
        self, links: Links, link: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, draw: random.Random
    ) -> None:
        self._links = links
        self._link = link
        self._reader = reader
        self._writer = writer
        self._random = draw
        self._queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(QUEUE_CHUNKS)

    async def take(self) -> None:
        """Read, and say when each chunk is due."""
        last = 0.0
        while True:
            data = await self._reader.read(CHUNK_BYTES)
            shape = self._links.shape(self._link)
            due = asyncio.get_running_loop().time() + shape.delay + self._random.uniform(0, shape.jitter)
            if self._random.random() < shape.loss:
                due += 0.2 * self._random.choice((1, 1, 1, 2, 4))
            last = max(last, due)
            await self._queue.put((last, data))
            if not data:
                return

    async def give(self) -> None:
        """Write each chunk when it is due. Raises Reset."""
        loop = asyncio.get_running_loop()
        while True:
            due, data = await self._queue.get()
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            await self._links.open(self._link)
            if not data:
                self._writer.write_eof()
                return
            shape = self._links.shape(self._link)
            if self._random.random() < shape.reset:
                self._writer.write(data[: self._random.randrange(len(data))])
                await self._writer.drain()
                raise Reset
            await self._pour(data)

    async def _pour(self, data: bytes) -> None:
        """Write, not faster than the link is; a rate that changes takes effect at the next piece."""
        while data:
            rate = self._links.shape(self._link).rate
            piece = max(1, int(rate / PIECES_A_SECOND)) if rate else len(data)
            self._writer.write(data[:piece])
            await self._writer.drain()
            if rate:
                await asyncio.sleep(min(piece, len(data)) / rate)
            data = data[piece:]


async def relayed(
    links: Links,
    own: str,
    other: str,
    target: tuple[str, int],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """One accepted connection, to its end. Both sides of it end together, without a farewell when one breaks."""
    draw = random.Random()
    far: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(DIAL_SECONDS):
            await links.open(f"{own}>{other}")
            back, far = await asyncio.open_connection(*target)
        out = Pipe(links, f"{own}>{other}", reader, far, draw)
        home = Pipe(links, f"{other}>{own}", back, writer, draw)
        async with asyncio.TaskGroup() as group:
            for work in (out.take(), out.give(), home.take(), home.give()):
                group.create_task(work)
    except* (OSError, TimeoutError, Reset):
        pass  # one of the two went, or is cut off: the other learns it by the end of its connection
    finally:
        for end in (writer, far):
            if end is not None:
                end.transport.abort()


async def obey(links: Links) -> None:
    """Until stdin ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        links.replace(json.loads(line))
        print("ok", flush=True)


class Relay:
    """Listeners for all the others, and the connections that they accepted."""

    def __init__(self, own: str) -> None:
        self.links = Links()
        self._own = own
        self._servers: list[asyncio.Server] = []
        self._running: set[asyncio.Task[None]] = set()

    async def listen(self, other: str, address: tuple[str, int], target: tuple[str, int]) -> int:
        """What is dialled there goes to ``target``, which is the other host. The port, for 0 a free one."""

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(relayed(self.links, self._own, other, target, reader, writer))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

        server = await asyncio.start_server(accept, *address)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """End listeners and connections."""
        for server in self._servers:
            server.close()
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


async def serve(own: str, others: list[str]) -> None:
    """Listen for each of the others, and obey."""
    relay = Relay(own)
    for word in others:
        other, listen, target = word.split("=")
        await relay.listen(other, _address(listen), _address(target))
    print("ok", flush=True)
    await obey(relay.links)
    await relay.close()


def _address(text: str) -> tuple[str, int]:
    host, port = text.rsplit(":", 1)
    return host, int(port)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2:]))
