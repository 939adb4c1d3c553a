# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 in bytes: whole requests come out, limits hold, nothing raises."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tricord.wire.http.http1 import Complete, ContinueExpected, Event, Http1Connection, Refusal, head
from tricord.wire.http.limits import HttpLimits
from tricord.wire.http.routes import HttpRequest, HttpResponse

LIMITS = HttpLimits(max_header_size=1_000, max_body_size=1_000)


def _requests(events: list[Event]) -> list[HttpRequest]:
    return [event.request for event in events if isinstance(event, Complete)]


def _refused(events: list[Event]) -> int | None:
    last = events[-1]
    assert isinstance(last, Refusal)
    return None if last.response is None else last.response.status


def test_pipelined_requests_come_out_in_order_in_whatever_pieces() -> None:
    wire = (
        b"GET /health?full=1 HTTP/1.1\r\nHost: a\r\n\r\n"
        b"POST /v3/kv/put HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
        b"POST /v3/kv/put HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        b"GET / HTTP/1.0\r\n\r\n"
    )
    for cut in (1, 7, 1000):
        connection = Http1Connection(LIMITS)
        events = [event for at in range(0, len(wire), cut) for event in connection.receive(wire[at : at + cut])]
        first, second, third, last = _requests(events)
        assert (first.method, first.path, first.query, first.version) == ("GET", "/health", "full=1", "1.1")
        assert first.header(b"host") == b"a"
        assert (second.body, third.body) == (b"hello", b"abcde")
        assert [event.keep_alive for event in events if isinstance(event, Complete)] == [True, True, True, False]
        assert last.version == "1.0"


def test_100_continue_is_asked_for_before_the_body() -> None:
    connection = Http1Connection(LIMITS)
    events = connection.receive(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert events == [ContinueExpected()]
    assert _requests(connection.receive(b"ok"))[0].body == b"ok"


def test_the_wish_to_change_the_protocol_is_ignored() -> None:
    wish = b"Host: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    wire = (
        (b"GET /h?a=b HTTP/1.1\r\n" + wish + b"\r\n") * 2
        + b"POST /p HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n"
        + wish
        + b"\r\nabcGET /2 HTTP/1.1\r\n\r\n"
    )
    for cut in (1, 50, 1000):
        connection = Http1Connection(LIMITS)
        events = [event for at in range(0, len(wire), cut) for event in connection.receive(wire[at : at + cut])]
        found = [(request.method, request.path, request.query, request.body) for request in _requests(events)]
        assert found == [("GET", "/h", "a=b", b"")] * 2 + [("POST", "/p", "", b"abc"), ("GET", "/2", "", b"")]
        assert sum(isinstance(event, ContinueExpected) for event in events) == 1


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        (b"GET / HTTP/1.1\r\nbroken header\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1_001, 413),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 1_000 + b"\r\n\r\n", 431),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /" + b"x" * 1_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"BLAH\r\n\r\n", None),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", None),  # TLS to a port without
    ],
)
def test_what_is_refused_and_how(wire: bytes, status: int | None) -> None:
    connection = Http1Connection(LIMITS)
    assert _refused(connection.receive(wire)) == status
    assert connection.failed
    assert connection.receive(b"GET / HTTP/1.1\r\n\r\n") == []


def test_a_header_that_never_ends_is_refused() -> None:
    connection = Http1Connection(LIMITS)
    connection.receive(b"GET / HTTP/1.1\r\nX: ")
    events: list[Event] = []
    for _ in range(100):
        events = connection.receive(b"x" * 1_000)
        if events:
            break
    assert _refused(events) == 431


def test_a_head_says_how_its_body_ends() -> None:
    request = HttpRequest("GET", "/", "", [], b"", "1.1")
    whole = head(HttpResponse(200, [(b"a", b"b")], b"12345"), request, keep_alive=True)
    assert whole == b"HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 5\r\n\r\n"
    assert b"connection: close" in head(HttpResponse(500, [], b""), request, keep_alive=False)
    assert b"content-length" not in head(HttpResponse(204, [], b""), request, keep_alive=True)
    split = head(HttpResponse(200, [(b"a", b"b\r\nset-cookie: evil")], b""), request, keep_alive=True)
    assert b"evil" not in split


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.binary(max_size=60).map(lambda noise: b"POST / HTTP/1.1\r\n" + noise)))
def test_any_bytes(noise: bytes) -> None:
    connection = Http1Connection(LIMITS)
    for position in range(0, len(noise), 7):
        connection.receive(noise[position : position + 7])
