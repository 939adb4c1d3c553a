# SPDX-License-Identifier: Apache-2.0
"""gRPC calls over one HTTP/2 connection that we dialled: the client's half of the transport.

One connection carries any number of calls at once; what is asked for in one turn of the loop leaves in one write. It
does not retry and does not reconnect: it says of each broken call whether the server can have begun it.
(gRPC over HTTP2, "Requests", "Responses"; RFC 9113, section 8.7 for what may be retried.)
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, cast

from tricord.base.environment import Environment, Timer
from tricord.base.message import message
from tricord.transport.client_call import CallBroken, ClientCall, status_error
from tricord.transport.client_stream import ClientStream
from tricord.wire.grpc.metadata import encode_metadata
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.grpc.timeouts import encode_timeout
from tricord.wire.http2.connection import Connection, Role
from tricord.wire.http2.errors import ErrorCode
from tricord.wire.http2.events import (
    DataReceived,
    Event,
    GoAwayReceived,
    HeadersReceived,
    SettingsReceived,
    StreamReset,
    Terminated,
    TrailersReceived,
)
from tricord.wire.http2.header_validation import Field, HeaderBlock
from tricord.wire.http2.limits import CLIENT_LIMITS

__all__ = ["CallBroken", "ClientConnection", "ConnectionOptions", "dial"]

AnyCall: TypeAlias = ClientCall | ClientStream

_USER_AGENT = b"tricord-python"
_PROBE = b"tc-alive"
_SPARE_STREAMS = 100
"""What of a server's limit is kept for calls, or a tenth of it: streams are open for long."""


@message
class ConnectionOptions:
    """Bounds of one connection. Sizes are bytes, times seconds."""

    max_response_bytes: int = 256 << 20
    """Largest message accepted in an answer."""
    max_waiting_calls: int = 100_000
    """Calls that wait for the server to allow another stream; more are refused."""
    probe_timeout: float = 2.0
    """How long a PING may go unanswered before the connection is given up."""
    silence_seconds: float = 1.0
    """How long nothing may arrive while calls wait before the server is asked by a PING: a machine that vanished, or a
    process that was paused, does not close its connections."""
    stream_silence_seconds: float = 10.0
    """The same while only streams are open, which may be silent for long; servers resent more pings than this."""
    idle_seconds: float = 30.0
    """After so much silence a call first asks by a PING whether the connection still leads anywhere. A firewall may
    have forgotten it, and of a write sent into nowhere nobody would know the outcome."""


class ClientConnection(asyncio.Protocol):
    """One connection. All methods run on the loop that dialled it."""

    def __init__(
        self,
        environment: Environment,
        authority: str,
        *,
        secure: bool = False,
        metadata: Iterable[tuple[str, str | bytes]] = (),
        options: ConnectionOptions | None = None,
    ) -> None:
        self._clock = environment.clock
        self._tasks = environment.tasks
        self._options = options or ConnectionOptions()
        self._authority = authority.encode("idna" if not authority.isascii() else "ascii")
        self._scheme = b"https" if secure else b"http"
        self._metadata = tuple(encode_metadata(metadata))
        self._requests: dict[str, tuple[Field, ...]] = {}
        self._http2 = Connection(Role.CLIENT, CLIENT_LIMITS, wake=self._wake, now=self._clock.monotonic())
        self._waiting: deque[AnyCall] = deque()
        self._transport: asyncio.Transport | None = None
        self._writing = True
        self._last_received = 0.0
        self._probe: Timer | None = None
        self._watch: Timer | None = None
        self._stream_watch: Timer | None = None
        self._proof: asyncio.Future[None] | None = None
        self._end: GrpcError | None = None
        self._refuses = ""
        self._retired = False
        loop = asyncio.get_running_loop()
        self._greeted: asyncio.Future[None] = loop.create_future()
        self._closed: asyncio.Future[None] = loop.create_future()

    # --- for the caller ------------------------------------------------------------------------------------

    @property
    def usable(self) -> bool:
        """Whether a new call may be tried here: it is open and the server did not say goodbye."""
        return self._end is None and not self._refuses

    @property
    def crowded(self) -> bool:
        """Whether the server allows so few further streams that one which is open for long should not be here."""
        limit = self._http2.peer.max_concurrent_streams
        return self._http2.streams_available() <= min(_SPARE_STREAMS, limit // 10)

    async def greeted(self) -> None:
        """Wait until the server has shown that it speaks HTTP/2. Raises CallBroken when it does not."""
        await asyncio.shield(self._greeted)

    async def unary(
        self,
        path: str,
        request: bytes,
        timeout: float,
        metadata: Iterable[Field] = (),
        heard: Callable[[list[Field]], None] | None = None,
    ) -> bytes:
        """One message there, one back. ``timeout`` in seconds; ``metadata`` (encoded) travels with this call alone.
        ``heard`` is told the fields of the answer's head, if it ends well. Costs about 30 us.

        Raises GrpcError with the status that the server answered, or CallBroken.
        """
        now = self._clock.monotonic()
        if now - self._last_received > self._options.idle_seconds and self.usable:
            await self._prove_alive(timeout)
            timeout += now - self._clock.monotonic()
        call = ClientCall(path, request, now + timeout, asyncio.get_running_loop().create_future())
        call.metadata = tuple(metadata)
        call.heard = heard
        self._begin(call)
        if not call.answer.done():
            call.timer = self._tasks.call_later(timeout, self._time_out, call)
            if self._watch is None:
                self._watch = self._tasks.call_later(self._options.silence_seconds, self._watch_silence)
        try:
            return await call.answer
        except asyncio.CancelledError:
            self._abandon(call)
            raise

    async def stream(
        self, path: str, timeout: float | None = None, metadata: Iterable[tuple[str, str | bytes]] = ()
    ) -> ClientStream:
        """Open a call of any number of messages either way; ``timeout`` (seconds) is for all of it, None for no end.

        ``metadata`` travels with this call alone. Raises CallBroken when it cannot be opened now.
        """
        now = self._clock.monotonic()
        if now - self._last_received > self._options.idle_seconds and self.usable:
            await self._prove_alive(self._options.probe_timeout * 2)
        call = ClientStream(self._http2, path, None if timeout is None else now + timeout, self._abandon)
        call.metadata = tuple(encode_metadata(metadata))
        self._begin(call)
        if self._stream_watch is None and not call.over:
            patience = self._options.stream_silence_seconds
            self._stream_watch = self._tasks.call_later(patience, self._watch_silent_streams)
        if timeout is not None and not call.over:
            call.timer = self._tasks.call_later(timeout, self._time_out, call)
        return call

    async def _prove_alive(self, timeout: float) -> None:
        """Return when the server has answered a PING. Raises CallBroken when it does not: nothing was sent."""
        if self._proof is None:
            self._proof = asyncio.get_running_loop().create_future()
            self._probe_peer()
        proof = self._proof
        done, _ = await asyncio.wait((proof,), timeout=timeout)
        if not done:
            raise CallBroken(Status.DEADLINE_EXCEEDED, "the server does not answer", sent=False)
        if self._end is not None:
            raise CallBroken(Status.UNAVAILABLE, self._end.text, sent=False)

    def retire(self) -> None:
        """Take no more calls; close when those under way are done."""
        self._refuses = self._refuses or "the connection is being closed"
        self._retired = True
        self._close_when_idle()

    def close(self) -> None:
        """Say goodbye and close. Calls under way break."""
        if self._end is None:
            self._http2.terminate(ErrorCode.NO_ERROR, "")
            self._flush()
            self._finish("the client was closed")
        if self._transport is not None:
            self._transport.close()

    async def wait_closed(self) -> None:
        """Until the socket is gone."""
        if self._transport is not None:
            await asyncio.shield(self._closed)

    # --- calls ---------------------------------------------------------------------------------------------

    def _begin(self, call: AnyCall) -> None:
        if self._end is not None or self._refuses:
            call.fail(CallBroken(Status.UNAVAILABLE, self._end.text if self._end else self._refuses, sent=False))
        elif self._http2.streams_available() > 0 and not self._waiting:
            self._send(call)
        elif len(self._waiting) < self._options.max_waiting_calls:
            self._waiting.append(call)
        else:
            call.fail(CallBroken(Status.RESOURCE_EXHAUSTED, "too many calls wait for this connection", sent=False))

    def _send(self, call: AnyCall) -> None:
        fields = self._requests.get(call.path)
        if fields is None:
            fields = self._requests[call.path] = self._request_fields(call.path)
        varying: tuple[Field, ...] = ()
        if call.deadline is not None:
            varying = ((b"grpc-timeout", encode_timeout(call.deadline - self._clock.monotonic())),)
        if call.metadata:
            varying += call.metadata
        block = self._http2.encoder.encode(fields, varying)
        call.opened(self._http2, self._http2.open_stream(block, context=call))

    def _request_fields(self, path: str) -> tuple[Field, ...]:
        return (
            (b":method", b"POST"),
            (b":scheme", self._scheme),
            (b":path", path.encode("ascii")),
            (b":authority", self._authority),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc"),
            (b"user-agent", _USER_AGENT),
            (b"grpc-accept-encoding", b"identity,gzip"),
            *self._metadata,
        )

    def _send_waiting(self) -> None:
        while self._waiting and self._http2.streams_available() > 0:
            call = self._waiting.popleft()
            if not call.over:
                self._send(call)

    def _abandon(self, call: AnyCall) -> None:
        """The caller does not wait any more."""
        call.drop_timer()
        if call.stream is not None:
            self._http2.reset(call.stream, ErrorCode.CANCEL)
            self._send_waiting()
            self._close_when_idle()

    def _close_when_idle(self) -> None:
        if self._retired and self._end is None and not self._http2.streams and not self._waiting:
            self.close()

    def _time_out(self, call: AnyCall) -> None:
        if call.over:
            return
        sent = call.stream is not None
        self._abandon(call)
        call.fail(CallBroken(Status.DEADLINE_EXCEEDED, "no answer in time", sent=sent))
        # A silent peer may be gone for good: ask it, so that later calls need not time out each.
        if sent:
            self._probe_peer()

    def _probe_peer(self) -> None:
        """Anything received from now on shows that the server is there; nothing, that it is not."""
        if self._probe is None and self._end is None:
            self._http2.ping(_PROBE)
            silent_since = self._last_received
            self._probe = self._tasks.call_later(self._options.probe_timeout, self._judge_silence, silent_since)

    def _watch_silence(self) -> None:
        """While calls wait: ask a server that says nothing whether it is there."""
        self._watch = None
        if not self._waiting and not any(type(stream.context) is ClientCall for stream in self._http2.streams.values()):
            return
        patience = self._options.silence_seconds
        quiet = self._clock.monotonic() - self._last_received
        if quiet >= patience:
            self._probe_peer()
            quiet = 0.0
        # Never a pause that is too short for the clock to move on.
        self._watch = self._tasks.call_later(max(patience - quiet, 0.001), self._watch_silence)

    def _watch_silent_streams(self) -> None:
        """While streams are open: the same, with more patience."""
        self._stream_watch = None
        if not any(type(stream.context) is ClientStream for stream in self._http2.streams.values()):
            return
        patience = self._options.stream_silence_seconds
        quiet = self._clock.monotonic() - self._last_received
        if quiet >= patience:
            self._probe_peer()
            quiet = 0.0
        self._stream_watch = self._tasks.call_later(max(patience - quiet, 0.001), self._watch_silent_streams)

    def _judge_silence(self, silent_since: float) -> None:
        self._probe = None
        if self._last_received == silent_since and self._transport is not None:
            self._finish("the server does not answer")
            self._transport.abort()
        self._end_proof()

    def _end_proof(self) -> None:
        proof, self._proof = self._proof, None
        if proof is not None and not proof.done():
            proof.set_result(None)

    # --- the socket ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._last_received = self._clock.monotonic()
        negotiated = transport.get_extra_info("ssl_object")
        if negotiated is not None and negotiated.selected_alpn_protocol() != "h2":
            self._finish("the server does not speak HTTP/2 over TLS (ALPN)")
            transport.close()
            return
        self._http2.start()

    def data_received(self, data: bytes) -> None:
        if self._end is not None:
            return
        now = self._last_received = self._clock.monotonic()
        if self._proof is not None:
            self._end_proof()
        for event in self._http2.receive(data, now):
            _HANDLERS.get(type(event), ClientConnection._ignore)(self, event)
        if self._waiting:
            self._send_waiting()
        if self._retired:
            self._close_when_idle()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        reason = f"the connection was lost: {error}" if error else "the server closed the connection"
        if self._end is None and not self._greeted.done():
            reason = "the server closed the connection before HTTP/2 began; does it want TLS, or speak something else?"
        self._finish(reason)
        self._transport = None
        if not self._closed.done():
            self._closed.set_result(None)

    def pause_writing(self) -> None:
        self._writing = False

    def resume_writing(self) -> None:
        self._writing = True
        self._flush()

    def _wake(self) -> None:
        self._tasks.call_soon(self._flush)

    def _flush(self) -> None:
        transport = self._transport
        while transport is not None and self._writing:
            output = self._http2.take_output()
            if not output:
                return
            transport.write(output)

    def _finish(self, reason: str) -> None:
        """Every call under way breaks; later ones fail before they are sent."""
        if self._end is not None:
            return
        self._end = CallBroken(Status.UNAVAILABLE, reason)
        for timer in (self._probe, self._watch, self._stream_watch):
            if timer is not None:
                timer.cancel()
        self._end_proof()
        if not self._greeted.done():
            self._greeted.set_exception(CallBroken(Status.UNAVAILABLE, reason, sent=False))
            self._greeted.exception()  # whoever waits is told; if nobody does, that is no error
        for stream in list(self._http2.streams.values()):
            stream.context.fail(CallBroken(Status.UNAVAILABLE, reason))
        while self._waiting:
            self._waiting.popleft().fail(CallBroken(Status.UNAVAILABLE, reason, sent=False))

    # --- what the server said ------------------------------------------------------------------------------

    def _ignore(self, event: Event) -> None:
        return

    def _on_settings(self, event: SettingsReceived) -> None:
        if not self._greeted.done():
            self._greeted.set_result(None)

    def _on_headers(self, event: HeadersReceived) -> None:
        call: AnyCall = event.stream.context
        if event.end_stream:
            self._end_call(call, event.block)
            return
        call.head = event.block
        if event.block.status != 200:
            # The body is a proxy's page; what it says of itself is enough.
            self._abandon(call)
            call.fail(status_error(event.block))

    def _on_data(self, event: DataReceived) -> None:
        call: AnyCall = event.stream.context
        data = event.data
        try:
            used = call.feed(data, self._options.max_response_bytes)
        except GrpcError as error:
            self._abandon(call)
            call.fail(CallBroken(error.status, error.text))
            return
        if event.end_stream:
            call.fail(CallBroken(Status.INTERNAL, "the answer ended without a status"))
        else:
            self._http2.consume(event.stream, used)

    def _on_trailers(self, event: TrailersReceived) -> None:
        self._end_call(event.stream.context, event.block)

    def _end_call(self, call: AnyCall, block: HeaderBlock) -> None:
        error = block.derived.value
        if error is None:
            error = block.derived.value = status_error(block)
        if call.stream is not None and call.stream.local_open:
            self._http2.reset(call.stream, ErrorCode.NO_ERROR)
        assert isinstance(error, GrpcError)
        if error.status != Status.OK:
            call.fail(GrpcError(error.status, error.text, code=error.code))
        else:
            call.complete()

    def _on_reset(self, event: StreamReset) -> None:
        refused = event.by_peer and event.code == ErrorCode.REFUSED_STREAM
        name = ErrorCode(event.code).name if event.code <= ErrorCode.HTTP_1_1_REQUIRED else str(event.code)
        text = f"the stream was reset by the {'server' if event.by_peer else 'client'}: {name}"
        event.stream.context.fail(CallBroken(Status.UNAVAILABLE, text, sent=not refused))

    def _on_goaway(self, event: GoAwayReceived) -> None:
        self._refuses = f"the server is closing the connection{': ' + event.text if event.text else ''}"
        self._retired = True
        while self._waiting:
            self._waiting.popleft().fail(CallBroken(Status.UNAVAILABLE, self._refuses, sent=False))

    def _on_terminated(self, event: Terminated) -> None:
        self._flush()
        self._finish(f"the server broke HTTP/2: {event.text}")
        if self._transport is not None:
            self._transport.close()


_HANDLERS: dict[type, Any] = {
    SettingsReceived: ClientConnection._on_settings,
    HeadersReceived: ClientConnection._on_headers,
    DataReceived: ClientConnection._on_data,
    TrailersReceived: ClientConnection._on_trailers,
    StreamReset: ClientConnection._on_reset,
    GoAwayReceived: ClientConnection._on_goaway,
    Terminated: ClientConnection._on_terminated,
}


async def dial(
    environment: Environment,
    host: str,
    port: int,
    *,
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
    metadata: Iterable[tuple[str, str | bytes]] = (),
    options: ConnectionOptions | None = None,
) -> ClientConnection:
    """Connect and wait until the server has shown that it speaks HTTP/2, for ever. Raises OSError, CallBroken."""
    name = f"[{host}]" if ":" in host else host

    def make() -> ClientConnection:
        return ClientConnection(
            environment, f"{name}:{port}", secure=tls is not None, metadata=metadata, options=options
        )

    _, connection = await environment.network.connect(host, port, make, tls, server_name)
    assert isinstance(connection, ClientConnection)
    try:
        await connection.greeted()
    except BaseException:
        connection.close()
        raise
    return connection
