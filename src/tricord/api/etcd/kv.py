# SPDX-License-Identifier: Apache-2.0
"""etcdserverpb.KV: the five unary methods, and RangeStream of etcd 3.7.

What needs the state, limits or permissions is checked behind the engine; only bytes are decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from tricord.api.etcd.errors import fail, stream_error
from tricord.api.etcd.range_stream import range_stream
from tricord.api.etcd.unary import only_request, replier, unary
from tricord.api.levels import StampTeller, context_of
from tricord.api.malformed import malformed, malformed_in_stream
from tricord.base.errors import MalformedMessage, TricordError
from tricord.server.engine import Engine
from tricord.wire.etcd.requests import (
    decode_compact,
    decode_delete_range,
    decode_put,
    decode_range,
    decode_txn_to_log,
    plain_put,
)
from tricord.wire.etcd.responses import encode_response
from tricord.wire.grpc.service import Method, StreamCall, UnaryCall

SERVICE = "/etcdserverpb.KV/"


def methods(engine: Engine) -> list[Method]:
    """The service's methods."""
    return [
        Method(SERVICE + "Range", unary(engine, decode_range)),
        Method(SERVICE + "RangeStream", _range_stream(engine), server_streaming=True),
        Method(SERVICE + "Put", _put(engine)),
        Method(SERVICE + "DeleteRange", unary(engine, decode_delete_range)),
        Method(SERVICE + "Txn", _txn(engine)),
        Method(SERVICE + "Compact", unary(engine, decode_compact)),
    ]


def _put(engine: Engine) -> Callable[[bytes, UnaryCall], None]:
    """As ``unary``, and the client's own bytes go along where they can be logged as they are."""
    engine_call = engine.call
    teller = StampTeller()

    def handle(data: bytes, call: UnaryCall) -> None:
        body: bytes | None = data
        request = plain_put(data)
        if request is None:
            body = None
            try:
                request, _ = decode_put(data)
            except MalformedMessage as error:
                raise malformed(error) from None
        try:
            context = context_of(call)
        except TricordError as error:
            fail(call, error)
            return
        call.on_cancel(context.cancel)
        engine_call(request, context, replier(call, teller), body)

    return handle


def _txn(engine: Engine) -> Callable[[bytes, UnaryCall], None]:
    """As ``unary``, and what is to be logged goes along."""
    engine_call = engine.call
    teller = StampTeller()

    def handle(data: bytes, call: UnaryCall) -> None:
        try:
            request, level, body = decode_txn_to_log(data)
            context = context_of(call, level, encode_response)
        except MalformedMessage as error:
            raise malformed(error) from None
        except TricordError as error:
            fail(call, error)
            return
        call.on_cancel(context.cancel)
        engine_call(request, context, replier(call, teller), body)

    return handle


def _range_stream(engine: Engine) -> Callable[[StreamCall], Coroutine[Any, Any, None]]:
    async def handle(call: StreamCall) -> None:
        data = await only_request(call)
        try:
            request, level = decode_range(data)
        except MalformedMessage as error:
            raise malformed_in_stream(error) from None
        try:
            context = context_of(call, level)
            call.on_cancel(context.cancel)
            async for part in range_stream(engine, request, context):
                await call.send(part)
        except TricordError as error:
            raise stream_error(call, error) from None

    return handle
