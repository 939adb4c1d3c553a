# SPDX-License-Identifier: Apache-2.0
"""While one client misuses the server, a polite one is answered in time, memory stays bounded, the offender is cut off.

"In time" is not measured here: the polite client's calls carry a deadline of seconds, and none may fail.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import grpc
import pytest

from tests.transport import interop_service
from tests.transport.conftest import sample_routes
from tests.transport.interop_messages import Empty, SimpleRequest, SimpleResponse
from tests.transport.serving import Serving
from tests.wire.http2.scripted import GET, POST, Scripted, data, setting
from tricord.transport import Limits
from tricord.transport.http2_session import Http2Session
from tricord.wire.http.routes import HttpRequest, HttpResponse
from tricord.wire.http2 import frames, settings
from tricord.wire.http2.connection import Connection
from tricord.wire.http2.errors import ErrorCode
from tricord.wire.http2.limits import Http2Limits

HELLO = frames.PREFACE + frames.frame(frames.SETTINGS, 0, 0) + frames.frame(frames.SETTINGS, frames.ACK, 0)
LARGE = (*POST[:2], (":path", "/grpc.testing.TestService/UnaryCall"), POST[3], ("content-type", "application/grpc"))


class Polite:
    """Calls the server in a thread for as long as the block lasts."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="polite")
        self.answered = 0
        self.failures: list[BaseException] = []

    def __enter__(self) -> Polite:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(60)
        assert self.failures == []
        assert self.answered > 0

    def _run(self) -> None:
        try:
            with grpc.insecure_channel(self._serving.endpoint) as channel:
                call = channel.unary_unary(
                    "/grpc.testing.TestService/EmptyCall", Empty.SerializeToString, Empty.FromString
                )
                while True:  # once at least, however soon the misuse is over
                    call(Empty(), timeout=30)
                    self.answered += 1
                    if self._stop.is_set():
                        return
        except BaseException as error:
            self.failures.append(error)


def _attack(port: int, chunks: Iterator[bytes], *, read: bool = True) -> bool:
    """Send until the chunks end or the server is done with us; whether it hung up."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        try:
            sock.sendall(HELLO)
            for chunk in chunks:
                sock.sendall(chunk)
                if read:
                    sock.setblocking(False)
                    with contextlib.suppress(BlockingIOError):
                        while True:
                            if not sock.recv(65_536):
                                return True
                    sock.settimeout(60)
            while sock.recv(65_536):
                pass
        except (ConnectionError, TimeoutError) as error:
            return not isinstance(error, TimeoutError)
        return True


def _each(make: Callable[[Scripted, int], bytes], count: int = 40_000, batch: int = 100) -> Iterator[bytes]:
    script = Scripted(greet=False)
    for start in range(0, count, batch):
        yield b"".join(make(script, turn) for turn in range(start, start + batch))


def _stream(turn: int) -> int:
    return 2 * turn + 1


FLOODS: dict[str, Callable[[Scripted, int], bytes]] = {
    "rapid reset": lambda script, turn: script.headers(_stream(turn), GET) + frames.reset(_stream(turn), 8),
    "MadeYouReset by window": lambda script, turn: (
        script.headers(_stream(turn), POST, end_stream=False) + frames.window_update(_stream(turn), 0)
    ),
    "MadeYouReset by priority": lambda script, turn: (
        script.headers(_stream(turn), POST, end_stream=False)
        + frames.frame(frames.PRIORITY, 0, _stream(turn), _stream(turn).to_bytes(4) + b"\0")
    ),
    "PING": lambda script, turn: frames.frame(frames.PING, 0, 0, bytes(8)),
    "SETTINGS": lambda script, turn: setting(settings.INITIAL_WINDOW_SIZE, turn % 1000),
    "empty DATA": lambda script, turn: (script.headers(1, POST, end_stream=False) if turn == 0 else b"") + data(1, b""),
    "empty HEADERS": lambda script, turn: frames.frame(frames.HEADERS, frames.END_HEADERS, _stream(turn)),
    "CONTINUATION": lambda script, turn: frames.frame(
        frames.HEADERS if turn == 0 else frames.CONTINUATION, 0, 1, b"\x82" if turn == 0 else b""
    ),
    "WINDOW_UPDATE": lambda script, turn: frames.window_update(0, 1),
    "PRIORITY": lambda script, turn: frames.frame(frames.PRIORITY, 0, _stream(turn), bytes((0, 0, 0, 0, 1))),
    "unknown frames": lambda script, turn: frames.frame(0xEE, 0, 0, bytes(100)),
    "HPACK bomb": lambda script, turn: script.headers(
        _stream(turn), (*GET, *(("x-bomb", "b" * 3_900),) * (1 if turn == 0 else 100))
    ),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_cut_off_while_others_are_served(name: str, plain_server: Serving) -> None:
    with Polite(plain_server):
        assert _attack(plain_server.port, _each(FLOODS[name]))


def test_a_flood_that_reads_no_answers_is_cut_off_too(plain_server: Serving) -> None:
    with Polite(plain_server):
        assert _attack(plain_server.port, _each(FLOODS["PING"]), read=False)


def _large_request(script: Scripted, stream_id: int, size: int) -> bytes:
    message = SimpleRequest(response_size=size).SerializeToString()
    body = b"\0" + len(message).to_bytes(4) + message
    return script.headers(stream_id, LARGE, end_stream=False) + data(stream_id, body, end_stream=True)


def test_a_peer_that_asks_for_much_and_gives_no_window_is_given_up_and_its_queue_is_bounded() -> None:
    limits = Limits(tick=0.05, http2=Http2Limits(max_queued_bytes=1 << 20, congestion_timeout=1.0))
    with Serving(interop_service.methods(), sample_routes(), limits) as serving, Polite(serving):
        script = Scripted(greet=False)
        with socket.create_connection(("127.0.0.1", serving.port), timeout=60) as sock:
            sock.sendall(HELLO + setting(settings.INITIAL_WINDOW_SIZE, 0))
            sock.sendall(b"".join(_large_request(script, _stream(turn), 300_000) for turn in range(500)))
            received = b""
            queued = 0
            while piece := sock.recv(65_536):
                received += piece
                queued = max(queued, *(connection.queued_bytes for connection in _connections(serving)))
        assert received.endswith(b"the answers that were asked for are not taken")
        assert 1 << 20 < queued <= (1 << 20) + 300_100  # the answer that fills it may be on top


def _connections(serving: Serving) -> list[Connection]:
    sessions = [protocol._session for protocol in list(serving.server._connections)]
    return [session.connection for session in sessions if isinstance(session, Http2Session)]


def _collect_resets(received: bytes, resets: dict[int, int]) -> bytes:
    while len(received) >= 9:
        high, low, kind, _, stream_id = frames.HEADER.unpack_from(received)
        size = high << 8 | low
        if len(received) < 9 + size:
            break
        if kind == frames.RST_STREAM:
            resets[stream_id] = int.from_bytes(received[9:13])
        received = received[9 + size :]
    return received


def test_a_reader_that_stops_reading_is_not_read_from_and_cut_off() -> None:
    """The peer gives all the window there is, asks for much, and takes nothing off its socket."""
    limits = Limits(tick=0.05, write_timeout=1.0, http2=Http2Limits(max_queued_bytes=64 << 20))
    with Serving(interop_service.methods(), sample_routes(), limits) as serving, Polite(serving):
        script = Scripted(greet=False)
        with socket.create_connection(("127.0.0.1", serving.port), timeout=60) as sock:
            sock.sendall(HELLO + setting(settings.INITIAL_WINDOW_SIZE, 2**31 - 1) + frames.window_update(0, 2**30))
            with pytest.raises((ConnectionError, TimeoutError)) as ended:
                for turn in range(1_000_000):
                    sock.sendall(_large_request(script, _stream(turn), 1 << 20))
            assert not isinstance(ended.value, TimeoutError)


def test_pipelined_requests_whose_answers_are_not_read_get_none_made() -> None:
    made = 0

    async def large(request: HttpRequest) -> HttpResponse:
        nonlocal made
        made += 1
        return HttpResponse(200, [], bytes(100_000))

    routes = sample_routes()
    routes.add("GET", "/large", large)
    limits = Limits(tick=0.05, write_timeout=1.0)
    with Serving(interop_service.methods(), routes, limits) as serving, Polite(serving):
        sock = socket.create_connection(("127.0.0.1", serving.port), timeout=60)
        with sock, pytest.raises(ConnectionError):
            for _ in range(1_000_000):
                sock.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n" * 100)
    assert made < 200  # what fits into the buffers of both sockets


def test_when_all_together_hold_too_much_those_that_hold_most_are_closed() -> None:
    limits = Limits(tick=0.05, max_held_bytes=2_000_000)
    with Serving(interop_service.methods(), sample_routes(), limits) as serving, contextlib.ExitStack() as stack:
        socks = []
        for requests in (1, 2, 3, 4):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", serving.port), timeout=60))
            script = Scripted(greet=False)
            sock.sendall(HELLO + setting(settings.INITIAL_WINDOW_SIZE, 0))
            sock.sendall(b"".join(_large_request(script, _stream(turn), 300_000) for turn in range(requests)))
            socks.append(sock)
        with Polite(serving), contextlib.suppress(ConnectionError):
            while socks[3].recv(65_536):
                pass
        left = sorted(connection.queued_bytes // 300_000 for connection in _connections(serving))
        assert [count for count in left if count] == [1, 2, 3]


@pytest.mark.parametrize("beginning", [b"", b"PRI * HT", b"GET /health HTTP/1.1\r\nHost:", frames.PREFACE])
def test_a_connection_that_says_too_little_is_closed(beginning: bytes) -> None:
    limits = Limits(tick=0.05, handshake_timeout=0.5, request_timeout=0.5)
    with Serving(interop_service.methods(), sample_routes(), limits) as serving, Polite(serving):
        sock = socket.create_connection(("127.0.0.1", serving.port), timeout=60)
        with sock, contextlib.suppress(ConnectionResetError):
            sock.sendall(beginning)
            while sock.recv(65_536):
                pass


def test_a_silent_peer_is_asked_whether_it_lives_and_then_closed() -> None:
    limits = Limits(tick=0.05, keepalive_interval=0.5, keepalive_timeout=0.5)
    with Serving(interop_service.methods(), sample_routes(), limits) as serving:
        sock = socket.create_connection(("127.0.0.1", serving.port), timeout=60)
        received = b""
        with sock, contextlib.suppress(ConnectionResetError):
            sock.sendall(HELLO)
            while piece := sock.recv(65_536):
                received += piece
        assert b"tc-alive" in received


def test_a_body_that_never_ends_is_given_up() -> None:
    limits = Limits(tick=0.05, request_timeout=0.5)
    script = Scripted(greet=False)
    with Serving(interop_service.methods(), sample_routes(), limits) as serving, Polite(serving):
        for fields in (LARGE, POST):
            with socket.create_connection(("127.0.0.1", serving.port), timeout=60) as sock:
                sock.sendall(
                    HELLO + script.headers(1, fields, end_stream=False) + data(1, b"\0\0\0\0\xff" + b"x" * 100)
                )
                resets: dict[int, int] = {}
                received = b""
                while not resets:
                    received = _collect_resets(received + sock.recv(65_536), resets)
                assert resets == {1: ErrorCode.NO_ERROR}
            script = Scripted(greet=False)


def test_connections_beyond_the_limit_are_closed_and_the_rest_served() -> None:
    limits = Limits(max_connections=5)
    with Serving(interop_service.methods(), sample_routes(), limits) as serving, contextlib.ExitStack() as stack:
        with Polite(serving):
            for _ in range(4):
                stack.enter_context(socket.create_connection(("127.0.0.1", serving.port), timeout=60))
            while serving.server.connection_count() < 5:
                time.sleep(0.01)
            refused = socket.create_connection(("127.0.0.1", serving.port), timeout=60)
            with refused, contextlib.suppress(ConnectionResetError):
                assert refused.recv(1) == b""
        assert serving.server.refused_connections == 1


def test_a_message_over_the_limit_is_refused_by_grpc_itself(plain_server: Serving) -> None:
    with grpc.insecure_channel(plain_server.endpoint) as channel:
        call = channel.unary_unary(
            "/grpc.testing.TestService/UnaryCall", response_deserializer=SimpleResponse.FromString
        )
        with pytest.raises(grpc.RpcError) as refused:
            call(bytes(3_000_000))
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refused.value.details() == "grpc: received message larger than max (3000000 vs. 2097152)"
        large = SimpleRequest(response_size=3_000_000)
        large.payload.body = bytes(2_000_000)
        assert len(call(large.SerializeToString()).payload.body) == 3_000_000
