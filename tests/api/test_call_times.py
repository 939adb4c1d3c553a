# SPDX-License-Identifier: Apache-2.0
"""Calls are measured from their first byte to their answer, once each, however they end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tricord.api.call_times import CallTimes
from tricord.wire.grpc.service import Method, StreamCall, UnaryCall
from tricord.wire.grpc.status import Status


class SteppedClock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall_ns(self) -> int:
        return 0


class Answered:
    """A unary call that keeps what it was answered."""

    metadata: Any = ()
    deadline = None
    peer = "here:1"
    cancelled = False

    def __init__(self) -> None:
        self.said: list[object] = []

    def set_leading(self, name: str, value: str | bytes) -> None:
        self.said.append(name)

    set_trailing = set_leading

    def on_cancel(self, function: Any) -> None:
        self.said.append(function)

    def reply(self, message: bytes) -> None:
        self.said.append(message)

    def fail(self, status: Status | int, text: str) -> None:
        self.said.append((status, text))


def test_an_answer_ends_the_time_and_nothing_after_it_does() -> None:
    clock, waiting = SteppedClock(), []
    times = CallTimes(clock)
    method = times.timed(Method("/s/m", lambda data, call: waiting.append(call)))
    call = Answered()
    method.handler(b"", call)  # type: ignore[arg-type, call-arg]
    (timed,) = waiting
    assert (timed.peer, timed.deadline, timed.cancelled, timed.metadata) == ("here:1", None, False, ())
    timed.set_leading("a", "b")
    timed.set_trailing("c", "d")
    timed.on_cancel(len)
    clock.now = 0.3
    timed.reply(b"yes")
    clock.now = 9.0
    timed.fail(Status.INTERNAL, "no")
    assert call.said == ["a", "c", len, b"yes", (Status.INTERNAL, "no")]
    assert (times.seconds["/s/m"].total, sum(times.seconds["/s/m"].counts)) == (0.3, 1)


def test_a_handler_that_raises_and_a_stream_that_ends_are_measured() -> None:
    clock = SteppedClock()
    times = CallTimes(clock)

    def refuses(data: bytes, call: UnaryCall) -> None:
        clock.now += 1
        raise ValueError("no")

    async def streams(call: StreamCall) -> None:
        clock.now += 2

    with pytest.raises(ValueError, match="no"):
        times.timed(Method("/s/unary", refuses)).handler(b"", Answered())  # type: ignore[arg-type, call-arg]
    stream: Any = times.timed(Method("/s/stream", streams, server_streaming=True)).handler
    asyncio.run(stream(None))
    assert [histogram.total for histogram in times.seconds.values()] == [1, 2]
