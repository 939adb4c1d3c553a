# SPDX-License-Identifier: Apache-2.0
"""grpc.testing.TestService, the service of gRPC's interoperability tests, on tricord's own server."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.transport.interop_messages import (
    Empty,
    Payload,
    SimpleRequest,
    SimpleResponse,
    StreamingInputCallRequest,
    StreamingInputCallResponse,
    StreamingOutputCallRequest,
    StreamingOutputCallResponse,
)
from tricord.wire.grpc.service import Call, Method, StreamCall, UnaryCall
from tricord.wire.grpc.status import GrpcError

_SERVICE = "/grpc.testing.TestService/"
_ECHO_INITIAL = "x-grpc-test-echo-initial"
_ECHO_TRAILING = "x-grpc-test-echo-trailing-bin"


def methods() -> list[Method]:
    """All of the service but UnimplementedCall, which is called to be refused."""
    return [
        Method(_SERVICE + "EmptyCall", _empty_call),
        Method(_SERVICE + "UnaryCall", _unary_call),
        Method(_SERVICE + "StreamingOutputCall", _streaming_output_call, server_streaming=True),
        Method(_SERVICE + "StreamingInputCall", _streaming_input_call, client_streaming=True),
        Method(_SERVICE + "FullDuplexCall", _full_duplex_call, client_streaming=True, server_streaming=True),
        Method(_SERVICE + "HalfDuplexCall", _half_duplex_call, client_streaming=True, server_streaming=True),
    ]


def _echo_metadata(call: Call) -> None:
    initial = call.metadata.get(_ECHO_INITIAL)
    if initial is not None:
        call.set_leading(_ECHO_INITIAL, initial)
    trailing = call.metadata.get(_ECHO_TRAILING)
    if trailing is not None:
        call.set_trailing(_ECHO_TRAILING, trailing)


def _payload(size: int) -> Any:
    return Payload(body=bytes(size))


def _check_status(request: Any) -> None:
    if request.HasField("response_status") and request.response_status.code:
        raise GrpcError(request.response_status.code, request.response_status.message)


def _empty_call(message: bytes, call: UnaryCall) -> None:
    Empty.FromString(message)
    call.reply(Empty().SerializeToString())


def _unary_call(message: bytes, call: UnaryCall) -> None:
    request = SimpleRequest.FromString(message)
    _echo_metadata(call)
    _check_status(request)
    call.reply(SimpleResponse(payload=_payload(request.response_size)).SerializeToString())


async def _streaming_output_call(call: StreamCall) -> None:
    async for message in call.messages():
        await _send_responses(StreamingOutputCallRequest.FromString(message), call)


async def _streaming_input_call(call: StreamCall) -> None:
    total = 0
    async for message in call.messages():
        total += len(StreamingInputCallRequest.FromString(message).payload.body)
    await call.send(StreamingInputCallResponse(aggregated_payload_size=total).SerializeToString())


async def _full_duplex_call(call: StreamCall) -> None:
    _echo_metadata(call)
    async for message in call.messages():
        request = StreamingOutputCallRequest.FromString(message)
        _check_status(request)
        await _send_responses(request, call)


async def _half_duplex_call(call: StreamCall) -> None:
    requests = [StreamingOutputCallRequest.FromString(message) async for message in call.messages()]
    for request in requests:
        await _send_responses(request, call)


async def _send_responses(request: Any, call: StreamCall) -> None:
    for parameters in request.response_parameters:
        if parameters.interval_us:
            await asyncio.sleep(parameters.interval_us / 1e6)
        await call.send(StreamingOutputCallResponse(payload=_payload(parameters.size)).SerializeToString())
