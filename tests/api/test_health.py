# SPDX-License-Identifier: Apache-2.0
"""The gRPC health service, asked by grpcio."""

from __future__ import annotations

import grpc
import pytest

from tests.transport.serving import Serving
from tricord.api.health import HealthService
from tricord.wire.schemas.health import HealthCheckRequest, HealthCheckResponse


def test_check_and_watch_tell_what_serves_and_when_it_changes() -> None:
    answers: dict[str, bool] = {"": True, "kv": False}
    service = HealthService(answers.get)
    with Serving(service.methods()) as serving, grpc.insecure_channel(serving.endpoint) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check", response_deserializer=HealthCheckResponse.FromString
        )
        watch = channel.unary_stream(
            "/grpc.health.v1.Health/Watch", response_deserializer=HealthCheckResponse.FromString
        )
        assert check(b"").status == HealthCheckResponse.SERVING
        assert check(HealthCheckRequest(service="kv").SerializeToString()).status == HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.RpcError) as refused:
            check(HealthCheckRequest(service="nobody").SerializeToString())
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
        assert refused.value.details() == "unknown service"

        statuses = watch(HealthCheckRequest(service="late").SerializeToString(), timeout=60)
        assert next(statuses).status == HealthCheckResponse.SERVICE_UNKNOWN

        async def change(answer: bool) -> None:
            answers["late"] = answer
            service.changed()

        serving.run(change(True))
        assert next(statuses).status == HealthCheckResponse.SERVING
        serving.run(change(True))  # no change: nothing is sent
        serving.run(change(False))
        assert next(statuses).status == HealthCheckResponse.NOT_SERVING
        statuses.cancel()
        assert serving.faults == []


def test_a_request_that_is_no_protobuf_is_refused() -> None:
    service = HealthService(lambda name: True)
    with Serving(service.methods()) as serving, grpc.insecure_channel(serving.endpoint) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary("/grpc.health.v1.Health/Check")(b"\xff")
        assert refused.value.code() is grpc.StatusCode.INTERNAL
