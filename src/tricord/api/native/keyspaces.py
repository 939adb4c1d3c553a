# SPDX-License-Identifier: Apache-2.0
"""tricord.v1.Keyspaces: make, drop, list and describe keyspaces, and retire replicas of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tricord.api.malformed import malformed
from tricord.api.native.errors import fail
from tricord.base.context import Context
from tricord.base.errors import MalformedMessage, TricordError
from tricord.base.levels import Level, Stamp
from tricord.server.engine import Engine, Outcome
from tricord.wire.grpc.service import Method, UnaryCall
from tricord.wire.native.keyspaces import decode_create, decode_drop, decode_list, encode_result
from tricord.wire.native.replica_sets import decode_describe, decode_retire, encode_described, encode_retired

SERVICE = "/tricord.v1.Keyspaces/"


def methods(engine: Engine) -> list[Method]:
    """The service's methods."""
    return [
        Method(SERVICE + "Create", _method(engine, _linearizable(decode_create))),
        Method(SERVICE + "Drop", _method(engine, _linearizable(decode_drop))),
        Method(SERVICE + "List", _method(engine, decode_list)),
        Method(SERVICE + "Describe", _method(engine, decode_describe, encode_described)),
        Method(SERVICE + "Retire", _method(engine, _linearizable(decode_retire), encode_retired)),
    ]


def _linearizable(decode: Callable[[bytes], Any]) -> Callable[[bytes], tuple[Any, Level]]:
    return lambda data: (decode(data), Level.LINEARIZABLE)


def _method(
    engine: Engine,
    decode: Callable[[bytes], tuple[Any, Level]],
    encode: Callable[[Any], bytes] = encode_result,
) -> Callable[[bytes, UnaryCall], None]:
    def handle(data: bytes, call: UnaryCall) -> None:
        try:
            request, level = decode(data)
        except MalformedMessage as error:
            raise malformed(error) from None
        except TricordError as error:
            fail(call, error)
            return
        context = Context(level=level, deadline=call.deadline)
        call.on_cancel(context.cancel)

        def reply(outcome: Outcome, _: Stamp) -> None:
            if isinstance(outcome, TricordError):
                fail(call, outcome)
            else:
                call.reply(encode(outcome))

        engine.call(request, context, reply)

    return handle
