# SPDX-License-Identifier: Apache-2.0
"""Calls on the server, in bytes, without a loop: what is answered to whom, once."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.wire.http2.scripted import Scripted, data
from tricord.wire.grpc.messages import frame_message
from tricord.wire.grpc.server import GrpcServer
from tricord.wire.grpc.service import Method, Registry, UnaryCall
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.http2 import frames
from tricord.wire.http2.errors import ErrorCode
from tricord.wire.http2.events import DataReceived, HeadersReceived, StreamReset

CALL = (
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/test.Echo/Unary"),
    (":authority", "localhost"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
)


class NoLoop:
    """Unary calls need nothing of the loop."""

    def __init__(self) -> None:
        self.reports: list[str] = []

    def new_waiter(self) -> Any:
        raise AssertionError

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> Any:
        raise AssertionError

    def call_later(self, delay: float, function: Callable[..., object], *args: Any) -> Any:
        raise AssertionError

    def report(self, error: BaseException, what: str) -> None:
        self.reports.append(f"{what}: {error}")


class Service:
    """A server connection with one unary method, whose handler a test gives."""

    def __init__(self, handler: Callable[[bytes, UnaryCall], None]) -> None:
        self.script = Scripted()
        self.loop = NoLoop()
        registry = Registry([Method("/test.Echo/Unary", handler)])
        self.grpc = GrpcServer(
            self.script.connection,
            registry,
            peer="p:1",
            max_message_size=1_000,
            request_timeout=60.0,
            scheduler=self.loop,
        )

    def give(self, wire: bytes) -> None:
        """Bytes of the client, dispatched as a transport would."""
        for event in self.script.give(wire):
            if isinstance(event, HeadersReceived):
                head = self.grpc.head_of(event.block)
                assert head is not None
                self.grpc.begin(head, event, self.script.now)
            elif isinstance(event, DataReceived) and event.stream.context is not None:
                event.stream.context.received(event.data, event.end_stream)
            elif isinstance(event, StreamReset) and event.stream.context is not None:
                event.stream.context.cancel()

    def call(self, message: bytes, *extra: tuple[str, str], stream_id: int = 1) -> None:
        """One whole unary request."""
        fields = (*CALL, *extra)
        self.give(self.script.headers(stream_id, fields, end_stream=False))
        self.give(data(stream_id, frame_message(message), end_stream=True))

    def outcome(self) -> tuple[dict[str, str], bytes]:
        """All fields of the answer (the trailers' win) and its body."""
        fields: dict[str, str] = {}
        body = b""
        for frame in self.script.sent():
            if frame.kind == frames.HEADERS:
                fields.update(self.script.fields(frame))
            elif frame.kind == frames.DATA:
                body += frame.payload
        return fields, body


def _echo(message: bytes, call: UnaryCall) -> None:
    call.reply(message)


def test_a_message_goes_in_and_a_reply_comes_out() -> None:
    service = Service(_echo)
    service.call(b"hello")
    fields, body = service.outcome()
    assert fields == {":status": "200", "content-type": "application/grpc", "grpc-status": "0"}
    assert body == frame_message(b"hello")


def test_a_message_in_many_pieces_is_the_same_message() -> None:
    service = Service(_echo)
    service.give(service.script.headers(1, CALL, end_stream=False))
    wire = frame_message(b"x" * 900)
    for position in range(0, len(wire), 100):
        service.give(data(1, wire[position : position + 100]))
    service.give(data(1, b"", end_stream=True))
    assert service.outcome()[1] == wire


def test_a_handler_may_answer_later_and_only_once() -> None:
    calls: list[UnaryCall] = []
    service = Service(lambda message, call: calls.append(call))
    service.call(b"a")
    assert service.outcome() == ({}, b"")
    calls[0].reply(b"first")
    calls[0].reply(b"second")
    calls[0].fail(Status.INTERNAL, "third")
    fields, body = service.outcome()
    assert (fields["grpc-status"], body) == ("0", frame_message(b"first"))


def test_errors_carry_status_text_and_metadata() -> None:
    def refuse(message: bytes, call: UnaryCall) -> None:
        call.set_trailing("reason-bin", b"\x00\xff")
        call.fail(Status.NOT_FOUND, "käse 100%")

    service = Service(refuse)
    service.call(b"")
    fields, body = service.outcome()
    assert (fields["grpc-status"], fields["grpc-message"]) == ("5", "k%C3%A4se 100%25")
    assert (fields["reason-bin"], body) == ("AP8", b"")


def test_a_handler_that_raises_fails_its_call_and_is_reported() -> None:
    def broken(message: bytes, call: UnaryCall) -> None:
        if message == b"typed":
            raise GrpcError(Status.ABORTED, "on purpose")
        raise KeyError("secret detail")

    service = Service(broken)
    service.call(b"typed", stream_id=1)
    assert service.outcome()[0]["grpc-status"] == "10"
    service.call(b"bug", stream_id=3)
    fields, _ = service.outcome()
    assert (fields["grpc-status"], fields["grpc-message"]) == ("13", "the handler failed")
    assert service.loop.reports == ["/test.Echo/Unary: 'secret detail'"]


def test_the_deadline_and_the_metadata_reach_the_handler() -> None:
    seen: list[UnaryCall] = []
    service = Service(lambda message, call: seen.append(call))
    service.call(b"", ("grpc-timeout", "2500m"), ("token", "abc"))
    (call,) = seen
    assert call.deadline == service.script.now + 2.5
    assert (call.metadata.get("token"), call.peer) == ("abc", "p:1")
    told: list[str] = []
    call.on_cancel(lambda: told.append("expired"))
    service.grpc.tick(service.script.now + 3.0)
    assert told == []
    service.grpc.tick(service.script.now + 4.0)
    assert (told, call.cancelled) == (["expired"], True)
    assert service.outcome()[0]["grpc-status"] == "4"


def test_a_cancelled_call_tells_its_handler_and_ignores_the_reply() -> None:
    seen: list[UnaryCall] = []
    service = Service(lambda message, call: seen.append(call))
    service.call(b"")
    told: list[str] = []
    seen[0].on_cancel(lambda: told.append("gone"))
    service.give(frames.reset(1, ErrorCode.CANCEL))
    assert (told, seen[0].cancelled) == (["gone"], True)
    seen[0].on_cancel(lambda: told.append("at once"))
    seen[0].reply(b"late")
    assert told == ["gone", "at once"]
    assert service.outcome() == ({}, b"")


@pytest.mark.parametrize(
    ("changes", "http", "status", "text"),
    [
        ({":path": "/test.Echo/Nothing"}, "200", "12", "unknown method Nothing for service test.Echo"),
        ({":path": "/no.Such/Unary"}, "200", "12", "unknown service no.Such"),
        ({":path": "/nothing"}, "200", "12", 'malformed method name: "/nothing"'),
        (
            {"content-type": "application/grpc-web"},
            "415",
            "2",
            'invalid gRPC request content-type "application/grpc-web"',
        ),
        ({":method": "GET"}, "405", "13", 'Received a HEADERS frame with :method "GET" which should be POST'),
        ({"grpc-timeout": "soon"}, "200", "13", 'malformed grpc-timeout: "soon"'),
        ({"grpc-encoding": "br"}, "200", "12", 'grpc: Decompressor is not installed for grpc-encoding "br"'),
        ({"x-bin": "!"}, "200", "13", "malformed binary metadata: not base64: Only base64 data is allowed"),
    ],
)
def test_requests_that_are_refused_by_their_head(changes: dict[str, str], http: str, status: str, text: str) -> None:
    service = Service(_echo)
    fields = tuple({**dict(CALL), **changes}.items())
    service.give(service.script.headers(1, fields, end_stream=False))
    answer, _ = service.outcome()
    assert (answer[":status"], answer["grpc-status"], answer["grpc-message"]) == (http, status, text)
    service.call(b"still here", stream_id=3)
    assert service.outcome()[1] == frame_message(b"still here")


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        (b"", "13"),  # no message
        (frame_message(b"a") + frame_message(b"b"), "13"),  # two
        (frame_message(b"abc")[:-1], "13"),  # not whole
        (frame_message(bytes(1_001)), "8"),  # too large
    ],
)
def test_bodies_that_are_not_one_message(wire: bytes, status: str) -> None:
    service = Service(_echo)
    service.give(service.script.headers(1, CALL, end_stream=False))
    service.give(data(1, wire, end_stream=True))
    assert service.outcome()[0]["grpc-status"] == status


def test_content_types_of_grpc() -> None:
    service = Service(_echo)
    for number, content_type in enumerate(
        ("application/grpc+proto", "application/grpc;charset=utf-8", "Application/GRPC")
    ):
        fields = tuple({**dict(CALL), "content-type": content_type}.items())
        service.give(service.script.headers(2 * number + 1, fields, end_stream=False))
        service.give(data(2 * number + 1, frame_message(b"a"), end_stream=True))
        assert service.outcome()[0]["grpc-status"] == "0"


def test_two_methods_of_one_path_are_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        Registry([Method("/a/b", _echo), Method("/a/b", _echo)])
