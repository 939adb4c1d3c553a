# SPDX-License-Identifier: Apache-2.0
"""Unary methods that are one request of the engine: decode, call, encode."""

from __future__ import annotations

from collections.abc import Callable

from tricord.api.etcd.errors import fail, malformed
from tricord.base.context import Context
from tricord.base.errors import MalformedMessage, TricordError
from tricord.base.levels import Level, Stamp
from tricord.base.operations import Request
from tricord.server.engine import Encoded, Engine, Outcome, Reply
from tricord.wire.etcd.responses import encode_response
from tricord.wire.grpc.service import UnaryCall


def unary(
    engine: Engine,
    decode: Callable[[bytes], tuple[Request, Level]],
) -> Callable[[bytes, UnaryCall], None]:
    """A handler that decodes, calls the engine and answers."""
    engine_call = engine.call

    def handle(data: bytes, call: UnaryCall) -> None:
        try:
            request, level = decode(data)
        except MalformedMessage as error:
            raise malformed(error) from None
        except TricordError as error:
            fail(call, error)
            return
        context = Context(level=level, deadline=call.deadline, encode=encode_response)
        call.on_cancel(context.cancel)
        engine_call(request, context, replier(call))

    return handle


def replier(call: UnaryCall) -> Reply:
    """Answers the call with what the engine says."""

    def reply(outcome: Outcome, stamp: Stamp) -> None:
        if isinstance(outcome, TricordError):
            fail(call, outcome)
        elif isinstance(outcome, Encoded):
            call.reply(outcome.data)
        else:
            call.reply(encode_response(outcome, stamp))

    return reply
