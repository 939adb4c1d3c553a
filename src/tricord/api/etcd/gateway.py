# SPDX-License-Identifier: Apache-2.0
"""The JSON gateway: POST /v3/... carries a method's request as JSON (proto3's mapping, field names as in the schema).

It calls the same handlers as gRPC does, so both answer alike. Errors are ``{"code": N, "message": "..."}`` with the
HTTP status that grpc-gateway gives the code.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable

from google.protobuf.message import Message

from tricord.api.etcd.json_messages import InvalidJson, from_json, to_json
from tricord.wire.grpc.metadata import EMPTY, Metadata
from tricord.wire.grpc.service import Method, UnaryHandler
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.http.routes import HttpRequest, HttpResponse, Routes
from tricord.wire.schemas import cluster, kv, maintenance

MESSAGE_SIZE_MAX = 2 * 1024 * 1024
"""Bytes that a request may have as protobuf: what gRPC takes. JSON, whose bytes are base64, may have more."""

Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]

# path -> gRPC method, its request, its response
ROUTES: dict[str, tuple[str, type[Message], type[Message]]] = {
    "/v3/kv/range": ("/etcdserverpb.KV/Range", kv.RangeRequest, kv.RangeResponse),
    "/v3/kv/put": ("/etcdserverpb.KV/Put", kv.PutRequest, kv.PutResponse),
    "/v3/kv/deleterange": ("/etcdserverpb.KV/DeleteRange", kv.DeleteRangeRequest, kv.DeleteRangeResponse),
    "/v3/kv/txn": ("/etcdserverpb.KV/Txn", kv.TxnRequest, kv.TxnResponse),
    "/v3/kv/compaction": ("/etcdserverpb.KV/Compact", kv.CompactionRequest, kv.CompactionResponse),
    "/v3/cluster/member/add": (
        "/etcdserverpb.Cluster/MemberAdd",
        cluster.MemberAddRequest,
        cluster.MemberAddResponse,
    ),
    "/v3/cluster/member/remove": (
        "/etcdserverpb.Cluster/MemberRemove",
        cluster.MemberRemoveRequest,
        cluster.MemberRemoveResponse,
    ),
    "/v3/cluster/member/update": (
        "/etcdserverpb.Cluster/MemberUpdate",
        cluster.MemberUpdateRequest,
        cluster.MemberUpdateResponse,
    ),
    "/v3/cluster/member/list": (
        "/etcdserverpb.Cluster/MemberList",
        cluster.MemberListRequest,
        cluster.MemberListResponse,
    ),
    "/v3/cluster/member/promote": (
        "/etcdserverpb.Cluster/MemberPromote",
        cluster.MemberPromoteRequest,
        cluster.MemberPromoteResponse,
    ),
    "/v3/maintenance/transfer-leadership": (
        "/etcdserverpb.Maintenance/MoveLeader",
        maintenance.MoveLeaderRequest,
        maintenance.MoveLeaderResponse,
    ),
    "/v3/maintenance/status": (
        "/etcdserverpb.Maintenance/Status",
        maintenance.StatusRequest,
        maintenance.StatusResponse,
    ),
    "/v3/maintenance/alarm": ("/etcdserverpb.Maintenance/Alarm", maintenance.AlarmRequest, maintenance.AlarmResponse),
}

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


class GatewayCall:
    """A unary call whose caller is this gateway: ``outcome`` resolves to the reply, or raises GrpcError."""

    metadata: Metadata = EMPTY
    deadline: float | None = None
    peer = ""

    def __init__(self) -> None:
        self.outcome: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.cancelled = False
        self._on_cancel: list[Callable[[], None]] = []

    def set_leading(self, name: str, value: str | bytes) -> None:
        """Metadata has no place in JSON."""

    def set_trailing(self, name: str, value: str | bytes) -> None:
        """Metadata has no place in JSON."""

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

    def fail(self, status: Status, text: str) -> None:
        """Answer with an error."""
        if not self.outcome.done():
            self.outcome.set_exception(GrpcError(status, text))


def add_routes(methods: Iterable[Method], routes: Routes) -> None:
    """Serve those of ``methods`` that have a path here; every other path below /v3 is not found."""
    handlers: dict[str, UnaryHandler] = {method.path: method.handler for method in methods}  # type: ignore[misc]
    for path, (method, request, response) in ROUTES.items():
        routes.add("POST", path, _route(handlers[method], request, response))
        for other in _METHODS:
            routes.add(other, path, _method_not_allowed)
    for verb in ("POST", *_METHODS):
        routes.add(verb, "/v3/*", _not_found)


def _route(handler: UnaryHandler, request_type: type[Message], response_type: type[Message]) -> Handler:
    async def handle(request: HttpRequest) -> HttpResponse:
        try:
            message = from_json(request.body, request_type)
        except InvalidJson as error:
            return _error(Status.INVALID_ARGUMENT, str(error))
        data = message.SerializeToString()
        if len(data) > MESSAGE_SIZE_MAX:
            text = f"grpc: received message larger than max ({len(data)} vs. {MESSAGE_SIZE_MAX})"
            return _error(Status.RESOURCE_EXHAUSTED, text)
        call = GatewayCall()
        try:
            handler(data, call)
            answer = await call.outcome
        except GrpcError as error:
            return _error(error.status, error.text)
        finally:
            if not call.outcome.done() or call.outcome.cancelled():
                call.cancel()
        return HttpResponse(200, [_JSON, _FROM_GRPC], to_json(response_type.FromString(answer)))

    return handle


async def _method_not_allowed(request: HttpRequest) -> HttpResponse:
    return _error(Status.UNIMPLEMENTED, "Method Not Allowed")


async def _not_found(request: HttpRequest) -> HttpResponse:
    return _error(Status.NOT_FOUND, "Not Found")


def _error(status: int, text: str) -> HttpResponse:
    body = json.dumps({"code": int(status), "message": text}, ensure_ascii=False, separators=(",", ":"))
    # A text may quote the request, whose JSON may name half of a surrogate pair.
    return HttpResponse(HTTP_STATUS.get(status, 500), [_JSON], body.encode("utf-8", "replace"))
