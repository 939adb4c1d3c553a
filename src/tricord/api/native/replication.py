# SPDX-License-Identifier: Apache-2.0
"""tricord.v1.Replication: edges attach their replicas of causal and eventual keyspaces."""

from __future__ import annotations

import asyncio

from tricord.api.malformed import malformed
from tricord.api.native.errors import status_of
from tricord.base.edges import EdgeHello, EdgeStream, EdgeTold, Said
from tricord.base.errors import InvalidRequest, MalformedMessage, TricordError
from tricord.server.engine import Engine
from tricord.wire.grpc.service import Method, StreamCall
from tricord.wire.grpc.status import GrpcError
from tricord.wire.native.levels import ERROR
from tricord.wire.native.replication import EXCHANGE, decode_request, encode_told

HELLO_SECONDS = 10.0
"""Who has not said hello by then is sent away."""


def methods(engine: Engine) -> list[Method]:
    """The service's methods."""

    async def exchange(call: StreamCall) -> None:
        try:
            await _Call(engine, call).run()
        except TricordError as error:
            call.set_trailing(ERROR, error.code)
            raise GrpcError(status_of(error), str(error)) from None

    return [Method(EXCHANGE, exchange, client_streaming=True, server_streaming=True)]


class _Call:
    """One edge's stream."""

    def __init__(self, engine: Engine, call: StreamCall) -> None:
        self._engine = engine
        self._call = call
        self._stream: EdgeStream | None = None

    async def run(self) -> None:
        """Until the edge is gone. Raises TricordError, GrpcError."""
        messages = self._call.messages()
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                first = _decoded(await anext(messages))
        except (TimeoutError, StopAsyncIteration):
            raise InvalidRequest("an edge says hello first") from None
        if not isinstance(first, EdgeHello):
            raise InvalidRequest("an edge says hello first")
        stream = self._stream = await self._engine.open_edge(first, self._tell, self._end)
        try:
            async for data in messages:
                said = _decoded(data)
                if not isinstance(said, Said):
                    raise InvalidRequest("an edge says hello once")
                stream.said(said)
        finally:
            stream.close()

    def _tell(self, told: EdgeTold) -> bool:
        if self._call.post([encode_told(told)]):
            return True
        self._call.on_room(self._room)
        return False

    def _room(self) -> None:
        if self._stream is not None:
            self._stream.room()

    def _end(self, error: TricordError) -> None:
        self._call.set_trailing(ERROR, error.code)
        self._call.fail(status_of(error), str(error))


def _decoded(data: bytes) -> EdgeHello | Said:
    try:
        return decode_request(data)
    except MalformedMessage as error:
        raise malformed(error) from None
