# SPDX-License-Identifier: Apache-2.0
"""Requests and results of ``tricord.v1.Keyspaces`` <-> ``base.keyspaces``; also bodies in the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError, Message

from tricord.base.errors import InvalidRequest, MalformedMessage, ServerFault
from tricord.base.keyspaces import (
    KeyspaceCreate,
    KeyspaceCreateResult,
    KeyspaceDrop,
    KeyspaceDropResult,
    KeyspaceList,
    KeyspaceListResult,
    KeyspaceRecord,
    Model,
)
from tricord.base.levels import Level
from tricord.base.values import DataType
from tricord.wire.schemas import keyspaces

KEYSPACE = "tricord-keyspace"
"""The metadata that says which keyspace a call is about."""

_NUMBERS = {Model.STRONG: keyspaces.STRONG, Model.CAUSAL: keyspaces.CAUSAL, Model.EVENTUAL: keyspaces.EVENTUAL}
_MODELS = {number: model for model, number in _NUMBERS.items()}

KEYSPACE_MESSAGES: dict[type, Callable[[Any, Level], Message]] = {
    KeyspaceCreate: lambda request, _: keyspaces.KeyspaceCreateRequest(
        name=request.name, model=_NUMBERS[request.model], type=request.type or 0
    ),
    KeyspaceDrop: lambda request, _: keyspaces.KeyspaceDropRequest(name=request.name),
    KeyspaceList: lambda _, level: keyspaces.KeyspaceListRequest(serializable=level is Level.ANY),
}
"""Each request's message."""


def decode_create(data: bytes) -> KeyspaceCreate:
    """Raises MalformedMessage; InvalidRequest for a model or a type that this version does not know."""
    message = _parse(keyspaces.KeyspaceCreateRequest, data)
    model = _MODELS.get(message.model or keyspaces.STRONG)
    if model is None:
        raise InvalidRequest(f"a keyspace's model {message.model} is not known")
    return KeyspaceCreate(message.name, model, declared_type(message.type))


def decode_drop(data: bytes) -> KeyspaceDrop:
    """Raises MalformedMessage."""
    return KeyspaceDrop(_parse(keyspaces.KeyspaceDropRequest, data).name)


def decode_list(data: bytes) -> tuple[KeyspaceList, Level]:
    """Raises MalformedMessage."""
    message = _parse(keyspaces.KeyspaceListRequest, data)
    return KeyspaceList(), Level.ANY if message.serializable else Level.LINEARIZABLE


def encode_result(result: KeyspaceCreateResult | KeyspaceDropResult | KeyspaceListResult) -> bytes:
    """The response's bytes."""
    if isinstance(result, KeyspaceListResult):
        return keyspaces.KeyspaceListResponse(
            keyspaces=[keyspace_message(record) for record in result.records]
        ).SerializeToString()
    kind = (
        keyspaces.KeyspaceCreateResponse if isinstance(result, KeyspaceCreateResult) else keyspaces.KeyspaceDropResponse
    )
    return kind(keyspace=keyspace_message(result.record)).SerializeToString()


def decode_create_response(data: bytes) -> KeyspaceCreateResult:
    """Raises ServerFault for bytes that are no answer."""
    return KeyspaceCreateResult(keyspace_record(_answer(keyspaces.KeyspaceCreateResponse, data).keyspace))


def decode_drop_response(data: bytes) -> KeyspaceDropResult:
    """Raises ServerFault for bytes that are no answer."""
    return KeyspaceDropResult(keyspace_record(_answer(keyspaces.KeyspaceDropResponse, data).keyspace))


def decode_list_response(data: bytes) -> KeyspaceListResult:
    """Raises ServerFault for bytes that are no answer."""
    return KeyspaceListResult([keyspace_record(one) for one in _answer(keyspaces.KeyspaceListResponse, data).keyspaces])


def keyspace_message(record: KeyspaceRecord) -> keyspaces.Keyspace:
    """The record's message."""
    return keyspaces.Keyspace(id=record.id, name=record.name, model=_NUMBERS[record.model], type=record.type or 0)


def keyspace_record(message: keyspaces.Keyspace) -> KeyspaceRecord:
    """The message's record. Raises ServerFault for a model or a type that this version does not know."""
    model = _MODELS.get(message.model)
    if model is None:
        raise ServerFault(f"keyspace {message.name!r} has a model that this version does not know: {message.model}")
    try:
        return KeyspaceRecord(message.id, message.name, model, declared_type(message.type))
    except InvalidRequest as error:
        raise ServerFault(f"keyspace {message.name!r}: {error}") from None


def declared_type(number: int) -> DataType | None:
    """The type of that number; 0: none. Raises InvalidRequest for one that this version does not know."""
    try:
        return DataType(number) if number else None
    except ValueError:
        raise InvalidRequest(f"a type of number {number} is not known") from None


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
