# SPDX-License-Identifier: Apache-2.0
"""v3lockpb.Lock: a lock is held by who is first in a queue of keys. See ``recipes``."""

from __future__ import annotations

from typing import cast

from google.protobuf.message import DecodeError

from tricord.api.etcd.headers import header
from tricord.api.etcd.recipes import Queue, answer
from tricord.api.keyspaces import keyspace_of
from tricord.api.malformed import malformed
from tricord.base.context import Context
from tricord.base.operations import DeleteRange, Range, RangeResult
from tricord.server.engine import Engine
from tricord.wire.grpc.service import Method, UnaryCall
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.schemas import lock as schema

SERVICE = "/v3lockpb.Lock/"


def methods(engine: Engine) -> list[Method]:
    """The service's methods."""

    def lock(data: bytes, call: UnaryCall) -> None:
        try:
            request = schema.LockRequest.FromString(data)
        except DecodeError as error:
            raise malformed(error) from None
        answer(call, _lock(Queue(engine, request.name, call), request.lease))

    def unlock(data: bytes, call: UnaryCall) -> None:
        try:
            request = schema.UnlockRequest.FromString(data)
        except DecodeError as error:
            raise malformed(error) from None
        answer(call, _unlock(engine, request.key, Context(keyspace_of(call.metadata), deadline=call.deadline)))

    return [Method(SERVICE + "Lock", lock), Method(SERVICE + "Unlock", unlock)]


async def _lock(queue: Queue, lease: int) -> bytes:
    place = await queue.enter(await queue.lease(lease), b"")
    stamp = place.header
    if place.owner_revision != place.revision:
        try:
            await queue.until_first(place)
            result, stamp = await queue.engine.ask(Range(place.key), queue.context())
        except BaseException:
            # Who does not wait any more must not stand in the way of others.
            await queue.leave(place)
            raise
        if not cast(RangeResult, result).kvs:
            raise GrpcError(Status.UNKNOWN, "mutex: session is expired")
    return schema.LockResponse(header=header(stamp), key=place.key).SerializeToString()


async def _unlock(engine: Engine, key: bytes, context: Context) -> bytes:
    _, stamp = await engine.ask(DeleteRange(key), context)
    return schema.UnlockResponse(header=header(stamp)).SerializeToString()
