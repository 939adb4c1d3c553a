# SPDX-License-Identifier: Apache-2.0
"""The JSON gateway: POST /v3/... carries a method's request as JSON (proto3's mapping, field names as in the schema).

It calls the same handlers as gRPC does, so both answer alike. Errors are ``{"code": N, "message": "..."}`` with the
HTTP status that grpc-gateway gives the code. Methods that stream are ``gateway_streams``'.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from itertools import chain, islice
from typing import cast

from tricord.api.etcd.gateway_routes import ROUTES, Route
from tricord.api.etcd.gateway_streams import GatewayStream, StreamBody
from tricord.api.etcd.json_messages import InvalidJson, from_json, many_from_json, to_json
from tricord.api.keyspaces import keyspace_metadata
from tricord.wire.grpc.metadata import EMPTY, Metadata, encode_metadata
from tricord.wire.grpc.service import Method, StreamHandler, UnaryHandler
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.http.routes import HttpRequest, HttpResponse, Routes

MESSAGE_SIZE_MAX = 2 * 1024 * 1024
"""Bytes that a request may have as protobuf: what gRPC takes. JSON, whose bytes are base64, may have more."""

Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]

HTTP_STATUS: dict[int, int] = {
    Status.OK: 200,
    Status.CANCELLED: 499,
    Status.UNKNOWN: 500,
    Status.INVALID_ARGUMENT: 400,
    Status.DEADLINE_EXCEEDED: 504,
    Status.NOT_FOUND: 404,
    Status.ALREADY_EXISTS: 409,
    Status.PERMISSION_DENIED: 403,
    Status.RESOURCE_EXHAUSTED: 429,
    Status.FAILED_PRECONDITION: 400,
    Status.ABORTED: 409,
    Status.OUT_OF_RANGE: 400,
    Status.UNIMPLEMENTED: 501,
    Status.INTERNAL: 500,
    Status.UNAVAILABLE: 503,
    Status.DATA_LOSS: 500,
    Status.UNAUTHENTICATED: 401,
}

_JSON = (b"content-type", b"application/json")
_FROM_GRPC = (b"grpc-metadata-content-type", b"application/grpc")
_METHODS = ("GET", "PUT", "DELETE", "PATCH")
_VERSIONS = ("/v3", "/v3beta")


class GatewayCall:
    """A unary call whose caller is this gateway: ``outcome`` resolves to the reply, or raises GrpcError."""

    deadline: float | None = None
    peer = ""

    def __init__(self, metadata: Metadata = EMPTY) -> None:
        self.metadata = metadata
        self.outcome: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.cancelled = False
        self.headers: list[tuple[bytes, bytes]] = []
        self._on_cancel: list[Callable[[], None]] = []

    def set_leading(self, name: str, value: str | bytes) -> None:
        """A header of the answer."""
        self.headers += encode_metadata([(name, value)])

    def set_trailing(self, name: str, value: str | bytes) -> None:
        """An answer in JSON ends with its body."""

    def on_cancel(self, function: Callable[[], None]) -> None:
        """Call ``function`` when the HTTP request is given up."""
        self._on_cancel.append(function)

    def cancel(self) -> None:
        """The HTTP request was given up."""
        self.cancelled = True
        for function in self._on_cancel:
            function()

    def reply(self, message: bytes) -> None:
        """Answer."""
        if not self.outcome.done():
            self.outcome.set_result(message)

    def fail(self, status: Status | int, text: str) -> None:
        """Answer with an error."""
        if not self.outcome.done():
            self.outcome.set_exception(GrpcError(status, text))


def add_routes(methods: Iterable[Method], routes: Routes) -> None:
    """Serve those of ``methods`` that have a path here, below /v3 and below its older name; other paths there are not
    found."""
    known = {method.path: method for method in methods}
    for path, route in ROUTES.items():
        method = known.get(route.method)
        if method is None:
            continue
        streams = method.client_streaming or method.server_streaming
        handler = _stream(method, route) if streams else _unary(method, route)
        for version in _VERSIONS:
            there = path.replace("/v3", version, 1)
            routes.add("POST", there, handler)
            for other in _METHODS:
                routes.add(other, there, _method_not_allowed)
    for version in _VERSIONS:
        for verb in ("POST", *_METHODS):
            routes.add(verb, f"{version}/*", _not_found)


def _unary(method: Method, route: Route) -> Handler:
    handler = cast(UnaryHandler, method.handler)

    async def handle(request: HttpRequest) -> HttpResponse:
        try:
            data = _sized(from_json(request.body, route.request).SerializeToString())
        except InvalidJson as error:
            return _error(Status.INVALID_ARGUMENT, str(error))
        except GrpcError as error:
            return _error(error.status, error.text)
        call = GatewayCall(keyspace_metadata(request.headers))
        try:
            handler(data, call)
            answer = await call.outcome
        except GrpcError as error:
            return _error(error.status, error.text)
        finally:
            if not call.outcome.done() or call.outcome.cancelled():
                call.cancel()
        return HttpResponse(200, [_JSON, _FROM_GRPC, *call.headers], to_json(route.response.FromString(answer)))

    return handle


def _stream(method: Method, route: Route) -> Handler:
    """The head of the answer waits for the first message: only then is it known whether it is an error."""

    async def handle(request: HttpRequest) -> HttpResponse:
        try:
            if method.client_streaming:
                messages = many_from_json(request.body, route.request)
            else:
                messages = iter([from_json(request.body, route.request)])
            sent = (_sized(message.SerializeToString()) for message in messages)
            first = list(islice(sent, 1))
        except InvalidJson as error:
            return _error(Status.INVALID_ARGUMENT, str(error))
        except GrpcError as error:
            return _error(error.status, error.text)
        call = GatewayStream(
            cast(StreamHandler, method.handler), chain(first, sent), keyspace_metadata(request.headers)
        )
        body = StreamBody(call, lambda message: to_json(route.response.FromString(message)))
        try:
            first_failure = await body.begin()
        except asyncio.CancelledError:
            await body.aclose()
            raise
        if first_failure is not None:
            return HttpResponse(HTTP_STATUS.get(first_failure.status, 500), [_JSON], body)
        return HttpResponse(200, [] if body.is_empty else [_JSON, _FROM_GRPC], body)

    return handle


def _sized(data: bytes) -> bytes:
    """The message, unless gRPC would not take it. Raises GrpcError."""
    if len(data) > MESSAGE_SIZE_MAX:
        text = f"grpc: received message larger than max ({len(data)} vs. {MESSAGE_SIZE_MAX})"
        raise GrpcError(Status.RESOURCE_EXHAUSTED, text)
    return data


async def _method_not_allowed(request: HttpRequest) -> HttpResponse:
    return _error(Status.UNIMPLEMENTED, "Method Not Allowed")


async def _not_found(request: HttpRequest) -> HttpResponse:
    return _error(Status.NOT_FOUND, "Not Found")


def _error(status: int, text: str) -> HttpResponse:
    body = json.dumps({"code": int(status), "message": text}, ensure_ascii=False, separators=(",", ":"))
    # A text may quote the request, whose JSON may name half of a surrogate pair.
    return HttpResponse(HTTP_STATUS.get(status, 500), [_JSON], body.encode("utf-8", "replace"))
