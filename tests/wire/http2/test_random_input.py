# SPDX-License-Identifier: Apache-2.0
"""Whatever bytes come, a connection answers with events, resets or a goodbye: never with an exception."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.http2.scripted import GET, POST, Scripted, data
from tricord.wire.http2 import frames
from tricord.wire.http2.connection import Connection, Role
from tricord.wire.http2.errors import ErrorCode
from tricord.wire.http2.events import DataReceived, Event, HeadersReceived
from tricord.wire.http2.header_compression import literal_block

OK = literal_block([(b":status", b"200")])
TAIL = literal_block([(b"grpc-status", b"0")])

any_frame = st.builds(
    frames.frame,
    st.integers(0, 12),
    st.one_of(st.sampled_from([0, 1, 4, 5, 8, 9, 0x20, 0x2D]), st.integers(0, 255)),
    st.one_of(st.integers(0, 9), st.integers(0, 2**32 - 1)),
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([b"\x82\x86\x84\x41\x01a", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\x04\0\0\0\x05", bytes(8)]),
    ),
)


def _answer(connection: Connection, events: list[Event]) -> None:
    """As a careless owner would: answers everything, late or not."""
    for event in events:
        if isinstance(event, HeadersReceived) and connection.role is Role.SERVER:
            connection.send_headers(event.stream, OK)
            connection.send_data(event.stream, b"x" * 50)
        if isinstance(event, DataReceived):
            connection.consume(event.stream, len(event.data))
            connection.expect(event.stream, 100_000)
            if event.end_stream and event.stream.local_open:
                connection.send_headers(event.stream, TAIL, end_stream=True)


def _check(connection: Connection) -> None:
    assert connection.queued_bytes == sum(stream.queued_bytes for stream in connection.streams.values())
    assert connection._large_bytes == sum(stream.granted for stream in connection.streams.values())
    assert len(connection._input) < connection.limits.max_frame_size + frames.FRAME_HEADER_SIZE


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(Role), st.lists(any_frame, max_size=30), st.integers(1, 200))
def test_any_frames(role: Role, given_frames: list[bytes], cut: int) -> None:
    script = Scripted(role)
    if role is Role.CLIENT:
        for _ in range(3):
            stream = script.connection.open_stream(b"\x82\x86\x84")
            script.connection.send_data(stream, b"body")
    stream_bytes = b"".join(given_frames)
    for position in range(0, len(stream_bytes), cut):
        script.now += 0.01
        _answer(script.connection, script.give(stream_bytes[position : position + cut]))
        script.connection.take_output()
        if not script.connection.closed:
            _check(script.connection)
    script.connection.tick(script.now + 100)
    script.connection.drain()
    script.connection.terminate(ErrorCode.NO_ERROR, "")
    script.connection.abandon()
    assert script.connection.streams == {}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_conversations(draw: st.DataObject) -> None:
    script = Scripted()
    script.give(frames.frame(frames.SETTINGS, 0, 0, b"\0\x04\0\0\0\x14"))
    conversation = bytearray(
        script.headers(1, GET)
        + script.headers(3, POST, end_stream=False)
        + data(3, b"a" * 100)
        + frames.window_update(1, 100)
        + script.headers(5, (*POST, ("content-length", "5")), end_stream=False)
        + data(5, b"hello", end_stream=True)
        + frames.frame(frames.PING, 0, 0, bytes(8))
        + data(3, b"b", end_stream=True)
        + frames.reset(1, 8)
        + script.headers(7, GET)
        + frames.goaway(0, 0)
    )
    for _ in range(draw.draw(st.integers(1, 6))):
        position = draw.draw(st.integers(0, len(conversation) - 1))
        conversation[position] = draw.draw(st.integers(0, 255))
    _answer(script.connection, script.give(bytes(conversation)))
    if not script.connection.closed:
        _check(script.connection)
    script.connection.take_output()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes(noise: bytes, greeted: bool) -> None:
    script = Scripted(greet=greeted)
    script.give(noise)
    script.connection.take_output()
