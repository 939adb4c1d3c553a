# SPDX-License-Identifier: Apache-2.0
"""Methods that take one request: the engine's own (decode, call, encode), and what those that stream answers share."""

from __future__ import annotations

from collections.abc import Callable

from tricord.api.etcd.errors import fail
from tricord.api.levels import StampTeller, context_of, wants_stamp
from tricord.api.malformed import malformed
from tricord.base.errors import MalformedMessage, TricordError
from tricord.base.levels import Level, Stamp
from tricord.base.operations import Request
from tricord.server.engine import Encoded, Engine, Outcome, Reply
from tricord.wire.etcd.responses import encode_response
from tricord.wire.grpc.service import StreamCall, UnaryCall
from tricord.wire.grpc.status import GrpcError, Status


def unary(
    engine: Engine,
    decode: Callable[[bytes], tuple[Request, Level]],
) -> Callable[[bytes, UnaryCall], None]:
    """A handler that decodes, calls the engine and answers."""
    engine_call = engine.call
    teller = StampTeller()

    def handle(data: bytes, call: UnaryCall) -> None:
        try:
            request, level = decode(data)
            context = context_of(call, level, encode_response)
        except MalformedMessage as error:
            raise malformed(error) from None
        except TricordError as error:
            fail(call, error)
            return
        call.on_cancel(context.cancel)
        engine_call(request, context, replier(call, teller))

    return handle


async def only_request(call: StreamCall) -> bytes:
    """The one message of a call that streams answers alone. Raises GrpcError, in the words of grpc-go."""
    data = await anext(call.messages(), None)
    if data is None:
        raise GrpcError(
            Status.INTERNAL, "cardinality violation: received no request message from non-client-streaming RPC"
        )
    return data


def replier(call: UnaryCall, teller: StampTeller) -> Reply:
    """Answers the call with what the engine says."""
    stamped = wants_stamp(call.metadata)

    def reply(outcome: Outcome, stamp: Stamp) -> None:
        if isinstance(outcome, TricordError):
            fail(call, outcome)
            return
        if stamped or stamp.siblings:
            teller.tell(call, stamp)
        if isinstance(outcome, Encoded):
            call.reply(outcome.data)
        else:
            call.reply(encode_response(outcome, stamp))

    return reply
