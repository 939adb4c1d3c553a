# SPDX-License-Identifier: Apache-2.0
"""How long gRPC calls take, from the first byte that a handler sees to its answer. For ``metrics=extensive`` alone: it
costs about a microsecond a call.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from tricord.base.environment import Clock
from tricord.base.metrics import CALL_SECONDS, Histogram
from tricord.wire.grpc.metadata import Metadata
from tricord.wire.grpc.service import Method, StreamCall, StreamHandler, UnaryCall, UnaryHandler
from tricord.wire.grpc.status import Status


class CallTimes:
    """``seconds`` has the times of each method by its path."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.seconds: dict[str, Histogram] = {}

    def timed(self, method: Method) -> Method:
        """The same method, measured."""
        histogram = self.seconds[method.path] = Histogram(CALL_SECONDS)
        handler = method.handler
        is_unary = not (method.client_streaming or method.server_streaming)
        measured = self._unary(handler, histogram) if is_unary else self._stream(handler, histogram)  # type: ignore[arg-type]
        return dataclasses.replace(method, handler=measured, counts=method.counts)

    def _unary(self, handler: UnaryHandler, histogram: Histogram) -> UnaryHandler:
        clock = self._clock

        def handle(data: bytes, call: UnaryCall) -> None:
            began = clock.monotonic()
            timed = TimedCall(call, lambda: histogram.observe(clock.monotonic() - began))
            try:
                handler(data, timed)
            except BaseException:  # the server answers it
                timed.end()
                raise

        return handle

    def _stream(self, handler: StreamHandler, histogram: Histogram) -> StreamHandler:
        clock = self._clock

        async def handle(call: StreamCall) -> None:
            began = clock.monotonic()
            try:
                await handler(call)
            finally:
                histogram.observe(clock.monotonic() - began)

        return handle


class TimedCall:
    """A unary call that tells of its end."""

    __slots__ = ("_call", "_ended", "_open")

    def __init__(self, call: UnaryCall, ended: Callable[[], None]) -> None:
        self._call = call
        self._ended = ended
        self._open = True

    @property
    def metadata(self) -> Metadata:
        return self._call.metadata

    @property
    def deadline(self) -> float | None:
        return self._call.deadline

    @property
    def peer(self) -> str:
        return self._call.peer

    @property
    def cancelled(self) -> bool:
        return self._call.cancelled

    def set_leading(self, name: str, value: str | bytes) -> None:
        self._call.set_leading(name, value)

    def set_trailing(self, name: str, value: str | bytes) -> None:
        self._call.set_trailing(name, value)

    def on_cancel(self, function: Callable[[], None]) -> None:
        self._call.on_cancel(function)

    def reply(self, message: bytes) -> None:
        self.end()
        self._call.reply(message)

    def fail(self, status: Status | int, text: str) -> None:
        self.end()
        self._call.fail(status, text)

    def end(self) -> None:
        """Tell it, once."""
        if self._open:
            self._open = False
            self._ended()
