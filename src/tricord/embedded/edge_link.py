# SPDX-License-Identifier: Apache-2.0
"""An edge's stream for one keyspace over one connection: what its replica says goes out behind a bounded queue."""

from __future__ import annotations

import asyncio
from collections import deque

from tricord.base.edges import EdgeHello, EdgeTold, EdgeWelcome, Joining, Said, pieces
from tricord.base.environment import Environment
from tricord.base.errors import ServerFault, TricordError, Unavailable
from tricord.client.channel import Channel, MessageStream
from tricord.client.refusals import judge
from tricord.wire.grpc.status import GrpcError
from tricord.wire.native.replication import EXCHANGE, decode_told, encode_hello, encode_said

WELCOME_SECONDS = 10.0
QUEUE_BYTES = 4 << 20
"""What waits to be sent beyond this takes no further message."""


class EdgeLink:
    """Made by ``open_link``; ``close`` it."""

    def __init__(self, environment: Environment, stream: MessageStream) -> None:
        self.replica = 0
        """The member's, to which this leads."""
        self._stream = stream
        self._queue: deque[Said] = deque()
        self._queued_bytes = 0
        self._joining = Joining()
        self._more = asyncio.Event()
        self._is_over = False
        self._sending = environment.tasks.spawn(self._send(), "an edge's messages")

    @property
    def has_room(self) -> bool:
        """Whether a message can go out."""
        return not self._is_over and bool(self.replica) and self._queued_bytes < QUEUE_BYTES

    def send(self, data: bytes) -> bool:
        """Send what the edge's replica says. False: nothing was sent."""
        if not self.has_room:
            return False
        self._queue.extend(pieces(data))
        self._queued_bytes += len(data)
        self._more.set()
        return True

    async def next(self) -> EdgeTold:
        """What the member tells: whole messages of its replica, and changes of the set. Raises TricordError at the end
        of the stream."""
        while True:
            told = await self.receive()
            if not isinstance(told, Said):
                return told
            whole = self._joining.add(told)
            if whole is not None:
                return Said(whole)

    async def receive(self) -> EdgeTold:
        """The next piece. Raises TricordError."""
        try:
            return decode_told(await self._stream.__anext__())
        except StopAsyncIteration:
            raise Unavailable("the member ended the stream") from None
        except GrpcError as error:
            raise meaning_of(error) from error

    def close(self) -> None:
        """Send and hear nothing more."""
        self._is_over = True
        self._sending.cancel()
        self._stream.cancel()

    async def _send(self) -> None:
        try:
            while True:
                while self._queue:
                    piece = self._queue.popleft()
                    await self._stream.send(encode_said(piece))
                    self._queued_bytes -= len(piece.data)
                self._more.clear()
                await self._more.wait()
        except GrpcError:
            self._is_over = True  # who reads the stream hears of it


async def open_link(environment: Environment, channel: Channel, hello: EdgeHello) -> tuple[EdgeLink, EdgeWelcome]:
    """Say hello and be welcomed. Raises TricordError."""
    try:
        stream = await channel.stream(EXCHANGE)
    except GrpcError as error:
        raise meaning_of(error) from error
    link = EdgeLink(environment, stream)
    try:
        async with asyncio.timeout(WELCOME_SECONDS):
            await stream.send(encode_hello(hello))
            welcome = await link.receive()
        if not isinstance(welcome, EdgeWelcome):
            raise ServerFault("the member did not welcome the edge first")
    except BaseException as error:
        link.close()
        if isinstance(error, GrpcError):
            raise meaning_of(error) from error
        if isinstance(error, TimeoutError):
            raise Unavailable(f"the member did not welcome the edge in {WELCOME_SECONDS:g} s") from None
        raise
    link.replica = welcome.replica
    return link, welcome


def meaning_of(error: GrpcError) -> TricordError:
    """Why a stream ended."""
    return judge(error, read=True)[0]
