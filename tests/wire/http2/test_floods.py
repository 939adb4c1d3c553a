# SPDX-License-Identifier: Apache-2.0
"""Frames that are work without use end the connection; those of a busy and honest client do not."""

from __future__ import annotations

import pytest

from tests.wire.http2.scripted import GET, POST, Scripted, data, ended_with, setting
from tricord.wire.http2 import frames, settings
from tricord.wire.http2.errors import ErrorCode
from tricord.wire.http2.events import HeadersReceived
from tricord.wire.http2.header_compression import literal_block
from tricord.wire.http2.limits import Http2Limits

OK = literal_block([(b":status", b"200")])
TAIL = literal_block([(b"grpc-status", b"0")])
MANY = 20_000


def _rapid_reset(script: Scripted, turn: int) -> bytes:
    return script.headers(2 * turn + 1, GET) + frames.reset(2 * turn + 1, ErrorCode.CANCEL)


def _made_you_reset(script: Scripted, turn: int) -> bytes:
    return script.headers(2 * turn + 1, POST, end_stream=False) + frames.window_update(2 * turn + 1, 0)


def _provoked_by_length(script: Scripted, turn: int) -> bytes:
    fields = (*POST, ("content-length", "1"))
    return script.headers(2 * turn + 1, fields, end_stream=False) + data(2 * turn + 1, b"22")


def _data_on_closed(script: Scripted, turn: int) -> bytes:
    return (script.headers(1, GET) + frames.reset(1, 0) if turn == 0 else b"") + data(1, b"x" * 100)


def _refused(script: Scripted, turn: int) -> bytes:
    return script.headers(2 * turn + 1, POST, end_stream=False)


def _ping(script: Scripted, turn: int) -> bytes:
    return frames.frame(frames.PING, 0, 0, bytes(8))


def _settings(script: Scripted, turn: int) -> bytes:
    return frames.frame(frames.SETTINGS, 0, 0)


def _settings_ack(script: Scripted, turn: int) -> bytes:
    return frames.frame(frames.SETTINGS, frames.ACK, 0)


def _priority(script: Scripted, turn: int) -> bytes:
    return frames.frame(frames.PRIORITY, 0, 1, bytes((0, 0, 0, 3, 1)))


def _empty_data(script: Scripted, turn: int) -> bytes:
    return (script.headers(1, POST, end_stream=False) if turn == 0 else b"") + data(1, b"")


def _padding_only(script: Scripted, turn: int) -> bytes:
    opened = script.headers(1, POST, end_stream=False) if turn == 0 else b""
    return opened + frames.frame(frames.DATA, frames.PADDED, 1, bytes((200,)) + bytes(200))


def _window_updates(script: Scripted, turn: int) -> bytes:
    return frames.window_update(0, 1)


def _unknown(script: Scripted, turn: int) -> bytes:
    return frames.frame(0xBB, 0, 0, b"x")


def _goaways(script: Scripted, turn: int) -> bytes:
    return frames.goaway(0, 0)


def _late_resets(script: Scripted, turn: int) -> bytes:
    return (script.headers(1, GET) if turn == 0 else b"") + frames.reset(1, 0)


@pytest.mark.parametrize(
    "flood",
    [
        _rapid_reset,
        _made_you_reset,
        _provoked_by_length,
        _data_on_closed,
        _refused,
        _ping,
        _settings,
        _settings_ack,
        _priority,
        _empty_data,
        _padding_only,
        _window_updates,
        _unknown,
        _goaways,
        _late_resets,
    ],
)
def test_a_flood_ends_the_connection_and_its_output_stays_small(flood: object) -> None:
    script = Scripted()
    assert callable(flood)
    size = 0
    for turn in range(MANY):
        script.now += 0.0001
        events = script.give(flood(script, turn))
        size = max(size, len(script.connection._output))
        if script.connection.closed:
            break
    assert ended_with(events, ErrorCode.ENHANCE_YOUR_CALM)
    assert size < 1 << 20
    assert script.sent()[-1].kind == frames.GOAWAY


def test_a_header_block_without_end_ends_the_connection() -> None:
    for piece in (b"", b"x" * 16_384):
        script = Scripted()
        script.give(frames.frame(frames.HEADERS, 0, 1, b""))
        for _ in range(100):
            events = script.give(frames.frame(frames.CONTINUATION, 0, 1, piece))
            if script.connection.closed:
                break
        assert ended_with(events, ErrorCode.ENHANCE_YOUR_CALM)


def test_a_small_block_that_stands_for_a_huge_list_ends_the_connection() -> None:
    script = Scripted()
    script.give(script.headers(1, (*GET, ("x-bomb", "b" * 3_900))))
    bomb = script.encoder.encode((*GET, *(("x-bomb", "b" * 3_900),) * 200))
    assert len(bomb) < 300
    assert ended_with(script.give(frames.headers(3, bomb, True, 16_384)), ErrorCode.ENHANCE_YOUR_CALM)


def test_window_given_in_crumbs_ends_the_connection() -> None:
    script = Scripted()
    script.give(setting(settings.INITIAL_WINDOW_SIZE, 0))
    (began,) = script.give(script.headers(1, GET))
    assert isinstance(began, HeadersReceived)
    script.connection.send_reply(began.stream, OK, bytes(1 << 20), TAIL)
    events = []
    for _ in range(MANY):
        events = script.give(frames.window_update(1, 1))
        script.sent()
        if script.connection.closed:
            break
    assert ended_with(events, ErrorCode.ENHANCE_YOUR_CALM)


def test_settings_do_not_walk_over_all_streams_once_an_entry() -> None:
    script = Scripted()
    payload = settings.encode([(settings.INITIAL_WINDOW_SIZE, number) for number in range(64)])
    script.give(script.headers(1, POST, end_stream=False))
    script.give(frames.frame(frames.SETTINGS, 0, 0, payload))
    assert script.connection.peer.initial_window_size == 63
    assert script.connection.streams[1].send_window == 63
    assert ended_with(script.give(frames.frame(frames.SETTINGS, 0, 0, payload + bytes(6))), ErrorCode.ENHANCE_YOUR_CALM)


def test_a_client_that_pings_for_each_reply_and_updates_windows_lives() -> None:
    """grpc-go estimates bandwidth by a PING for the data it gets, and gives window back all the time."""
    script = Scripted(limits=Http2Limits(budget_burst=100, budget_per_second=0))
    for turn in range(5_000):
        stream_id = 2 * turn + 1
        events = script.give(
            script.headers(stream_id, POST, end_stream=False)
            + data(stream_id, b"x", end_stream=True)
            + frames.frame(frames.PING, 0, 0, bytes(8))
            + frames.window_update(0, 20)
        )
        began = events[0]
        assert isinstance(began, HeadersReceived)
        script.connection.send_reply(began.stream, OK, b"reply", TAIL)
        script.sent()
        script.give(frames.window_update(stream_id, 20))
    assert not script.connection.closed


def test_a_client_that_cancels_some_of_its_calls_lives() -> None:
    script = Scripted(limits=Http2Limits(budget_burst=100, budget_per_second=0))
    for turn in range(2_000):
        for step in range(3):
            stream_id = 6 * turn + 2 * step + 1
            (began,) = script.give(script.headers(stream_id, GET))
            assert isinstance(began, HeadersReceived)
            if step == 2:
                script.connection.send_reply(began.stream, OK, b"reply", TAIL)
            else:
                script.give(frames.reset(stream_id, ErrorCode.CANCEL))
        script.sent()
    assert not script.connection.closed


def test_a_client_whose_thousand_calls_all_run_out_of_time_lives() -> None:
    script = Scripted()
    for stream_id in range(1, 2_000, 2):
        script.give(script.headers(stream_id, GET))
    for stream_id in range(1, 2_000, 2):
        script.give(frames.reset(stream_id, ErrorCode.CANCEL))
    assert not script.connection.closed


def test_time_gives_credit_back() -> None:
    script = Scripted(limits=Http2Limits(budget_burst=10, budget_per_second=10))
    for _ in range(100):
        script.now += 0.5
        script.give(frames.frame(frames.PING, 0, 0, bytes(8)) * 5)
    assert not script.connection.closed
    assert ended_with(script.give(frames.frame(frames.PING, 0, 0, bytes(8)) * 16), ErrorCode.ENHANCE_YOUR_CALM)
