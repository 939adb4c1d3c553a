# SPDX-License-Identifier: Apache-2.0
"""One HTTP/1.1 connection of a server (RFC 9112), without IO; ``httptools`` parses.

``receive`` gives whole requests in order (pipelined ones too); the owner answers each in that order with ``head`` and
the body. A request that is malformed or over a limit gives a ``Refusal``: answer it, then close.
"""

from __future__ import annotations

from typing import TypeAlias

import httptools

from tricord.base.message import message
from tricord.wire.http.limits import HttpLimits
from tricord.wire.http.routes import HttpRequest, HttpResponse, plain

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_REASONS = {
    200: b"OK",
    201: b"Created",
    204: b"No Content",
    301: b"Moved Permanently",
    302: b"Found",
    304: b"Not Modified",
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    409: b"Conflict",
    412: b"Precondition Failed",
    413: b"Content Too Large",
    415: b"Unsupported Media Type",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    501: b"Not Implemented",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
    507: b"Insufficient Storage",
}


@message
class Refusal:
    """A request that is not served; the connection ends after the answer. None: not HTTP at all, just close."""

    response: HttpResponse | None


@message
class Complete:
    """A whole request. ``keep_alive``: whether the connection goes on after its answer."""

    request: HttpRequest
    keep_alive: bool


@message
class ContinueExpected:
    """The client waits for 100 Continue before it sends the body."""


Event: TypeAlias = Complete | ContinueExpected | Refusal


class Http1Connection:
    """Bytes in, requests out."""

    def __init__(self, limits: HttpLimits) -> None:
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self._events: list[Event] = []
        self.failed = False
        """A refusal was given; nothing is read any more."""
        self.idle = True
        """Between requests."""
        self._served = False
        """A request line was understood."""
        self._reset()

    def _reset(self) -> None:
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._header_bytes = 0
        self._header_size = 0
        self._body = bytearray()
        self._in_body = False

    def receive(self, data: bytes) -> list[Event]:
        """Bytes of the socket, split anyhow. Never raises."""
        self._events = []
        if self.failed or not data:
            return []
        self.idle = False
        if not self._in_body:
            # Counts what is parsed now as well: a header that never ends must not grow for ever.
            self._header_bytes += len(data)
        try:
            while data:
                data = self._feed(data)
        except httptools.HttpParserError as error:
            if not self.failed:
                first_line = data.partition(b"\n")[0]
                stranger = not self._served and b" HTTP/" not in first_line
                self._refuse(None if stranger else plain(400, f"bad request: {error}"))
        else:
            if not self._in_body and not self.idle and self._header_bytes > self._limits.max_header_size + 65_536:
                self._refuse(plain(431, "request header is larger than the limit"))
        return self._events

    def _feed(self, data: bytes) -> bytes:
        """Give the parser ``data``; what it is to be given next is returned: b"" in all cases but one."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # ``curl --http2`` asks to change the protocol. RFC 9110, section 7.8: a server may ignore that; but the
            # parser took the body for the other protocol's. So the request is parsed again without the wish.
            last = self._events.pop()
            assert isinstance(last, Complete)
            if self._events and isinstance(self._events[-1], ContinueExpected):
                self._events.pop()
            if last.request.method == "CONNECT":
                self._refuse(plain(501, "CONNECT is not offered"))
                return b""
            self._parser = httptools.HttpRequestParser(self)
            return _without_upgrade(last.request) + data[upgrade.args[0] :]
        return b""

    def close(self) -> None:
        """Let go of the parser, which holds this object; nothing is received any more."""
        self.failed = True
        del self._parser

    def body_size(self) -> int:
        """Bytes of the body under way."""
        return len(self._body)

    def _refuse(self, response: HttpResponse | None) -> None:
        self.failed = True
        self._events.append(Refusal(response))

    # --- called by the parser ------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._reset()
        self.idle = False

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._count_header(len(url))

    def on_header(self, name: bytes, value: bytes | None) -> None:
        value = value or b""
        self._count_header(len(name) + len(value) + 4)
        if not self._in_body:  # trailers of a chunked body are dropped
            self._headers.append((name.lower(), value.strip()))

    def _count_header(self, size: int) -> None:
        self._header_size += size
        if self._header_size > self._limits.max_header_size:
            self._refuse(plain(431, "request header is larger than the limit"))
            raise _Refused

    def on_headers_complete(self) -> None:
        self._in_body = self._served = True
        expects = False
        for name, value in self._headers:
            if name == b"content-length" and value.isdigit() and int(value) > self._limits.max_body_size:
                self._too_large()
            if name == b"expect" and value.lower() == b"100-continue":
                expects = True
        if expects and self._parser.get_http_version() == "1.1":
            self._events.append(ContinueExpected())

    def on_body(self, body: bytes) -> None:
        if len(self._body) + len(body) > self._limits.max_body_size:
            self._too_large()
        self._body += body

    def _too_large(self) -> None:
        self._refuse(plain(413, f"request body is larger than {self._limits.max_body_size} bytes"))
        raise _Refused

    def on_message_complete(self) -> None:
        try:
            url = httptools.parse_url(self._url)
            path = (url.path or b"/").decode("ascii")
            query = (url.query or b"").decode("ascii")
        except (httptools.HttpParserError, UnicodeDecodeError):
            self._refuse(plain(400, "bad request: the target is not a URL"))
            raise _Refused from None
        request = HttpRequest(
            method=self._parser.get_method().decode("ascii"),
            path=path,
            query=query,
            headers=self._headers,
            body=bytes(self._body),
            version=self._parser.get_http_version(),
        )
        self._events.append(Complete(request, bool(self._parser.should_keep_alive())))
        self._reset()
        self.idle = True


def _without_upgrade(request: HttpRequest) -> bytes:
    target = f"{request.path}?{request.query}" if request.query else request.path
    lines = [f"{request.method} {target} HTTP/{request.version}".encode()]
    lines += [name + b": " + value for name, value in request.headers if name not in (b"upgrade", b"connection")]
    return b"\r\n".join(lines) + b"\r\n\r\n"


class _Refused(Exception):
    """Leaves the parser after a refusal was recorded; httptools turns it into an error of its own."""


def head(response: HttpResponse, request: HttpRequest | None, *, keep_alive: bool) -> bytes:
    """The status line and the header. An iterated body is chunked (HTTP/1.1) or ends with the connection (1.0)."""
    status = response.status
    version = b"1.0" if request is not None and request.version == "1.0" else b"1.1"
    lines = [b"HTTP/%s %d %s" % (version, status, _REASONS.get(status, b"Status"))]
    lines.extend(name + b": " + value for name, value in response.headers if b"\n" not in value and b"\r" not in value)
    if isinstance(response.body, bytes):
        if status >= 200 and status not in (204, 304):
            lines.append(b"content-length: %d" % len(response.body))
    elif version == b"1.1":
        lines.append(b"transfer-encoding: chunked")
    if not keep_alive:
        lines.append(b"connection: close")
    elif version == b"1.0":
        lines.append(b"connection: keep-alive")
    return b"\r\n".join(lines) + b"\r\n\r\n"


def has_body(response: HttpResponse, request: HttpRequest | None) -> bool:
    """Whether a body follows the head."""
    return response.status not in (204, 304) and (request is None or request.method != "HEAD")
