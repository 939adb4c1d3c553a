# SPDX-License-Identifier: Apache-2.0
"""etcdserverpb.Lease: grant, revoke, time to live and list are unary; keep-alives come and go in one stream."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from tricord.api.etcd.errors import fail, stream_error
from tricord.api.etcd.required_leader import RequiredLeader
from tricord.api.etcd.unary import unary
from tricord.api.keyspaces import keyspace_of
from tricord.api.malformed import malformed_in_stream
from tricord.base.context import Context
from tricord.base.errors import MalformedMessage, TricordError
from tricord.base.leases import LeaseKeepAlive, LeaseKeepAliveResult
from tricord.base.levels import Stamp
from tricord.server.engine import Engine, Outcome
from tricord.wire.etcd.leases import decode_grant, decode_keep_alive, decode_list, decode_revoke, decode_time_to_live
from tricord.wire.etcd.responses import encode_keep_alive_response, encode_response
from tricord.wire.grpc.service import AnsweringCall, AnsweringHandler, Method, StreamCall

SERVICE = "/etcdserverpb.Lease/"


def methods(engine: Engine) -> list[Method]:
    """The service's methods."""
    return [
        Method(SERVICE + "LeaseGrant", unary(engine, decode_grant)),
        Method(SERVICE + "LeaseRevoke", unary(engine, decode_revoke)),
        Method(
            SERVICE + "LeaseKeepAlive",
            _keep_alive(engine),
            client_streaming=True,
            server_streaming=True,
            answering=_keep_alives(engine),
        ),
        Method(SERVICE + "LeaseTimeToLive", unary(engine, decode_time_to_live)),
        Method(SERVICE + "LeaseLeases", unary(engine, decode_list)),
    ]


def _keep_alives(engine: Engine) -> AnsweringHandler:
    """Renewals of one stream are under way together; whichever is done first is answered first."""
    engine_call = engine.call
    required_leader = RequiredLeader(engine)

    def begin(call: AnsweringCall) -> Callable[[bytes], None]:
        required_leader.add(call)
        context = Context(keyspace_of(call.metadata), deadline=call.deadline)
        call.on_cancel(context.cancel)

        def reply(outcome: Outcome, stamp: Stamp) -> None:
            if isinstance(outcome, TricordError):
                fail(call, outcome)
            else:
                assert isinstance(outcome, LeaseKeepAliveResult)
                call.answer(encode_keep_alive_response(outcome, stamp))

        def take(data: bytes) -> None:
            engine_call(_decoded(data), context, reply)

        return take

    return begin


def _decoded(data: bytes) -> LeaseKeepAlive:
    try:
        return decode_keep_alive(data)[0]
    except MalformedMessage as error:
        raise malformed_in_stream(error) from None


def _keep_alive(engine: Engine) -> Callable[[StreamCall], Coroutine[Any, Any, None]]:
    """The same, one after the other, for callers that give all messages at once: the JSON gateway."""

    async def handle(call: StreamCall) -> None:
        try:
            async for data in call.messages():
                context = Context(keyspace_of(call.metadata), deadline=call.deadline)
                await call.send(encode_response(*await engine.ask(_decoded(data), context)))
        except TricordError as error:
            raise stream_error(call, error) from None

    return handle
