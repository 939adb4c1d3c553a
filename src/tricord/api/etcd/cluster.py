# SPDX-License-Identifier: Apache-2.0
"""etcdserverpb.Cluster: who the members are, and changes of it. The engine decides; here are the words."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message

from tricord.api.answering import answer_later
from tricord.api.etcd.errors import fail
from tricord.api.etcd.headers import member_header
from tricord.api.malformed import malformed
from tricord.base.errors import MembershipRefused
from tricord.server.engine import Engine, MemberRecord
from tricord.wire.etcd.membership import valid_peer_urls
from tricord.wire.grpc.service import Method, UnaryCall, UnaryHandler
from tricord.wire.schemas import cluster

SERVICE = "/etcdserverpb.Cluster/"

M = TypeVar("M", bound=Message)


def methods(engine: Engine) -> list[Method]:
    """The service's methods."""

    async def add(request: cluster.MemberAddRequest) -> bytes:
        urls = sorted(_checked(request.peerURLs))  # as etcd keeps those of a new member
        record = await engine.add_member(urls, learner=request.isLearner)
        return cluster.MemberAddResponse(
            header=member_header(engine.stamp()), member=_member(record), members=_members(engine)
        ).SerializeToString()

    async def remove(request: cluster.MemberRemoveRequest) -> bytes:
        await engine.remove_member(request.ID)
        answer = cluster.MemberRemoveResponse(header=member_header(engine.stamp()), members=_members(engine))
        return answer.SerializeToString()

    async def update(request: cluster.MemberUpdateRequest) -> bytes:
        known = any(record.id == request.ID for record in engine.members())
        await engine.update_member(request.ID, _checked(request.peerURLs) if known else list(request.peerURLs))
        answer = cluster.MemberUpdateResponse(header=member_header(engine.stamp()), members=_members(engine))
        return answer.SerializeToString()

    async def promote(request: cluster.MemberPromoteRequest) -> bytes:
        await engine.promote_member(request.ID)
        answer = cluster.MemberPromoteResponse(header=member_header(engine.stamp()), members=_members(engine))
        return answer.SerializeToString()

    async def list_members(request: cluster.MemberListRequest) -> bytes:
        records = await engine.list_members(request.linearizable)
        answer = cluster.MemberListResponse(header=member_header(engine.stamp()), members=map(_member, records))
        return answer.SerializeToString()

    return [
        Method(SERVICE + "MemberAdd", _handler(cluster.MemberAddRequest, add)),
        Method(SERVICE + "MemberRemove", _handler(cluster.MemberRemoveRequest, remove)),
        Method(SERVICE + "MemberUpdate", _handler(cluster.MemberUpdateRequest, update)),
        Method(SERVICE + "MemberList", _handler(cluster.MemberListRequest, list_members)),
        Method(SERVICE + "MemberPromote", _handler(cluster.MemberPromoteRequest, promote)),
    ]


def _handler(kind: type[M], work: Callable[[M], Coroutine[Any, Any, bytes]]) -> UnaryHandler:
    def handle(data: bytes, call: UnaryCall) -> None:
        try:
            request = kind.FromString(data)
        except DecodeError as error:
            raise malformed(error) from None
        answer_later(call, work(request), fail)

    return handle


def _checked(urls: Iterable[str]) -> list[str]:
    """Addresses that peers can dial; etcd checks those of a new member, and falls over those of an update."""
    given = [url.strip() for url in urls]
    if not valid_peer_urls(given):
        raise MembershipRefused("the peer addresses are not valid", reason="bad_urls")
    return given


def _members(engine: Engine) -> list[cluster.Member]:
    return [_member(record) for record in engine.members()]


def _member(record: MemberRecord) -> cluster.Member:
    return cluster.Member(
        ID=record.id,
        name=record.name,
        peerURLs=record.peer_urls,
        clientURLs=record.client_urls,
        isLearner=record.is_learner,
    )
