# SPDX-License-Identifier: Apache-2.0
"""A watch of typed values on one member over the network: a stream of its own, as that of an etcd watch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from tricord.base.errors import Cancelled, DeadlineExceeded, InvalidRequest, ServerFault, Unavailable
from tricord.base.typed import TypedEvents, TypedWatch
from tricord.client.channel import Channel, MessageStream
from tricord.client.refusals import judge, named
from tricord.wire.grpc.status import GrpcError
from tricord.wire.native.value_watches import (
    WatchAnswer,
    WatchCreate,
    WatchCreated,
    WatchEnded,
    decode_watch_answer,
    encode_watch_request,
)

PATH = "/tricord.v1.Values/Watch"


class RemoteTypedFeed:
    """See ``client.feed``. ``broken`` runs once, when the member or the way to it fails."""

    def __init__(self, stream: MessageStream, broken: Callable[[], None]) -> None:
        self._stream = stream
        self._broken = broken

    async def next(self) -> TypedEvents:
        while True:
            told = await self.receive()
            if isinstance(told, TypedEvents):
                return told
            if isinstance(told, WatchEnded):
                raise named(told.code, told.reason) or ServerFault(told.reason or "the server ended the watch")

    async def receive(self) -> WatchAnswer:
        """The next answer of the stream. Raises TricordError when it is broken."""
        try:
            return decode_watch_answer(await self._stream.__anext__())[0]
        except StopAsyncIteration:
            self._broken()
            raise Unavailable("the server ended the watch") from None
        except GrpcError as error:
            meaning, again = judge(error, read=True)
            if again or isinstance(meaning, Cancelled):
                self._broken()
            # That the server cancelled it was nobody's wish here.
            raise (Unavailable(str(meaning)) if isinstance(meaning, Cancelled) else meaning) from error

    def close(self) -> None:
        self._stream.cancel()


async def open_typed_feed(
    channel: Channel,
    spec: TypedWatch,
    timeout: float,
    broken: Callable[[], None],
    metadata: Sequence[tuple[str, str | bytes]],
) -> RemoteTypedFeed:
    """Make the watch and wait until the member says that it is made. Raises TricordError."""
    try:
        request = encode_watch_request(WatchCreate(spec))
    except (ValueError, TypeError) as error:
        raise InvalidRequest(f"the watch cannot be encoded: {error}") from None
    stream: MessageStream | None = None
    try:
        async with asyncio.timeout(timeout):
            stream = await channel.stream(PATH, metadata=metadata)
            await stream.send(request)
            feed = RemoteTypedFeed(stream, broken)
            first = await feed.receive()
            if isinstance(first, WatchEnded):
                raise named(first.code, first.reason) or ServerFault(first.reason or "the server made no watch")
            if not isinstance(first, WatchCreated):
                raise ServerFault("the server told of a watch before it made it")
            return feed
    except BaseException as error:
        if stream is not None:
            stream.cancel()
        if isinstance(error, TimeoutError):
            broken()
            raise DeadlineExceeded(f"the server did not make the watch in {timeout:g} s") from None
        if isinstance(error, GrpcError):
            meaning, again = judge(error, read=True)
            if again:
                broken()
            raise meaning from error
        raise
