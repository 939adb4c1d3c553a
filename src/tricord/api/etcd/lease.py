# SPDX-License-Identifier: Apache-2.0
"""etcdserverpb.Lease: grant, revoke, time to live and list are unary; keep-alives come and go in one stream."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from tricord.api.etcd.errors import grpc_error, malformed
from tricord.api.etcd.unary import unary
from tricord.base.context import Context
from tricord.base.errors import MalformedMessage, TricordError
from tricord.server.engine import Engine
from tricord.wire.etcd.leases import decode_grant, decode_keep_alive, decode_list, decode_revoke, decode_time_to_live
from tricord.wire.etcd.responses import encode_response
from tricord.wire.grpc.service import Method, StreamCall

SERVICE = "/etcdserverpb.Lease/"


def methods(engine: Engine) -> list[Method]:
    """The service's methods."""
    return [
        Method(SERVICE + "LeaseGrant", unary(engine, decode_grant)),
        Method(SERVICE + "LeaseRevoke", unary(engine, decode_revoke)),
        Method(SERVICE + "LeaseKeepAlive", _keep_alive(engine), client_streaming=True, server_streaming=True),
        Method(SERVICE + "LeaseTimeToLive", unary(engine, decode_time_to_live)),
        Method(SERVICE + "LeaseLeases", unary(engine, decode_list)),
    ]


def _keep_alive(engine: Engine) -> Callable[[StreamCall], Coroutine[Any, Any, None]]:
    async def handle(call: StreamCall) -> None:
        try:
            async for data in call.messages():
                request, _ = decode_keep_alive(data)
                context = Context(deadline=call.deadline)
                call.on_cancel(context.cancel)
                await call.send(encode_response(*await engine.ask(request, context)))
        except MalformedMessage as error:
            raise malformed(error) from None
        except TricordError as error:
            raise grpc_error(error, call.deadline) from None

    return handle
