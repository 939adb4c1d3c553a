# SPDX-License-Identifier: Apache-2.0
"""Streams in which each message has one answer, in bytes, without a loop."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.wire.http2.scripted import Scripted, data
from tricord.wire.grpc import answering_call
from tricord.wire.grpc.messages import frame_message
from tricord.wire.grpc.server import GrpcServer
from tricord.wire.grpc.service import AnsweringCall, Method, Registry, StreamCall
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.http2 import frames
from tricord.wire.http2.errors import ErrorCode
from tricord.wire.http2.events import DataReceived, HeadersReceived, StreamReset

CALL = (
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/test.Echo/Answers"),
    (":authority", "localhost"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
)


@dataclass
class Timer:
    delay: float
    function: Callable[..., object]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class OnlyTimers:
    """Such streams need no task and no waiter."""

    timers: list[Timer] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)

    def new_waiter(self) -> Any:
        raise AssertionError

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> Any:
        raise AssertionError

    def call_later(self, delay: float, function: Callable[..., object], *args: Any) -> Any:
        self.timers.append(Timer(delay, function))
        return self.timers[-1]

    def report(self, error: BaseException, what: str) -> None:
        self.reports.append(f"{what}: {error}")


async def _never(call: StreamCall) -> None:
    raise AssertionError("the other handler is for those who have no better")


class Service:
    """One method; the test answers by ``calls[n].answer``, or at once where ``at_once`` says so."""

    def __init__(self, at_once: Callable[[AnsweringCall, bytes], None] | None = None) -> None:
        self.script = Scripted()
        self.loop = OnlyTimers()
        self.calls: list[AnsweringCall] = []
        self.taken: list[bytes] = []
        self.at_once = at_once
        registry = Registry([Method("/test.Echo/Answers", _never, True, True, self._begin)])
        self.grpc = GrpcServer(
            self.script.connection,
            registry,
            peer="p:1",
            max_message_size=1_000,
            request_timeout=60.0,
            scheduler=self.loop,
        )

    def _begin(self, call: AnsweringCall) -> Callable[[bytes], None]:
        self.calls.append(call)

        def take(message: bytes) -> None:
            self.taken.append(message)
            if self.at_once is not None:
                self.at_once(call, message)

        return take

    def give(self, wire: bytes) -> None:
        for event in self.script.give(wire):
            if isinstance(event, HeadersReceived):
                head = self.grpc.head_of(event.block)
                assert head is not None
                self.grpc.begin(head, event, self.script.now)
            elif isinstance(event, DataReceived) and event.stream.context is not None:
                event.stream.context.received(event.data, event.end_stream)
            elif isinstance(event, StreamReset) and event.stream.context is not None:
                event.stream.context.cancel()

    def open(self, *extra: tuple[str, str], stream_id: int = 1) -> None:
        self.give(self.script.headers(stream_id, (*CALL, *extra), end_stream=False))

    def outcome(self) -> tuple[dict[str, str], bytes]:
        fields: dict[str, str] = {}
        body = b""
        for frame in self.script.sent():
            if frame.kind == frames.HEADERS:
                fields.update(self.script.fields(frame))
            elif frame.kind == frames.DATA:
                body += frame.payload
        return fields, body

    def is_empty(self) -> bool:
        """Nothing is kept of calls that have ended."""
        return all(stream.context is None for stream in self.script.connection.streams.values())


def _echo(call: AnsweringCall, message: bytes) -> None:
    call.answer(message)


def test_each_message_has_its_answer_and_the_end_is_the_callers() -> None:
    service = Service(_echo)
    service.open()
    for message in (b"one", b"", b"three"):
        service.give(data(1, frame_message(message)))
        fields, body = service.outcome()
        assert body == frame_message(message)
        assert "grpc-status" not in fields
    service.give(data(1, b"", end_stream=True))
    assert service.outcome() == ({"grpc-status": "0"}, b"")
    assert service.is_empty()
    assert service.grpc.registry.methods[b"/test.Echo/Answers"].counts.ended[0] == 1


def test_answers_may_come_later_in_any_order_and_the_last_one_ends_the_call() -> None:
    service = Service()
    service.open()
    service.give(data(1, frame_message(b"a") + frame_message(b"b")))
    service.give(data(1, frame_message(b"c"), end_stream=True))
    assert service.taken == [b"a", b"b", b"c"]
    (call,) = service.calls
    for answer in (b"B", b"C"):
        call.answer(answer)
    assert service.outcome() == (
        {":status": "200", "content-type": "application/grpc"},
        frame_message(b"B") + frame_message(b"C"),
    )
    call.answer(b"A")
    assert service.outcome() == ({"grpc-status": "0"}, frame_message(b"A"))
    call.answer(b"too many")
    call.fail(Status.INTERNAL, "too late")
    assert service.outcome() == ({}, b"")
    assert service.is_empty()


def test_a_stream_without_messages_ends_well() -> None:
    service = Service(_echo)
    service.give(service.script.headers(1, CALL, end_stream=True))
    fields, body = service.outcome()
    assert (fields["grpc-status"], body) == ("0", b"")
    assert service.is_empty()


def test_messages_in_pieces_are_the_same_messages() -> None:
    service = Service(_echo)
    service.open()
    wire = b"".join(frame_message(bytes([number]) * 300) for number in range(4))
    for position in range(0, len(wire), 7):
        service.give(data(1, wire[position : position + 7]))
    service.give(data(1, b"", end_stream=True))
    fields, body = service.outcome()
    assert (fields["grpc-status"], body) == ("0", wire)


def test_metadata_and_errors() -> None:
    service = Service()
    service.open(("token", "abc"))
    (call,) = service.calls
    assert (call.metadata.get("token"), call.peer) == ("abc", "p:1")
    call.set_leading("first", "1")
    call.set_trailing("last", "2")
    service.give(data(1, frame_message(b"a")))
    call.answer(b"A")
    assert service.outcome()[0]["first"] == "1"
    call.fail(Status.NOT_FOUND, "gone")
    fields, _ = service.outcome()
    assert (fields["grpc-status"], fields["grpc-message"], fields["last"]) == ("5", "gone", "2")
    service.give(data(1, frame_message(b"b")))
    assert service.taken == [b"a"]
    assert service.is_empty()


def test_trailing_metadata_of_a_call_that_ends_well() -> None:
    service = Service(_echo)
    service.open()
    service.calls[0].set_trailing("last", "2")
    service.give(data(1, frame_message(b"a"), end_stream=True))
    fields, _ = service.outcome()
    assert (fields["grpc-status"], fields["last"]) == ("0", "2")


def test_a_call_may_be_refused_before_its_first_message() -> None:
    service = Service()

    def refuse(call: AnsweringCall) -> Callable[[bytes], None]:
        raise GrpcError(Status.UNAVAILABLE, "not now")

    method = Method("/test.Echo/Answers", _never, True, True, refuse)
    service.grpc.registry.methods[b"/test.Echo/Answers"] = method
    service.give(service.script.headers(1, CALL, end_stream=False) + data(1, frame_message(b"a"), end_stream=True))
    fields, _ = service.outcome()
    assert (fields["grpc-status"], fields["grpc-message"]) == ("14", "not now")
    assert service.is_empty()


def test_a_handler_that_raises_fails_its_call_and_is_reported() -> None:
    def broken(call: AnsweringCall, message: bytes) -> None:
        if message == b"typed":
            raise GrpcError(Status.ABORTED, "on purpose")
        raise KeyError("secret detail")

    service = Service(broken)
    service.open(stream_id=1)
    service.give(data(1, frame_message(b"typed")))
    assert service.outcome()[0]["grpc-status"] == "10"
    service.open(stream_id=3)
    service.give(data(3, frame_message(b"bug")))
    assert service.outcome()[0]["grpc-message"] == "the handler failed"
    assert service.loop.reports == ["/test.Echo/Answers: 'secret detail'"]
    assert service.is_empty()


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        (frame_message(b"abc")[:-1], "13"),  # not whole
        (frame_message(bytes(1_001)), "8"),  # too large
        (b"\x01" + frame_message(b"a")[1:], "13"),  # compressed by nothing
        (b"\x07" + frame_message(b"a")[1:], "13"),
    ],
)
def test_bodies_that_are_no_messages(wire: bytes, status: str) -> None:
    service = Service(_echo)
    service.open()
    service.give(data(1, wire, end_stream=True))
    assert service.outcome()[0]["grpc-status"] == status
    assert service.is_empty()


def test_the_deadline_ends_the_call_and_tells_the_handler() -> None:
    service = Service()
    service.open(("grpc-timeout", "2500m"))
    (call,) = service.calls
    told: list[str] = []
    call.on_cancel(lambda: told.append("expired"))
    (timer,) = service.loop.timers
    assert (call.deadline, timer.delay) == (service.script.now + 2.5, 2.5)
    timer.function()
    assert (told, call.cancelled) == (["expired"], True)
    assert service.outcome()[0]["grpc-status"] == "4"
    assert service.is_empty()


def test_a_call_that_ends_in_time_leaves_no_timer() -> None:
    service = Service(_echo)
    service.open(("grpc-timeout", "1S"))
    service.give(data(1, b"", end_stream=True))
    assert service.loop.timers[0].cancelled


@pytest.mark.parametrize("messages", range(4))
@pytest.mark.parametrize("answers", range(4))
def test_a_call_cancelled_at_any_point_leaves_nothing(messages: int, answers: int) -> None:
    service = Service()
    service.open(("grpc-timeout", "1S"))
    (call,) = service.calls
    told: list[str] = []
    call.on_cancel(lambda: told.append("gone"))
    for _ in range(messages):
        service.give(data(1, frame_message(b"a")))
    for _ in range(min(messages, answers)):
        call.answer(b"A")
    service.give(frames.reset(1, ErrorCode.CANCEL))
    assert (told, call.cancelled) == (["gone"], True)
    call.answer(b"late")
    call.on_cancel(lambda: told.append("at once"))
    assert told == ["gone", "at once"]
    assert service.loop.timers[0].cancelled
    assert not service.script.connection.streams


def test_messages_wait_while_many_are_unanswered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering_call, "UNANSWERED_MAX", 3)
    service = Service()
    service.open()
    for number in range(8):
        service.give(data(1, frame_message(b"%d" % number), end_stream=number == 7))
    assert service.taken == [b"0", b"1", b"2"]
    (call,) = service.calls
    for number in range(8):
        call.answer(b"%d" % number)
        assert len(service.taken) == min(number + 4, 8)
    fields, body = service.outcome()
    assert (fields["grpc-status"], body) == ("0", b"".join(frame_message(b"%d" % number) for number in range(8)))


def test_messages_wait_while_the_caller_takes_no_answers() -> None:
    service = Service(lambda call, message: call.answer(message * 900))
    service.open()
    for _ in range(300):
        service.give(data(1, frame_message(b"a")))
    assert 100 < len(service.taken) < 200, "its window, and what may wait for it"
    service.give(data(1, frame_message(b"z"), end_stream=True))
    sent = service.outcome()[1]
    for _ in range(20):
        service.give(frames.window_update(0, 60_000) + frames.window_update(1, 60_000))
        fields, body = service.outcome()
        sent += body
        if "grpc-status" in fields:
            break
    assert len(service.taken) == 301
    assert len(sent) == 301 * 905
    assert fields["grpc-status"] == "0"
    assert service.is_empty()
