# SPDX-License-Identifier: Apache-2.0
"""A blocking HTTP/2 client of one request at a time, on the client role of ``wire.http2``."""

from __future__ import annotations

import socket
import ssl
import time
from types import TracebackType

from tricord.wire.http2.connection import Connection, Role
from tricord.wire.http2.events import DataReceived, HeadersReceived, StreamReset, Terminated
from tricord.wire.http2.limits import CLIENT_LIMITS


class Http2Client:
    """``with Http2Client(port) as client: status, headers, body = client.request("GET", "/health")``."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        if tls is not None:
            wrapped = tls.wrap_socket(self._socket, server_hostname="localhost")
            assert wrapped.selected_alpn_protocol() == "h2"
            self._socket = wrapped
        self._connection = Connection(Role.CLIENT, CLIENT_LIMITS, wake=lambda: None, now=time.monotonic())
        self._connection.start()

    def __enter__(self) -> Http2Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def request(
        self, method: str, path: str, body: bytes = b"", headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> tuple[int, dict[bytes, bytes], bytes]:
        """One request and its whole answer. A reset after a whole answer is no error."""
        connection = self._connection
        fields = (
            (b":method", method.encode()),
            (b":scheme", b"http"),
            (b":path", path.encode()),
            (b":authority", b"localhost"),
            *headers,
        )
        stream = connection.open_stream(connection.encoder.encode(fields), end_stream=not body)
        if body:
            connection.send_data(stream, body, end_stream=True)
        status, answered, received = 0, {}, b""
        while True:
            while output := connection.take_output():
                self._socket.sendall(output)
            data = self._socket.recv(65_536)
            assert data, "the server hung up"
            for event in connection.receive(data, time.monotonic()):
                assert not isinstance(event, Terminated), event
                assert not isinstance(event, StreamReset), event
                if isinstance(event, HeadersReceived):
                    status, answered = event.block.status, dict(event.block.fields)
                if isinstance(event, DataReceived):
                    received += event.data
                    connection.consume(event.stream, len(event.data))
                if isinstance(event, HeadersReceived | DataReceived) and event.end_stream:
                    return status, answered, received
