# SPDX-License-Identifier: Apache-2.0
"""v3electionpb.Election: the leader is who is first in a queue of keys; its key holds what it proclaims. See
``recipes``.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar, cast

from google.protobuf.message import DecodeError, Message

from tricord.api.etcd.headers import header
from tricord.api.etcd.recipes import Place, Queue, answer, created_at, in_words, watched
from tricord.api.etcd.unary import only_request
from tricord.api.malformed import malformed, malformed_in_stream
from tricord.base.errors import RevisionCompacted, TricordError
from tricord.base.levels import Stamp
from tricord.base.operations import DeleteRange, EventKind, KeyValue, Put, Txn, TxnResult
from tricord.base.watching import WatchCompacted, WatchEvents, WatchSpec
from tricord.server.engine import Engine
from tricord.wire.etcd.responses import encode_header, encode_key_value
from tricord.wire.etcd.varint import varint
from tricord.wire.grpc.service import Method, StreamCall, UnaryCall
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.schemas import election as schema

SERVICE = "/v3electionpb.Election/"

M = TypeVar("M", bound=Message)


def methods(engine: Engine) -> list[Method]:
    """The service's methods."""

    def unary(kind: type[M], work: Callable[[Queue, M], Coroutine[Any, Any, bytes]]) -> Callable[..., None]:
        def handle(data: bytes, call: UnaryCall) -> None:
            request = _parse(kind, data)
            named: Any = getattr(request, "leader", request)
            answer(call, work(Queue(engine, named.name, call), request))

        return handle

    async def observe(call: StreamCall) -> None:
        data = await only_request(call)
        try:
            request = schema.LeaderRequest.FromString(data)
        except DecodeError as error:
            raise malformed_in_stream(error) from None
        try:
            await _observe(Queue(engine, request.name, call), call)
        except TricordError as error:
            raise in_words(error, call.deadline) from None

    return [
        Method(SERVICE + "Campaign", unary(schema.CampaignRequest, _campaign)),
        Method(SERVICE + "Proclaim", unary(schema.ProclaimRequest, _proclaim)),
        Method(SERVICE + "Leader", unary(schema.LeaderRequest, _leader)),
        Method(SERVICE + "Observe", observe, server_streaming=True),
        Method(SERVICE + "Resign", unary(schema.ResignRequest, _resign)),
    ]


def _parse(kind: type[M], data: bytes) -> M:
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise malformed(error) from None


async def _campaign(queue: Queue, request: schema.CampaignRequest) -> bytes:
    lease = await queue.lease(request.lease)
    place = await queue.enter(lease, request.value)
    try:
        await _lead(queue, request, place, lease)
    except BaseException:
        # Who does not wait any more must not stand in the way of others.
        await queue.leave(place)
        raise
    leader = schema.LeaderKey(name=queue.name, key=place.key, rev=place.revision, lease=lease)
    return schema.CampaignResponse(header=header(place.header), leader=leader).SerializeToString()


async def _lead(queue: Queue, request: schema.CampaignRequest, place: Place, lease: int) -> None:
    if place.value != request.value:
        await _put_value(queue, place.key, place.revision, request.value, lease)
    if place.owner_revision != place.revision:
        await queue.until_first(place)


async def _put_value(queue: Queue, key: bytes, revision: int, value: bytes, lease: int) -> Stamp:
    request = Txn([created_at(key, revision)], [Put(key, value, lease)], [])
    result, stamp = await queue.engine.ask(request, queue.context())
    if not cast(TxnResult, result).succeeded:
        raise GrpcError(Status.UNKNOWN, "election: not leader")
    return stamp


async def _proclaim(queue: Queue, request: schema.ProclaimRequest) -> bytes:
    leader = _named_leader(request)
    lease = await queue.lease(leader.lease)
    stamp = await _put_value(queue, leader.key, leader.rev, request.value, lease)
    return schema.ProclaimResponse(header=header(stamp)).SerializeToString()


async def _resign(queue: Queue, request: schema.ResignRequest) -> bytes:
    leader = _named_leader(request)
    resigning = Txn([created_at(leader.key, leader.rev)], [DeleteRange(leader.key)], [])
    _, stamp = await queue.engine.ask(resigning, queue.context())
    return schema.ResignResponse(header=header(stamp)).SerializeToString()


def _named_leader(request: schema.ProclaimRequest | schema.ResignRequest) -> schema.LeaderKey:
    if not request.HasField("leader"):
        raise GrpcError(Status.UNKNOWN, '"leader" field must be provided')
    return request.leader


async def _leader(queue: Queue, request: schema.LeaderRequest) -> bytes:
    leader, stamp = await queue.first()
    if leader is None:
        raise GrpcError(Status.UNKNOWN, "election: no leader")
    return _leader_response(leader, stamp)


async def _observe(queue: Queue, call: StreamCall) -> None:
    """Send who leads, and what is proclaimed, from now on; as etcd, each with its revision as the header's."""
    while True:
        leader, stamp = await queue.first()
        if leader is None:
            leader = await _until_somebody(queue, stamp.revision)
            if leader is None:
                continue
            stamp = _at(stamp, leader.mod_revision)
        await call.send(_leader_response(leader, stamp))
        spec = WatchSpec(leader.key, start_revision=stamp.revision + 1)
        async with aclosing(watched(queue.engine, queue.context(), spec)) as items:
            async for item in items:
                if isinstance(item, WatchCompacted) or not await _follow(item, stamp, call):
                    break


async def _follow(item: Any, stamp: Stamp, call: StreamCall) -> bool:
    """Tell what the leader's key became; False when it is gone."""
    if isinstance(item, WatchEvents):
        for shared in item.events:
            event = shared.event
            if event.kind == EventKind.DELETE:
                return False
            await call.send(_leader_response(event.kv, _at(stamp, event.kv.mod_revision)))
    return True


async def _until_somebody(queue: Queue, revision: int) -> KeyValue | None:
    """The first key that is put from ``revision`` on; None where that cannot be told any more."""
    spec = WatchSpec(queue.prefix, queue.end, start_revision=revision, deletes=False)
    async with aclosing(watched(queue.engine, queue.context(), spec)) as items:
        async for item in items:
            if isinstance(item, WatchCompacted):
                return None
            if isinstance(item, WatchEvents):
                return item.events[0].event.kv
    raise RevisionCompacted


def _leader_response(leader: KeyValue, stamp: Stamp) -> bytes:
    kv = encode_key_value(leader)
    return encode_header(stamp) + b"\x12" + varint(len(kv)) + kv


def _at(stamp: Stamp, revision: int) -> Stamp:
    return Stamp(stamp.cluster, stamp.member, stamp.term, revision)
