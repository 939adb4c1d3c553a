# SPDX-License-Identifier: Apache-2.0
"""Unary calls begin as there is room: few at first, fewer for large answers, none while answers wait for window."""

from __future__ import annotations

from tests.wire.grpc.test_server import CALL, Service
from tests.wire.http2.scripted import data, setting
from tricord.wire.grpc.admission import ROOM_LEAST
from tricord.wire.grpc.messages import frame_message
from tricord.wire.grpc.service import UnaryCall
from tricord.wire.http2 import frames, settings
from tricord.wire.http2.errors import ErrorCode


class Slow(Service):
    """Answers when told."""

    def __init__(self) -> None:
        self.calls: list[UnaryCall] = []
        super().__init__(lambda message, call: self.calls.append(call))

    def ask(self, count: int, first: int = 1) -> None:
        """``count`` requests at once."""
        for number in range(count):
            stream_id = first + 2 * number
            self.give(self.script.headers(stream_id, CALL, end_stream=False))
            self.give(data(stream_id, frame_message(b""), end_stream=True))

    def answer_all(self, size: int) -> int:
        """Answer what has begun; how many that were. As the owner does, let others begin."""
        calls, self.calls = self.calls, []
        for call in calls:
            call.reply(bytes(size))
        self.script.sent()
        self.grpc.admission.release()
        return len(calls)


def test_room_doubles_with_each_round_of_small_answers() -> None:
    service = Slow()
    service.ask(200)
    rounds = []
    while service.calls:
        rounds.append(service.answer_all(10))
    assert rounds == [8, 16, 32, 64, 80]
    assert service.grpc.admission.under_way == 0


def test_large_answers_leave_room_for_few_and_none_while_they_wait_for_window() -> None:
    service = Slow()
    service.ask(100)
    for _ in range(3):
        service.answer_all(10)
    assert len(service.calls) == 44
    service.answer_all(500_000)
    assert len(service.calls) == 0  # 22 MB wait for window
    service.give(frames.window_update(0, 2**30))
    for stream_id in list(service.script.connection.streams):
        service.give(frames.window_update(stream_id, 2**20))
    while service.script.sent():
        pass
    service.grpc.admission.release()
    assert service.calls == []
    service.ask(100, first=201)
    assert len(service.calls) == (4 << 20) // 500_000 == ROOM_LEAST


def test_calls_that_block_do_not_stop_the_others() -> None:
    service = Slow()
    service.ask(3 * ROOM_LEAST)
    assert len(service.calls) == ROOM_LEAST
    service.grpc.tick(service.script.now + 1)
    assert len(service.calls) == 2 * ROOM_LEAST
    service.grpc.tick(service.script.now + 2)
    assert len(service.calls) == 3 * ROOM_LEAST


def test_a_call_that_is_cancelled_while_it_waits_never_begins() -> None:
    service = Slow()
    service.ask(ROOM_LEAST + 2)
    service.give(frames.reset(2 * ROOM_LEAST + 1, ErrorCode.CANCEL))
    service.give(frames.reset(1, ErrorCode.CANCEL))  # makes room
    service.grpc.admission.release()
    assert len(service.calls) == ROOM_LEAST + 1
    assert service.answer_all(1) == ROOM_LEAST + 1
    assert service.grpc.admission.under_way == 0


def test_handlers_that_answer_at_once_are_not_nested() -> None:
    blocked: list[UnaryCall] = []

    def handle(message: bytes, call: UnaryCall) -> None:
        if len(blocked) < ROOM_LEAST:
            blocked.append(call)
        else:
            call.reply(b"")
            service.grpc.admission.release()

    service = Service(handle)
    service.give(setting(settings.MAX_FRAME_SIZE, 16_384))
    for number in range(900):
        service.give(service.script.headers(2 * number + 1, CALL, end_stream=False))
        service.give(data(2 * number + 1, frame_message(b""), end_stream=True))
    assert len(service.grpc.admission.waiting) == 900 - ROOM_LEAST
    blocked[0].reply(b"")
    service.grpc.admission.release()
    assert len(service.grpc.admission.waiting) == 0
