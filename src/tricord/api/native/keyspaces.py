# SPDX-License-Identifier: Apache-2.0
"""tricord.v1.Keyspaces: make, drop and list keyspaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from tricord.api.native.errors import fail
from tricord.base.context import Context
from tricord.base.errors import MalformedMessage, TricordError
from tricord.base.keyspaces import KeyspaceListResult
from tricord.base.levels import Level, Stamp
from tricord.server.engine import Engine, Outcome
from tricord.wire.grpc.service import Method, UnaryCall
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.native.keyspaces import decode_create, decode_drop, decode_list, encode_result

SERVICE = "/tricord.v1.Keyspaces/"


def methods(engine: Engine) -> list[Method]:
    """The service's methods."""
    return [
        Method(SERVICE + "Create", _method(engine, lambda data: (decode_create(data), Level.LINEARIZABLE))),
        Method(SERVICE + "Drop", _method(engine, lambda data: (decode_drop(data), Level.LINEARIZABLE))),
        Method(SERVICE + "List", _method(engine, decode_list)),
    ]


def _method(engine: Engine, decode: Callable[[bytes], tuple[Any, Level]]) -> Callable[[bytes, UnaryCall], None]:
    def handle(data: bytes, call: UnaryCall) -> None:
        try:
            request, level = decode(data)
        except MalformedMessage as error:
            raise GrpcError(Status.INTERNAL, f"grpc: error unmarshalling request: {error}") from None
        except TricordError as error:
            fail(call, error)
            return
        context = Context(level=level, deadline=call.deadline)
        call.on_cancel(context.cancel)

        def reply(outcome: Outcome, _: Stamp) -> None:
            if isinstance(outcome, TricordError):
                fail(call, outcome)
            else:
                call.reply(encode_result(cast(KeyspaceListResult, outcome)))

        engine.call(request, context, reply)

    return handle
