# SPDX-License-Identifier: Apache-2.0
"""Who holds a keyspace: messages of ``tricord.v1.Keyspaces`` <-> ``base.replica_sets``; also bodies in the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError, Message

from tricord.base.errors import InvalidRequest, MalformedMessage, ServerFault
from tricord.base.levels import Level
from tricord.base.replica_sets import (
    EDGE_BYTES,
    EdgeReplica,
    Holder,
    KeyspaceDescribe,
    KeyspaceDescribeResult,
    MemberReplica,
    ReplicaAttach,
    ReplicaHere,
    ReplicaRetire,
    ReplicaRetireResult,
    ReplicaSet,
)
from tricord.wire.native.keyspaces import keyspace_message, keyspace_record
from tricord.wire.schemas import keyspaces


def _attach(request: ReplicaAttach, _: Level) -> Message:
    return keyspaces.ReplicaAttachRequest(
        keyspace=request.keyspace, former=request.former, **_holder_fields(request.holder)
    )


REPLICA_MESSAGES: dict[type, Callable[[Any, Level], Message]] = {
    KeyspaceDescribe: lambda request, level: keyspaces.KeyspaceDescribeRequest(
        name=request.name, serializable=level is Level.ANY
    ),
    ReplicaAttach: _attach,
    ReplicaRetire: lambda request, _: keyspaces.ReplicaRetireRequest(keyspace=request.keyspace, number=request.number),
}
"""Each request's message."""


def decode_attach(data: bytes) -> ReplicaAttach:
    """Raises MalformedMessage; InvalidRequest for a holder that this version does not know."""
    message = _parse(keyspaces.ReplicaAttachRequest, data)
    holder = _holder(message)
    if holder is None:
        raise InvalidRequest("a replica is held by a member, or by an edge of 16 bytes")
    return ReplicaAttach(message.keyspace, holder, message.former)


def decode_retire(data: bytes) -> ReplicaRetire:
    """Raises MalformedMessage."""
    message = _parse(keyspaces.ReplicaRetireRequest, data)
    return ReplicaRetire(message.keyspace, message.number)


def decode_describe(data: bytes) -> tuple[KeyspaceDescribe, Level]:
    """Raises MalformedMessage."""
    message = _parse(keyspaces.KeyspaceDescribeRequest, data)
    return KeyspaceDescribe(message.name), Level.ANY if message.serializable else Level.LINEARIZABLE


def encode_described(result: KeyspaceDescribeResult) -> bytes:
    """The response's bytes."""
    replicas = result.replicas
    return keyspaces.KeyspaceDescribeResponse(
        keyspace=keyspace_message(result.record),
        epoch=replicas.epoch,
        next_number=replicas.next_number,
        replicas=[
            keyspaces.Replica(number=number, **_holder_fields(replicas.active[number]))
            for number in sorted(replicas.active)
        ],
        here=None if result.here is None else _here_message(result.here),
    ).SerializeToString()


def encode_retired(result: ReplicaRetireResult) -> bytes:
    """The response's bytes."""
    return keyspaces.ReplicaRetireResponse(epoch=result.epoch).SerializeToString()


def decode_describe_response(data: bytes) -> KeyspaceDescribeResult:
    """Raises ServerFault for bytes that are no answer."""
    message = _answer(keyspaces.KeyspaceDescribeResponse, data)
    active: dict[int, Holder] = {}
    for one in message.replicas:
        holder = _holder(one)
        if holder is None:
            raise ServerFault(f"replica {one.number} is held by something that this version does not know")
        active[one.number] = holder
    replicas = ReplicaSet(message.epoch, active, message.next_number)
    here = _here(message.here) if message.HasField("here") else None
    return KeyspaceDescribeResult(keyspace_record(message.keyspace), replicas, here)


def decode_retire_response(data: bytes) -> ReplicaRetireResult:
    """Raises ServerFault for bytes that are no answer."""
    return ReplicaRetireResult(_answer(keyspaces.ReplicaRetireResponse, data).epoch)


def _here_message(here: ReplicaHere) -> keyspaces.ReplicaHere:
    return keyspaces.ReplicaHere(
        number=here.number,
        is_open=here.is_open,
        sequence=here.sequence,
        keys=here.keys,
        bytes=here.bytes,
        unsent=here.unsent,
        silences=[
            keyspaces.ReplicaSilence(number=number, milliseconds=round(seconds * 1000))
            for number, seconds in sorted(here.silent_seconds.items())
        ],
    )


def _here(message: keyspaces.ReplicaHere) -> ReplicaHere:
    silent = {one.number: one.milliseconds / 1000 for one in message.silences}
    figures = message.sequence, message.keys, message.bytes, message.unsent
    return ReplicaHere(message.number, message.is_open, *figures, silent)


def _holder_fields(holder: Holder) -> dict[str, Any]:
    if type(holder) is MemberReplica:
        return {"member": holder.member}
    assert type(holder) is EdgeReplica
    return {"edge": holder.identity}


def _holder(message: Any) -> Holder | None:
    """Who a message names; None: nobody, or both."""
    if message.member and not message.edge:
        return MemberReplica(message.member)
    if not message.member and len(message.edge) == EDGE_BYTES:
        return EdgeReplica(message.edge)
    return None


def _parse(kind: Any, data: bytes) -> Any:
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise MalformedMessage(str(error)) from None


def _answer(kind: Any, data: bytes) -> Any:
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise ServerFault(f"the answer cannot be read: {error}") from None
