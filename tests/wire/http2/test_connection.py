# SPDX-License-Identifier: Apache-2.0
"""A connection's life in bytes: hello, requests, answers, resets, goodbye, in both roles."""

from __future__ import annotations

import pytest

from tests.wire.http2.scripted import GET, POST, Scripted, data, ended_with, setting
from tricord.wire.http2 import frames, settings
from tricord.wire.http2.connection import Connection, Role
from tricord.wire.http2.errors import ErrorCode
from tricord.wire.http2.events import (
    DataReceived,
    GoAwayReceived,
    HeadersReceived,
    PingAcknowledged,
    SettingsReceived,
    StreamReset,
    TrailersReceived,
)
from tricord.wire.http2.header_compression import literal_block
from tricord.wire.http2.limits import CLIENT_LIMITS, Http2Limits

OK = literal_block([(b":status", b"200")])


def test_a_server_says_its_settings_first_and_acknowledges_its_client() -> None:
    script = Scripted(greet=False)
    assert [frame.kind for frame in script.hello] == [frames.SETTINGS, frames.WINDOW_UPDATE]
    assert not script.connection.established
    events = script.give(frames.PREFACE + frames.frame(frames.SETTINGS, 0, 0))
    assert isinstance(events[0], SettingsReceived)
    assert script.connection.established
    (acknowledgement,) = script.sent()
    assert (acknowledgement.kind, acknowledgement.flags) == (frames.SETTINGS, frames.ACK)


def test_a_request_in_single_bytes_is_the_same_request() -> None:
    script = Scripted()
    whole = script.headers(1, POST, end_stream=False) + data(1, b"hello", end_stream=True)
    events = [event for byte in whole for event in script.give(bytes((byte,)))]
    began, body = events
    assert isinstance(began, HeadersReceived)
    assert (began.block.method, began.block.path, began.end_stream) == (b"POST", b"/health", False)
    assert isinstance(body, DataReceived)
    assert (body.data, body.end_stream) == (b"hello", True)


def test_an_answer_goes_out_as_headers_data_and_trailers_after_one_wake() -> None:
    script = Scripted()
    began, *_ = script.give(script.headers(1, GET))
    assert isinstance(began, HeadersReceived)
    before = script.wakes
    script.connection.send_reply(began.stream, OK, b"body", literal_block([(b"grpc-status", b"0")]))
    assert script.wakes == before + 1
    head, body, tail = script.sent()
    assert script.fields(head) == [(":status", "200")]
    assert (body.payload, body.flags) == (b"body", 0)
    assert script.fields(tail) == [("grpc-status", "0")]
    assert tail.flags & frames.END_STREAM
    assert script.connection.streams == {}
    script.connection.send_data(began.stream, b"late")  # does nothing
    assert script.sent() == []


def test_an_answer_before_the_request_is_whole_asks_for_no_more_of_it() -> None:
    script = Scripted()
    began, *_ = script.give(script.headers(1, POST, end_stream=False))
    assert isinstance(began, HeadersReceived)
    script.connection.send_headers(began.stream, OK, end_stream=True)
    assert [frame.kind for frame in script.sent()] == [frames.HEADERS, frames.RST_STREAM]
    assert script.give(data(1, b"was under way" * 10)) == []  # the client did not know yet


def test_trailers_of_a_request_end_it() -> None:
    script = Scripted()
    script.give(script.headers(1, POST, end_stream=False))
    (ended,) = script.give(script.headers(1, (("checksum", "1"),)))
    assert isinstance(ended, TrailersReceived)
    assert ended.block.value(b"checksum") == b"1"


def test_a_large_header_block_is_split_and_put_together() -> None:
    script = Scripted()
    long = (*GET, ("x-long", "v" * 20_000))
    block = script.encoder.encode(long, huffman=False)
    (event,) = script.give(frames.headers(1, block, True, 16_384))
    assert isinstance(event, HeadersReceived)
    assert event.block.value(b"x-long") == b"v" * 20_000
    script.connection.send_headers(event.stream, literal_block([(b":status", b"200"), (b"x", b"v" * 20_000)]))
    head, rest = script.sent()
    assert (head.kind, rest.kind) == (frames.HEADERS, frames.CONTINUATION)
    assert len(list(script.decoder.decode(head.payload + rest.payload))) == 2


def test_padding_is_taken_off_and_counted() -> None:
    script = Scripted()
    payload = bytes((3,)) + script.encoder.encode(POST) + bytes(3)
    script.give(frames.frame(frames.HEADERS, frames.END_HEADERS | frames.PADDED, 1, payload))
    (event,) = script.give(frames.frame(frames.DATA, frames.PADDED | frames.END_STREAM, 1, b"\x04body" + bytes(4)))
    assert isinstance(event, DataReceived)
    assert event.data == b"body"


def test_padding_longer_than_its_frame_ends_the_connection() -> None:
    script = Scripted()
    script.give(script.headers(1, POST, end_stream=False))
    assert ended_with(script.give(frames.frame(frames.DATA, frames.PADDED, 1, b"\x05abcd")), ErrorCode.PROTOCOL_ERROR)
    (goaway,) = script.sent()
    assert goaway.kind == frames.GOAWAY
    assert script.give(script.headers(3, GET)) == []  # nothing is read any more
    assert script.connection.finished()


def test_a_ping_is_answered_and_ours_comes_back() -> None:
    script = Scripted()
    script.give(frames.frame(frames.PING, 0, 0, b"12345678"))
    (answer,) = script.sent()
    assert (answer.kind, answer.flags, answer.payload) == (frames.PING, frames.ACK, b"12345678")
    script.connection.ping(b"ourping!")
    assert script.sent()[0].payload == b"ourping!"
    (event,) = script.give(frames.frame(frames.PING, frames.ACK, 0, b"ourping!"))
    assert event == PingAcknowledged(b"ourping!")


def test_the_answer_to_a_ping_waits_a_little_for_company() -> None:
    woken: list[str] = []
    connection = Connection(
        Role.SERVER, Http2Limits(), wake=lambda: woken.append("now"), now=0.0, wake_later=lambda: woken.append("later")
    )
    connection.start()
    script = Scripted(greet=False)
    connection.receive(frames.PREFACE + frames.frame(frames.SETTINGS, 0, 0), 0.0)
    connection.take_output()
    woken.clear()
    ping = frames.frame(frames.PING, 0, 0, bytes(8))
    connection.receive(ping, 0.0)
    assert woken == ["later"]
    assert len(connection.take_output()) == 17
    (began,) = connection.receive(script.headers(1, GET), 0.0)
    connection.receive(ping, 0.0)
    assert woken == ["later", "later"]
    assert isinstance(began, HeadersReceived)
    connection.send_headers(began.stream, OK, end_stream=True)
    assert woken == ["later", "later", "now"]
    assert len(connection.take_output()) == 17 + 9 + len(OK)


def test_a_reset_by_the_client_ends_the_stream_and_is_told() -> None:
    script = Scripted()
    began, *_ = script.give(script.headers(1, POST, end_stream=False))
    (event,) = script.give(frames.reset(1, ErrorCode.CANCEL))
    assert isinstance(event, StreamReset)
    assert isinstance(began, HeadersReceived)
    assert event.stream is began.stream
    assert (event.code, event.by_peer) == (ErrorCode.CANCEL, True)
    assert script.connection.streams == {}


def test_streams_beyond_the_limit_are_refused_and_the_rest_lives() -> None:
    script = Scripted(limits=Http2Limits(max_concurrent_streams=2))
    for stream_id in (1, 3):
        script.give(script.headers(stream_id, POST, end_stream=False))
    assert script.give(script.headers(5, GET)) == []
    (refused,) = script.sent()
    assert (refused.kind, refused.stream_id, refused.number()) == (frames.RST_STREAM, 5, ErrorCode.REFUSED_STREAM)
    script.give(frames.reset(1, ErrorCode.CANCEL))
    (event,) = script.give(script.headers(7, GET))
    assert isinstance(event, HeadersReceived)


def test_draining_takes_what_was_under_way_and_then_nothing() -> None:
    script = Scripted()
    began, *_ = script.give(script.headers(1, POST, end_stream=False))
    script.connection.drain()
    goaway, ping = script.sent()
    assert (goaway.kind, goaway.number()) == (frames.GOAWAY, 2**31 - 1)
    (under_way,) = script.give(script.headers(3, GET))  # sent before the client read the news
    assert isinstance(under_way, HeadersReceived)
    script.give(frames.frame(frames.PING, frames.ACK, 0, ping.payload))
    (second,) = script.sent()
    assert (second.kind, second.number()) == (frames.GOAWAY, 3)
    assert script.give(script.headers(5, GET)) == []
    assert not script.connection.finished()
    assert isinstance(began, HeadersReceived)
    for stream in (began.stream, under_way.stream):
        script.connection.send_headers(stream, OK, end_stream=True)
    assert script.connection.finished()


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (GET[:2], "no :path"),
        (GET[1:], "no :method"),
        ((*GET, (":path", "/")), "twice"),
        ((*GET, ("Upper", "x")), "upper case"),
        ((*GET, ("connection", "close")), "connection-specific"),
        ((*GET, ("te", "gzip")), "te"),
        ((*GET[:3], ("x", "y"), GET[3]), "order"),
        ((*GET, (":status", "200")), "response pseudo-header"),
        ((*GET[:2], (":path", "no-slash")), "path"),
        ((*GET, ("x", "a\r\nb: c")), "control characters"),
        ((*GET, ("content-length", "5")), "a length, but no body"),
    ],
)
def test_a_malformed_request_resets_its_stream_only(fields: tuple[tuple[str, str], ...], why: str) -> None:
    script = Scripted()
    assert script.give(script.headers(1, fields)) == []
    (reset,) = script.sent()
    assert (reset.kind, reset.number()) == (frames.RST_STREAM, ErrorCode.PROTOCOL_ERROR), why
    (event,) = script.give(script.headers(3, GET))
    assert isinstance(event, HeadersReceived)


def test_a_body_of_another_length_than_promised_resets_the_stream() -> None:
    script = Scripted()
    script.give(script.headers(1, (*POST, ("content-length", "5")), end_stream=False))
    (event,) = script.give(data(1, b"four", end_stream=True))
    assert isinstance(event, StreamReset)
    assert (event.code, event.by_peer) == (ErrorCode.PROTOCOL_ERROR, False)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (frames.frame(frames.HEADERS, 0, 0, b"x"), ErrorCode.PROTOCOL_ERROR),
        (frames.frame(frames.DATA, 0, 0, b"x"), ErrorCode.PROTOCOL_ERROR),
        (frames.frame(frames.DATA, 0, 9, b"x"), ErrorCode.PROTOCOL_ERROR),
        (frames.frame(frames.DATA, 0, 1, bytes(16_385)), ErrorCode.FRAME_SIZE_ERROR),
        (frames.frame(frames.SETTINGS, 0, 1), ErrorCode.PROTOCOL_ERROR),
        (frames.frame(frames.SETTINGS, 0, 0, b"12345"), ErrorCode.FRAME_SIZE_ERROR),
        (frames.frame(frames.SETTINGS, frames.ACK, 0, bytes(6)), ErrorCode.FRAME_SIZE_ERROR),
        (frames.frame(frames.PING, 0, 0, b"1234567"), ErrorCode.FRAME_SIZE_ERROR),
        (frames.frame(frames.PUSH_PROMISE, 4, 1, bytes(8)), ErrorCode.PROTOCOL_ERROR),
        (frames.frame(frames.GOAWAY, 0, 0, b"1234"), ErrorCode.FRAME_SIZE_ERROR),
        (frames.reset(1, 0), ErrorCode.PROTOCOL_ERROR),
        (frames.window_update(0, 0), ErrorCode.PROTOCOL_ERROR),
        (frames.window_update(0, 2**31 - 1), ErrorCode.FLOW_CONTROL_ERROR),
        (frames.frame(frames.CONTINUATION, 4, 1, b"\x82"), ErrorCode.PROTOCOL_ERROR),
        (frames.frame(frames.HEADERS, 5, 1, b"\xff\xff\xff\xff\xff\xff\xff"), ErrorCode.COMPRESSION_ERROR),
        (frames.frame(frames.HEADERS, 5, 2, b"\x82"), ErrorCode.PROTOCOL_ERROR),
        (setting(settings.INITIAL_WINDOW_SIZE, 2**31), ErrorCode.FLOW_CONTROL_ERROR),
        (setting(settings.MAX_FRAME_SIZE, 5), ErrorCode.PROTOCOL_ERROR),
        (setting(settings.ENABLE_PUSH, 2), ErrorCode.PROTOCOL_ERROR),
    ],
)
def test_frames_that_end_the_connection(bad: bytes, code: ErrorCode) -> None:
    assert ended_with(Scripted().give(bad), code)


def test_a_header_block_is_not_interrupted() -> None:
    script = Scripted()
    script.give(frames.frame(frames.HEADERS, frames.END_STREAM, 1, script.encoder.encode(GET)))
    assert ended_with(script.give(frames.frame(frames.PING, 0, 0, bytes(8))), ErrorCode.PROTOCOL_ERROR)


def test_other_bytes_than_the_preface_end_the_connection() -> None:
    assert ended_with(Scripted(greet=False).give(b"GET / HTTP/1.1\r\n"), ErrorCode.PROTOCOL_ERROR)
    first = frames.PREFACE + frames.frame(frames.PING, 0, 0, bytes(8))
    assert ended_with(Scripted(greet=False).give(first), ErrorCode.PROTOCOL_ERROR)


# --- client role -------------------------------------------------------------------------------------------


def test_a_client_and_a_server_talk_to_each_other() -> None:
    client = Connection(Role.CLIENT, CLIENT_LIMITS, wake=lambda: None, now=0.0)
    server = Connection(Role.SERVER, Http2Limits(), wake=lambda: None, now=0.0)
    client.start()
    server.start()
    request = ((b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/p"), (b":authority", b"a"))
    blocks = []
    for turn in range(3):
        stream = client.open_stream(client.encoder.encode(request, [(b"grpc-timeout", b"%dS" % turn)]), context=turn)
        client.send_data(stream, b"ping", end_stream=True)
        began, body = [
            event
            for event in server.receive(bytes(client.take_output()), 0.0)
            if isinstance(event, HeadersReceived | DataReceived)
        ]
        assert isinstance(began, HeadersReceived)
        assert isinstance(body, DataReceived)
        assert (began.block.path, began.block.timeout, body.data) == (b"/p", b"%dS" % turn, b"ping")
        blocks.append(began.block)
        server.send_reply(began.stream, OK, b"pong", literal_block([(b"grpc-status", b"0")]))
        head, pong, tail = [
            event
            for event in client.receive(bytes(server.take_output()), 0.0)
            if not isinstance(event, SettingsReceived)
        ]
        assert isinstance(head, HeadersReceived)
        assert head.block.status == 200
        assert isinstance(pong, DataReceived)
        assert isinstance(tail, TrailersReceived)
        assert head.stream.context == turn
    assert client.streams == {}
    assert server.streams == {}


def test_a_client_learns_which_streams_a_leaving_server_did_not_take() -> None:
    script = Scripted(Role.CLIENT)
    taken = script.connection.open_stream(b"\x82\x86\x84", end_stream=True)
    refused = script.connection.open_stream(b"\x82\x86\x84", end_stream=True)
    assert (taken.id, refused.id) == (1, 3)
    goaway, reset = script.give(frames.goaway(1, ErrorCode.NO_ERROR, "bye"))
    assert goaway == GoAwayReceived(1, ErrorCode.NO_ERROR, "bye")
    assert isinstance(reset, StreamReset)
    assert (reset.stream, reset.code) == (refused, ErrorCode.REFUSED_STREAM)
    assert script.connection.streams_available() == 0
    (answer,) = script.give(script.headers(1, ((":status", "200"),)))
    assert isinstance(answer, HeadersReceived)


def test_a_client_skips_interim_answers_and_obeys_the_stream_limit() -> None:
    script = Scripted(Role.CLIENT)
    script.give(setting(settings.MAX_CONCURRENT_STREAMS, 1))
    assert script.connection.streams_available() == 1
    script.connection.open_stream(b"\x82\x86\x84", end_stream=True)
    assert script.connection.streams_available() == 0
    assert script.give(script.headers(1, ((":status", "103"),), end_stream=False)) == []
    (answer,) = script.give(script.headers(1, ((":status", "204"),)))
    assert isinstance(answer, HeadersReceived)
    assert answer.block.status == 204
    assert script.connection.streams_available() == 1


def test_a_client_gives_up_a_server_that_pushes() -> None:
    script = Scripted(Role.CLIENT)
    script.connection.open_stream(b"\x82\x86\x84", end_stream=True)
    assert ended_with(script.give(frames.frame(frames.PUSH_PROMISE, 4, 1, bytes(8))), ErrorCode.PROTOCOL_ERROR)
