# SPDX-License-Identifier: Apache-2.0
"""Windows in both directions: nothing is sent without window, nothing received without it, nobody waits for ever."""

from __future__ import annotations

from tests.wire.http2.scripted import GET, POST, Frame, Scripted, data, ended_with, setting
from tricord.wire.http2 import frames, settings
from tricord.wire.http2.errors import ErrorCode
from tricord.wire.http2.events import HeadersReceived, StreamReset
from tricord.wire.http2.header_compression import literal_block
from tricord.wire.http2.limits import Http2Limits
from tricord.wire.http2.streams import Stream

OK = literal_block([(b":status", b"200")])
TAIL = literal_block([(b"grpc-status", b"0")])


def _begin(script: Scripted, stream_id: int, *, end_stream: bool = True) -> Stream:
    began = script.give(script.headers(stream_id, GET if end_stream else POST, end_stream=end_stream))[-1]
    assert isinstance(began, HeadersReceived)
    return began.stream


def _bodies(sent: list[Frame]) -> dict[int, bytes]:
    bodies: dict[int, bytes] = {}
    for frame in sent:
        if frame.kind == frames.DATA:
            bodies[frame.stream_id] = bodies.get(frame.stream_id, b"") + frame.payload
    return bodies


def test_a_reply_larger_than_the_window_waits_for_it_and_keeps_its_order() -> None:
    script = Scripted()
    script.give(setting(settings.INITIAL_WINDOW_SIZE, 10))
    script.sent()
    stream = _begin(script, 1)
    script.connection.send_reply(stream, OK, bytes(range(25)), TAIL)
    head, first = script.sent()
    assert (head.kind, first.payload) == (frames.HEADERS, bytes(range(10)))
    script.give(frames.window_update(1, 10))
    (second,) = script.sent()
    assert second.payload == bytes(range(10, 20))
    script.give(frames.window_update(1, 10))
    third, tail = script.sent()
    assert third.payload == bytes(range(20, 25))
    assert script.fields(tail) == [("grpc-status", "0")]
    assert script.connection.streams == {}


def test_a_window_made_smaller_is_negative_until_it_is_opened_again() -> None:
    script = Scripted()
    script.give(setting(settings.INITIAL_WINDOW_SIZE, 20))
    stream = _begin(script, 1)
    script.connection.send_headers(stream, OK)
    script.connection.send_data(stream, bytes(20))
    script.give(setting(settings.INITIAL_WINDOW_SIZE, 5))
    script.sent()
    script.connection.send_data(stream, b"", end_stream=True)
    assert script.connection.streams == {}  # an empty frame needs no window, even of a negative one
    assert [(frame.kind, frame.flags) for frame in script.sent()] == [(frames.DATA, frames.END_STREAM)]


def test_the_connection_window_is_shared_in_turns() -> None:
    script = Scripted()
    script.give(setting(settings.INITIAL_WINDOW_SIZE, 1 << 20))
    streams = [_begin(script, stream_id) for stream_id in (1, 3)]
    for stream in streams:
        script.connection.send_headers(stream, OK)
        script.connection.send_data(stream, bytes(100_000), end_stream=True)
    first = _bodies(script.sent())
    assert sum(len(body) for body in first.values()) == 65_535
    script.give(frames.window_update(0, 65_536))
    second = _bodies(script.sent())
    assert {stream_id: len(body) for stream_id, body in second.items()} == {1: 32_768, 3: 32_768}
    script.give(frames.window_update(0, 1 << 20))
    script.sent()
    assert script.connection.streams == {}
    assert script.connection.queued_bytes == 0


def test_a_sender_is_told_when_its_queue_is_empty_or_its_stream_gone() -> None:
    script = Scripted()
    told = []
    for stream_id in (1, 3):
        stream = _begin(script, stream_id)
        script.connection.send_headers(stream, OK)
        script.connection.send_data(stream, bytes(60_000))
        stream.drained = lambda stream_id=stream_id: told.append(stream_id)
    script.sent()
    assert told == []
    script.give(frames.window_update(0, 1 << 20))
    assert told == [3]
    script.give(frames.reset(1, ErrorCode.CANCEL))
    assert told == [3, 1]


def test_what_is_consumed_comes_back_as_window_in_batches() -> None:
    script = Scripted()
    stream = _begin(script, 1, end_stream=False)
    updates = 0
    for _ in range(100):
        script.give(data(1, bytes(1_000)))
        script.connection.consume(stream, 1_000)
        updates += sum(frame.number() for frame in script.sent() if frame.stream_id == 1)
    assert 90_000 <= updates <= 100_000


def test_data_without_window_are_an_error_of_the_stream_and_of_the_connection() -> None:
    script = Scripted()
    _begin(script, 1, end_stream=False)
    script.give(data(1, bytes(16_384)))
    (event,) = script.give(data(1, b"one too many"))
    assert isinstance(event, StreamReset)
    assert event.code == ErrorCode.FLOW_CONTROL_ERROR

    script = Scripted(limits=Http2Limits(connection_window_size=65_535, initial_window_size=1 << 20))
    _begin(script, 1, end_stream=False)
    events = [event for _ in range(3) for event in script.give(data(1, bytes(16_384)))]
    assert len(events) == 3  # the connection's window came back
    script = Scripted(limits=Http2Limits(connection_window_size=1 << 20, initial_window_size=1 << 20))
    script.connection._receive_window = 100
    _begin(script, 1, end_stream=False)
    assert ended_with(script.give(data(1, bytes(101))), ErrorCode.FLOW_CONTROL_ERROR)


def test_until_our_settings_are_acknowledged_the_default_window_holds() -> None:
    script = Scripted(greet=False)
    script.give(frames.PREFACE + frames.frame(frames.SETTINGS, 0, 0))
    _begin(script, 1, end_stream=False)
    for _ in range(3):
        script.give(data(1, bytes(16_384)))
    script.give(frames.frame(frames.SETTINGS, frames.ACK, 0))
    (event,) = script.give(data(1, b"now there is less than none"))
    assert isinstance(event, StreamReset)


def test_a_message_that_began_before_our_settings_were_known_is_let_in_whole() -> None:
    script = Scripted(greet=False)
    script.give(frames.PREFACE + frames.frame(frames.SETTINGS, 0, 0))
    stream, other = (_begin(script, stream_id, end_stream=False) for stream_id in (1, 3))
    for _ in range(2):
        script.give(data(1, bytes(16_384)))
    script.connection.expect(stream, 10_000)  # it still fits what the peer may send by the default window
    script.connection.expect(other, 0)
    assert not [frame for frame in script.sent() if frame.kind == frames.WINDOW_UPDATE]
    script.give(frames.frame(frames.SETTINGS, frames.ACK, 0))
    (granted,) = script.sent()
    assert (granted.stream_id, granted.number()) == (1, 2 * 16_384 + 10_000 - 16_384)
    assert stream.receive_window == 10_000 and other.receive_window == 16_384


def test_large_messages_are_let_in_whole_one_after_the_other() -> None:
    script = Scripted(limits=Http2Limits(max_large_bytes=100_000))
    first, second = (_begin(script, stream_id, end_stream=False) for stream_id in (1, 3))
    script.connection.expect(first, 80_000)
    script.connection.expect(second, 80_000)
    (granted,) = script.sent()
    assert (granted.kind, granted.stream_id, granted.number()) == (frames.WINDOW_UPDATE, 1, 80_000 - 16_384)
    script.connection.send_headers(first, OK, end_stream=True)
    assert [frame.stream_id for frame in script.sent() if frame.kind == frames.WINDOW_UPDATE] == [3]


def test_a_message_larger_than_the_whole_budget_is_let_in_when_it_is_alone() -> None:
    script = Scripted(limits=Http2Limits(max_large_bytes=100))
    stream = _begin(script, 1, end_stream=False)
    script.connection.expect(stream, 50_000)
    assert [frame.number() for frame in script.sent()] == [50_000 - 16_384]


def test_a_stream_that_gets_no_window_is_reset_in_the_end() -> None:
    script = Scripted(limits=Http2Limits(stall_timeout=60.0))
    script.give(setting(settings.INITIAL_WINDOW_SIZE, 0))
    stream = _begin(script, 1)
    script.connection.send_reply(stream, OK, b"never", TAIL)
    script.sent()
    assert script.connection.tick(script.now + 59) == []
    script.now += 59
    script.give(frames.window_update(1, 1))  # a crumb is no progress
    (event,) = script.connection.tick(script.now + 2)
    assert isinstance(event, StreamReset)
    assert script.connection.queued_bytes == 0


def test_a_stream_can_be_refused_and_a_peer_that_goes_on_is_given_up() -> None:
    script = Scripted(limits=Http2Limits(budget_burst=10, budget_per_second=0))
    for stream_id in (1, 3):
        script.connection.refuse(_begin(script, stream_id))
        (refused,) = script.sent()
        assert (refused.kind, refused.number()) == (frames.RST_STREAM, ErrorCode.REFUSED_STREAM)
    script.connection.refuse(_begin(script, 5))
    assert script.connection.closed
    assert script.sent()[-1].number() == 5  # GOAWAY names the last stream it has seen
