# SPDX-License-Identifier: Apache-2.0
"""The messages of ``tricord.v1.Replication`` <-> ``base.edges``."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from tricord.base.edges import EdgeHello, EdgeSet, EdgeTold, EdgeWelcome, Said
from tricord.base.errors import InvalidRequest, MalformedMessage, ServerFault
from tricord.base.keyspaces import Model
from tricord.wire.native.keyspaces import declared_type, keyspace_message, keyspace_record
from tricord.wire.schemas import keyspaces, replication

EXCHANGE = "/tricord.v1.Replication/Exchange"
IDENTITY_BYTES = 16

_NUMBERS = {Model.STRONG: keyspaces.STRONG, Model.CAUSAL: keyspaces.CAUSAL, Model.EVENTUAL: keyspaces.EVENTUAL}
_MODELS = {number: model for model, number in _NUMBERS.items()}


def encode_hello(hello: EdgeHello) -> bytes:
    """A request's bytes."""
    return replication.ReplicationRequest(
        hello=replication.ReplicationHello(
            protocol=hello.protocol,
            keyspace=hello.keyspace,
            model=_NUMBERS[hello.model],
            edge=hello.identity,
            former=hello.former,
            cluster=hello.cluster,
            history=hello.history,
            keyspace_id=hello.id,
            type=hello.type or 0,
            run=hello.run,
        )
    ).SerializeToString()


def encode_said(said: Said) -> bytes:
    """A request's bytes."""
    return replication.ReplicationRequest(said=_piece(said)).SerializeToString()


def decode_request(data: bytes) -> EdgeHello | Said:
    """Raises MalformedMessage; InvalidRequest for what this version does not know."""
    try:
        request = replication.ReplicationRequest.FromString(data)
    except DecodeError as error:
        raise MalformedMessage(str(error)) from None
    kind = request.WhichOneof("request")
    if kind == "said":
        return Said(request.said.data, request.said.more)
    if kind is None:
        raise InvalidRequest("a message of an edge says nothing that this version knows")
    hello = request.hello
    model = _MODELS.get(hello.model)
    if model is None:
        raise InvalidRequest(f"a keyspace's model {hello.model} is not known")
    if len(hello.edge) != IDENTITY_BYTES:
        raise InvalidRequest(f"an edge has {IDENTITY_BYTES} bytes of identity, not {len(hello.edge)}")
    return EdgeHello(
        hello.keyspace,
        model,
        hello.edge,
        hello.former,
        hello.cluster,
        hello.history,
        hello.keyspace_id,
        hello.protocol,
        declared_type(hello.type),
        hello.run,
    )


def encode_told(told: EdgeTold) -> bytes:
    """A response's bytes."""
    if isinstance(told, Said):
        return replication.ReplicationResponse(said=_piece(told)).SerializeToString()
    if isinstance(told, EdgeSet):
        return replication.ReplicationResponse(set=_set_message(told)).SerializeToString()
    welcome = replication.ReplicationWelcome(
        cluster=told.cluster,
        history=told.history,
        member=told.member,
        keyspace=keyspace_message(told.record),
        number=told.number,
        replica=told.replica,
        set=_set_message(told.replicas),
    )
    return replication.ReplicationResponse(welcome=welcome).SerializeToString()


def decode_told(data: bytes) -> EdgeTold:
    """Raises ServerFault for bytes that are no answer that this version knows."""
    try:
        response = replication.ReplicationResponse.FromString(data)
    except DecodeError as error:
        raise ServerFault(f"the answer cannot be read: {error}") from None
    kind = response.WhichOneof("response")
    if kind == "said":
        return Said(response.said.data, response.said.more)
    if kind == "set":
        return _set(response.set)
    if kind is None:
        raise ServerFault("the answer says nothing that this version knows")
    welcome = response.welcome
    if not welcome.number or not welcome.replica:
        raise ServerFault("the welcome names no replica that there can be")
    return EdgeWelcome(
        welcome.cluster,
        welcome.history,
        welcome.member,
        keyspace_record(welcome.keyspace),
        welcome.number,
        welcome.replica,
        _set(welcome.set),
    )


def _piece(said: Said) -> replication.ReplicationPiece:
    return replication.ReplicationPiece(data=said.data, more=said.more)


def _set_message(replicas: EdgeSet) -> replication.ReplicationSet:
    return replication.ReplicationSet(
        epoch=replicas.epoch, members=replicas.members, edges=replicas.edges, next_number=replicas.next_number
    )


def _set(message: replication.ReplicationSet) -> EdgeSet:
    return EdgeSet(message.epoch, list(message.members), list(message.edges), message.next_number)
