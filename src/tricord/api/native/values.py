# SPDX-License-Identifier: Apache-2.0
"""tricord.v1.Values: typed values in keyspaces of any model. Watches are in ``value_watches``."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from tricord.api.levels import context_of, tell_stamp, wants_stamp
from tricord.api.malformed import malformed
from tricord.api.native import value_watches
from tricord.api.native.errors import fail
from tricord.api.native.typed_calls import call_typed
from tricord.base.errors import MalformedMessage, TricordError
from tricord.base.levels import Stamp
from tricord.base.operations import Result
from tricord.base.typed import TypedRequest, TypedResult
from tricord.server.engine import Encoded, Engine, Outcome
from tricord.wire.grpc.service import Method, UnaryCall
from tricord.wire.native.values import decode_fetch, decode_update, encode_result

SERVICE = "/tricord.v1.Values/"


def methods(engine: Engine) -> list[Method]:
    """The service's methods."""
    return [
        Method(SERVICE + "Update", _method(engine, decode_update)),
        Method(SERVICE + "Fetch", _method(engine, decode_fetch)),
        value_watches.method(engine),
    ]


def _method(engine: Engine, decode: Callable[[bytes], TypedRequest]) -> Callable[[bytes, UnaryCall], None]:
    def handle(data: bytes, call: UnaryCall) -> None:
        try:
            request = decode(data)
            context = context_of(call, encode=_encode)
        except MalformedMessage as error:
            raise malformed(error) from None
        except TricordError as error:
            fail(call, error)
            return
        call.on_cancel(context.cancel)
        stamped = wants_stamp(call.metadata)

        def reply(outcome: Outcome, stamp: Stamp) -> None:
            if isinstance(outcome, TricordError):
                fail(call, outcome)
                return
            if stamped:
                tell_stamp(call, stamp)
            call.reply(outcome.data if isinstance(outcome, Encoded) else _encode(outcome, stamp))

        call_typed(engine, request, context, reply)

    return handle


def _encode(result: Result, stamp: Stamp) -> bytes:
    return encode_result(cast(TypedResult, result), stamp)
