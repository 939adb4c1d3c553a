# SPDX-License-Identifier: Apache-2.0
"""Requests and results of etcd's Lease service <-> ``base.leases``, and the lease commands of the log.

A command that is logged is canonical: ``encode_lease_request`` of what was decoded. The end of leases has a message of
tricord's own, since etcd logs that as if a client had asked for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError, Message

from tricord.base.errors import MalformedMessage
from tricord.base.leases import (
    LeaseCheckpoint,
    LeaseExpire,
    LeaseGrant,
    LeaseGrantResult,
    LeaseKeepAlive,
    LeaseKeepAliveResult,
    LeaseList,
    LeaseListResult,
    LeaseRevoke,
    LeaseRevokeResult,
    LeaseTimeToLive,
    LeaseTimeToLiveResult,
)
from tricord.base.levels import Level, Stamp
from tricord.wire.etcd.answers import answer_of, stamp_of
from tricord.wire.etcd.varint import varint
from tricord.wire.schemas import lease
from tricord.wire.schemas.lease_expiry import LeaseExpireRequest

_LINEARIZABLE = Level.LINEARIZABLE

LEASE_MESSAGES: dict[type, Callable[[Any, Level], Message]] = {
    LeaseGrant: lambda request, _: lease.LeaseGrantRequest(TTL=request.ttl, ID=request.id),
    LeaseRevoke: lambda request, _: lease.LeaseRevokeRequest(ID=request.id),
    LeaseExpire: lambda request, _: LeaseExpireRequest(ids=request.ids),
    LeaseCheckpoint: lambda request, _: lease.LeaseCheckpointRequest(
        checkpoints=[lease.LeaseCheckpoint(ID=identity, remaining_TTL=left) for identity, left in request.remaining]
    ),
    LeaseKeepAlive: lambda request, _: lease.LeaseKeepAliveRequest(ID=request.id),
    LeaseTimeToLive: lambda request, _: lease.LeaseTimeToLiveRequest(ID=request.id, keys=request.keys),
    LeaseList: lambda _, __: lease.LeaseLeasesRequest(),
}
"""Each request's message."""


def _parse(parse: Callable[[bytes], Any], data: bytes) -> Any:
    try:
        return parse(data)
    except DecodeError as error:
        raise MalformedMessage(str(error)) from None


def decode_grant(data: bytes) -> tuple[LeaseGrant, Level]:
    """A LeaseGrantRequest. Raises MalformedMessage, as all of these."""
    m: lease.LeaseGrantRequest = _parse(lease.LeaseGrantRequest.FromString, data)
    return LeaseGrant(m.TTL, m.ID), _LINEARIZABLE


def decode_revoke(data: bytes) -> tuple[LeaseRevoke, Level]:
    """A LeaseRevokeRequest."""
    return LeaseRevoke(_parse(lease.LeaseRevokeRequest.FromString, data).ID), _LINEARIZABLE


def decode_expire(data: bytes) -> tuple[LeaseExpire, Level]:
    """A LeaseExpireRequest."""
    return LeaseExpire(list(_parse(LeaseExpireRequest.FromString, data).ids)), _LINEARIZABLE


def decode_checkpoint(data: bytes) -> tuple[LeaseCheckpoint, Level]:
    """A LeaseCheckpointRequest."""
    m: lease.LeaseCheckpointRequest = _parse(lease.LeaseCheckpointRequest.FromString, data)
    return LeaseCheckpoint([(one.ID, one.remaining_TTL) for one in m.checkpoints]), _LINEARIZABLE


def decode_keep_alive(data: bytes) -> tuple[LeaseKeepAlive, Level]:
    """A LeaseKeepAliveRequest. Cost: 0.5 us."""
    return LeaseKeepAlive(_parse(lease.LeaseKeepAliveRequest.FromString, data).ID), _LINEARIZABLE


def decode_time_to_live(data: bytes) -> tuple[LeaseTimeToLive, Level]:
    """A LeaseTimeToLiveRequest."""
    m: lease.LeaseTimeToLiveRequest = _parse(lease.LeaseTimeToLiveRequest.FromString, data)
    return LeaseTimeToLive(m.ID, m.keys), _LINEARIZABLE


def decode_list(data: bytes) -> tuple[LeaseList, Level]:
    """A LeaseLeasesRequest."""
    _parse(lease.LeaseLeasesRequest.FromString, data)
    return LeaseList(), _LINEARIZABLE


def _listed(identity: int) -> bytes:
    """One lease of a list: a third of what protobuf takes for it."""
    number = varint(identity)
    return b"\x12%c\x08%b" % (len(number) + 1, number)


LEASE_BODIES: dict[type, Callable[[Any], bytes]] = {
    LeaseGrantResult: lambda result: lease.LeaseGrantResponse(ID=result.id, TTL=result.ttl).SerializeToString(),
    LeaseRevokeResult: lambda _: b"",
    LeaseKeepAliveResult: lambda result: lease.LeaseKeepAliveResponse(ID=result.id, TTL=result.ttl).SerializeToString(),
    LeaseTimeToLiveResult: lambda result: lease.LeaseTimeToLiveResponse(
        ID=result.id, TTL=result.ttl, grantedTTL=result.granted_ttl, keys=result.keys
    ).SerializeToString(),
    LeaseListResult: lambda result: b"".join(map(_listed, result.ids)),
}
"""Each result's response but for its header."""


def decode_grant_response(data: bytes, level: Level = _LINEARIZABLE) -> tuple[LeaseGrantResult, Stamp]:
    """A LeaseGrantResponse. Raises ServerFault for bytes that are none, as all of these."""
    m: lease.LeaseGrantResponse = answer_of(lease.LeaseGrantResponse, data)
    return LeaseGrantResult(m.ID, m.TTL), stamp_of(m.header, level)


def decode_revoke_response(data: bytes, level: Level = _LINEARIZABLE) -> tuple[LeaseRevokeResult, Stamp]:
    """A LeaseRevokeResponse."""
    m: lease.LeaseRevokeResponse = answer_of(lease.LeaseRevokeResponse, data)
    return LeaseRevokeResult(), stamp_of(m.header, level)


def decode_keep_alive_response(data: bytes, level: Level = _LINEARIZABLE) -> tuple[LeaseKeepAliveResult, Stamp]:
    """A LeaseKeepAliveResponse."""
    m: lease.LeaseKeepAliveResponse = answer_of(lease.LeaseKeepAliveResponse, data)
    return LeaseKeepAliveResult(m.ID, m.TTL), stamp_of(m.header, level)


def decode_time_to_live_response(data: bytes, level: Level = _LINEARIZABLE) -> tuple[LeaseTimeToLiveResult, Stamp]:
    """A LeaseTimeToLiveResponse."""
    m: lease.LeaseTimeToLiveResponse = answer_of(lease.LeaseTimeToLiveResponse, data)
    return LeaseTimeToLiveResult(m.ID, m.TTL, m.grantedTTL, list(m.keys)), stamp_of(m.header, level)


def decode_list_response(data: bytes, level: Level = _LINEARIZABLE) -> tuple[LeaseListResult, Stamp]:
    """A LeaseLeasesResponse; ids ascending."""
    m: lease.LeaseLeasesResponse = answer_of(lease.LeaseLeasesResponse, data)
    return LeaseListResult(sorted(one.ID for one in m.leases)), stamp_of(m.header, level)
