# SPDX-License-Identifier: Apache-2.0
"""A watch on one member over the network: a stream of its own on the connection that calls use.

A reader that does not take what comes holds its own stream's window, and nobody else's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tricord.base.errors import Cancelled, DeadlineExceeded, TricordError, Unavailable
from tricord.base.watching import WatchSpec
from tricord.client.channel import Channel, MessageStream
from tricord.client.feed import Compacted, FeedItem, Progress
from tricord.client.refusals import answered, judge
from tricord.client.watch_messages import (
    METADATA,
    PROGRESS_REQUEST,
    WATCH_PATH,
    WatchAnswer,
    decode_answer,
    encode_create,
)
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.native.keyspaces import KEYSPACE


class RemoteFeed:
    """See ``client.feed``. ``broken`` runs once, when the member or the way to it fails."""

    def __init__(self, stream: MessageStream, first: WatchAnswer, broken: Callable[[], None]) -> None:
        self.cluster = first.cluster
        self.revision = first.revision
        self._stream = stream
        self._broken = broken
        self._left: FeedItem | None = Compacted(first.compacted) if first.cancelled else None

    async def next(self) -> FeedItem:
        if self._left is not None:
            return self._left
        while True:
            answer = await self._receive()
            if answer.cancelled:
                self._left = _end_of(answer)
                return self._left
            if answer.events:
                return answer.events
            if not answer.created:
                return Progress(answer.revision)

    async def ask_progress(self) -> None:
        try:
            await self._stream.send(PROGRESS_REQUEST)
        except GrpcError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        self._stream.cancel()

    async def _receive(self) -> WatchAnswer:
        try:
            return decode_answer(await self._stream.__anext__())
        except StopAsyncIteration:
            self._broken()
            raise Unavailable("the server ended the watch") from None
        except GrpcError as error:
            raise self._failure(error) from error

    def _failure(self, error: GrpcError) -> TricordError:
        meaning, _ = judge(error, read=True)
        if isinstance(meaning, Unavailable | Cancelled):
            self._broken()
        # That the server cancelled it was nobody's wish here.
        return Unavailable(str(meaning)) if isinstance(meaning, Cancelled) else meaning


def _end_of(answer: WatchAnswer) -> Compacted:
    """Why a watch was cancelled. Raises what else it is than a compaction."""
    if answer.compacted:
        return Compacted(answer.compacted)
    raise answered(GrpcError(Status.INVALID_ARGUMENT, answer.reason or "the server cancelled the watch"))


async def open_feed(
    channel: Channel, spec: WatchSpec, timeout: float, broken: Callable[[], None], keyspace: str = ""
) -> RemoteFeed:
    """Make the watch and wait until the member says that it is made. Raises TricordError."""
    request = encode_create(spec)
    metadata = [*METADATA, (KEYSPACE, keyspace)] if keyspace else METADATA
    stream: MessageStream | None = None
    try:
        async with asyncio.timeout(timeout):
            stream = await channel.stream(WATCH_PATH, metadata=metadata)
            await stream.send(request)
            first = decode_answer(await stream.__anext__())
            if first.cancelled:
                _end_of(first)
            # etcd says first that a watch was made, and then why it is none.
            return RemoteFeed(stream, first, broken)
    except BaseException as error:
        if stream is not None:
            stream.cancel()
        if isinstance(error, TimeoutError):
            broken()
            raise DeadlineExceeded(f"the server did not make the watch in {timeout:g} s") from None
        if isinstance(error, StopAsyncIteration):
            broken()
            raise Unavailable("the server ended the watch") from None
        if isinstance(error, GrpcError):
            meaning, again = judge(error, read=True)
            if again:
                broken()
            raise meaning from error
        raise
