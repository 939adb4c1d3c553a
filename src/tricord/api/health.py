# SPDX-License-Identifier: Apache-2.0
"""grpc.health.v1.Health, which load balancers and Kubernetes' gRPC probes ask.

The empty service name means the whole member. What serves is decided elsewhere: ``serving(service)`` answers True,
False, or None for a service that there is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tricord.wire.grpc.service import Method, StreamCall, UnaryCall
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.schemas.health import HealthCheckRequest, HealthCheckResponse

_SERVICE = "/grpc.health.v1.Health/"


class HealthService:
    """The service. Call ``changed`` when an answer of ``serving`` may have changed: watchers are told."""

    def __init__(self, serving: Callable[[str], bool | None]) -> None:
        self._serving = serving
        self._watchers: dict[asyncio.Event, None] = {}

    def methods(self) -> list[Method]:
        """For the server's list of methods."""
        return [
            Method(_SERVICE + "Check", self._check),
            Method(_SERVICE + "Watch", self._watch, server_streaming=True),
        ]

    def changed(self) -> None:
        """Tell the watchers. Runs on the loop; cheap when nobody watches."""
        for watcher in self._watchers:
            watcher.set()

    def _check(self, message: bytes, call: UnaryCall) -> None:
        serving = self._serving(_service(message))
        if serving is None:
            raise GrpcError(Status.NOT_FOUND, "unknown service")
        call.reply(_response(serving))

    async def _watch(self, call: StreamCall) -> None:
        """The status now and after each change. An unknown service is not an error here: it may come to be."""
        service = ""
        async for message in call.messages():
            service = _service(message)
            break
        woken = asyncio.Event()
        self._watchers[woken] = None
        try:
            last = b""
            while True:
                woken.clear()
                response = _response(self._serving(service))
                if response != last:
                    await call.send(response)
                    last = response
                await woken.wait()
        finally:
            del self._watchers[woken]


def _service(message: bytes) -> str:
    try:
        return HealthCheckRequest.FromString(message).service
    except Exception:  # protobuf's DecodeError is of another module in each of its majors
        raise GrpcError(Status.INTERNAL, "grpc: error unmarshalling request: not a HealthCheckRequest") from None


def _response(serving: bool | None) -> bytes:
    if serving is None:
        status = HealthCheckResponse.SERVICE_UNKNOWN
    else:
        status = HealthCheckResponse.SERVING if serving else HealthCheckResponse.NOT_SERVING
    return HealthCheckResponse(status=status).SerializeToString()
