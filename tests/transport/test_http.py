# SPDX-License-Identifier: Apache-2.0
"""Routes answer alike over HTTP/1.1 and HTTP/2, plain and with TLS, on one port."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.transport.conftest import Certificates, sample_routes
from tests.transport.http2_client import Http2Client
from tests.transport.serving import Serving
from tricord.transport import Limits
from tricord.transport.tls import client_context, server_context
from tricord.wire.http.limits import HttpLimits
from tricord.wire.http.routes import HttpRequest, HttpResponse, Routes

Answer = tuple[int, dict[bytes, bytes], bytes]
Ask = Callable[..., Answer]


@contextmanager
def _http1(port: int, tls: ssl.SSLContext | None = None) -> Iterator[Ask]:
    if tls is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    else:
        connection = http.client.HTTPSConnection("localhost", port, timeout=60, context=tls)

    def ask(method: str, path: str, body: bytes = b"", headers: Any = ()) -> Answer:
        sent = {name.decode(): value.decode() for name, value in headers}
        connection.request(method, path, body or None, sent)
        response = connection.getresponse()
        read = response.read()
        return response.status, {name.lower().encode(): value.encode() for name, value in response.getheaders()}, read

    yield ask
    connection.close()


@contextmanager
def _http2(port: int, tls: ssl.SSLContext | None = None) -> Iterator[Ask]:
    with Http2Client(port, tls) as client:
        yield client.request


VERSIONS = pytest.mark.parametrize("version", [_http1, _http2], ids=["http1", "http2"])


def _check_routes(ask: Ask) -> None:
    for _ in range(3):
        assert ask("GET", "/health")[::2] == (200, b'{"health":"true"}')
    status, headers, body = ask("HEAD", "/health")
    assert (status, body, headers[b"content-length"]) == (200, b"", b"17")
    assert ask("GET", "/nothing")[0] == 404
    status, headers, _ = ask("POST", "/health", b"x" * 100_000)
    assert (status, headers[b"allow"]) == (405, b"GET, HEAD")
    assert ask("POST", "/echo?q=1", b"hello")[::2] == (200, b"hello")
    large = bytes(range(256)) * 12_000
    assert ask("POST", "/echo", large)[::2] == (200, large)
    assert ask("GET", "/health")[0] == 200


@VERSIONS
def test_routes_without_tls(version: Any, plain_server: Serving) -> None:
    with version(plain_server.port) as ask:
        _check_routes(ask)


@VERSIONS
def test_routes_with_tls(version: Any, tls_server: Serving, certificates: Certificates) -> None:
    context = client_context(certificates.authority)
    if version is _http1:
        context.set_alpn_protocols(["http/1.1"])
    with version(tls_server.port, context) as ask:
        _check_routes(ask)


def test_old_tls_and_foreign_certificates_are_refused(tls_server: Serving, certificates: Certificates) -> None:
    old = ssl.create_default_context(cafile=certificates.authority)
    with pytest.warns(DeprecationWarning):
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    for context in (old, client_context()):
        with pytest.raises(ssl.SSLError), _http1(tls_server.port, context) as ask:
            ask("GET", "/health")


def test_mutual_tls_asks_for_a_certificate(certificates: Certificates) -> None:
    demanding = server_context(certificates.certificate, certificates.key, certificates.authority)
    with Serving([], sample_routes(), tls=demanding) as serving:
        known = client_context(certificates.authority, certificates.certificate, certificates.key)
        known.set_alpn_protocols(["http/1.1"])
        with _http1(serving.port, known) as ask:
            assert ask("GET", "/health")[0] == 200
        unknown = client_context(certificates.authority)
        unknown.set_alpn_protocols(["http/1.1"])
        with pytest.raises((ssl.SSLError, ConnectionError)), _http1(serving.port, unknown) as ask:
            ask("GET", "/health")


@VERSIONS
def test_a_body_over_the_limit_is_413_and_a_broken_handler_500(version: Any) -> None:
    routes = sample_routes()

    async def broken(request: HttpRequest) -> HttpResponse:
        raise KeyError("detail")

    routes.add("GET", "/broken", broken)
    with Serving([], routes, Limits(http=HttpLimits(max_body_size=1_000))) as serving:
        with version(serving.port) as ask:
            assert ask("GET", "/broken")[::2] == (500, b"internal error\n")
            assert ask("POST", "/echo", b"x" * 1_000)[0] == 200
            assert ask("POST", "/echo", b"x" * 1_001)[0] == 413
        assert [where for _, where in serving.faults] == ["/broken"]


@VERSIONS
def test_an_answer_may_be_an_iterator(version: Any) -> None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        for number in range(200):
            yield b"%04d" % number * 1_000

    async def stream(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, [], pieces())

    routes = sample_routes()
    routes.add("GET", "/stream", stream)
    with Serving([], routes) as serving, version(serving.port) as ask:
        status, headers, body = ask("GET", "/stream")
        assert (status, len(body), b"content-length" in headers) == (200, 800_000, False)
        assert body == b"".join(b"%04d" % number * 1_000 for number in range(200))
        assert ask("GET", "/health")[0] == 200


def _raw(port: int, wire: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        sock.sendall(wire)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := sock.recv(65_536):
            answer += piece
        return answer


def test_pipelined_requests_are_answered_in_order_and_after_the_end_of_input(plain_server: Serving) -> None:
    wire = b"".join(
        b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n%05d" % number for number in range(200)
    )
    answer = _raw(plain_server.port, wire)
    assert [part[-5:] for part in answer.split(b"HTTP/1.1 200 OK")[1:]] == [b"%05d" % number for number in range(200)]


def test_the_header_decides_about_closing_and_continuing(plain_server: Serving) -> None:
    closing = b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" * 2
    answer = _raw(plain_server.port, closing)
    assert (answer.count(b"HTTP/1.1 200 OK"), b"connection: close" in answer) == (1, True)
    expecting = b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok"
    assert _raw(plain_server.port, expecting).startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert _raw(plain_server.port, b"GET /health HTTP/1.1\r\nbroken\r\n\r\n").startswith(b"HTTP/1.1 400 Bad Request")
    assert _raw(plain_server.port, b"\x16\x03\x01 not http at all\r\n\r\n") == b""


def test_a_draining_server_answers_what_it_was_asked_over_http1(plain_server: Serving) -> None:
    with _http1(plain_server.port) as ask:
        assert ask("GET", "/health")[0] == 200
        plain_server.run(plain_server.server.drain(10))
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            ask("GET", "/health")
    assert plain_server.server.connection_count() == 0


def test_a_port_in_use_is_an_error_of_the_operating_system(plain_server: Serving) -> None:
    with pytest.raises(OSError, match="address already in use"):
        plain_server.run(plain_server.server.listen("127.0.0.1", plain_server.port))


def test_routes_are_looked_up_when_asked(plain_server: Serving) -> None:
    assert isinstance(plain_server.server.routes, Routes)

    async def late(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, [], request.version.encode())

    plain_server.server.routes.add("GET", "/late", late)
    for version, number in ((_http1, b"1.1"), (_http2, b"2")):
        with version(plain_server.port) as ask:
            assert ask("GET", "/late")[::2] == (200, number)
