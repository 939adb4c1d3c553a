# SPDX-License-Identifier: Apache-2.0
"""tricord.v1.Values/Watch: several typed watches in one stream.

As at etcd's door the coroutine reads what the client asks, and what the watches tell is sent when there is something
and the caller takes it: what it does not take stays in the member's queue, whose size is bounded.
"""

from __future__ import annotations

import asyncio

from tricord.api.levels import context_of
from tricord.api.malformed import malformed_in_stream
from tricord.api.native.errors import stream_error
from tricord.api.native.typed_calls import open_typed_watch
from tricord.base.errors import InvalidRequest, KeyspaceNotFound, MalformedMessage, TricordError
from tricord.base.typed import TypedWatch
from tricord.server.engine import Engine
from tricord.wire.grpc.service import Method, StreamCall
from tricord.wire.grpc.status import Status
from tricord.wire.native.value_watches import (
    WatchAnswer,
    WatchCancel,
    WatchCreated,
    WatchEnded,
    decode_watch_request,
    encode_watch_answer,
)

PATH = "/tricord.v1.Values/Watch"
TAKE_BYTES = 64 << 10
"""How much is taken from the member's queue and sent at a time."""


def method(engine: Engine) -> Method:
    """The service's streaming method."""

    async def handle(call: StreamCall) -> None:
        await _Call(engine, call).run()

    return Method(PATH, handle, client_streaming=True, server_streaming=True)


class _Call:
    """One stream, whose watches have the engine's numbers."""

    def __init__(self, engine: Engine, call: StreamCall) -> None:
        self._engine = engine
        self._call = call
        self._keyspace = ""
        self._adding = False
        self._waits_for_room = False

    async def run(self) -> None:
        """Serve until the caller is gone; its last message ends nothing."""
        call = self._call
        try:
            context = context_of(call)
            self._keyspace = context.keyspace
            self._stream = await open_typed_watch(self._engine, context, self._tell)
        except TricordError as error:
            raise stream_error(self._call, error) from None
        try:
            async for data in call.messages():
                self._answer(data)
            await asyncio.get_running_loop().create_future()
        except MalformedMessage as error:
            raise malformed_in_stream(error) from None
        except TricordError as error:
            raise stream_error(self._call, error) from None
        finally:
            self._stream.close()

    def _answer(self, data: bytes) -> None:
        request = decode_watch_request(data)
        if isinstance(request, WatchCancel):
            if self._stream.remove(request.watch):
                self._post([WatchEnded(request.watch)])
            return
        self._create(request.spec)
        self._tell()

    def _create(self, spec: TypedWatch) -> None:
        self._adding = True
        try:
            self._post([WatchCreated(self._stream.add(spec))])
        except InvalidRequest as error:
            if isinstance(error, KeyspaceNotFound):
                raise
            self._post([WatchEnded(0, error.code, str(error))])
        finally:
            self._adding = False

    def _tell(self) -> None:
        """Send what there is, for as long as the caller takes it; then wait for either."""
        if self._waits_for_room or self._adding:
            return
        try:
            while items := self._stream.take(TAKE_BYTES):
                if not self._post(list(items)):
                    self._waits_for_room = True
                    self._call.on_room(self._go_on)
                    return
        except TricordError as error:
            failure = stream_error(self._call, error)
            self._call.fail(Status(failure.status), failure.text)

    def _go_on(self) -> None:
        self._waits_for_room = False
        self._tell()

    def _post(self, told: list[WatchAnswer]) -> bool:
        stamp = self._engine.stamp(self._keyspace)
        return self._call.post([encode_watch_answer(each, stamp) for each in told])
