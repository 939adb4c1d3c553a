# SPDX-License-Identifier: Apache-2.0
"""Requests and results of ``tricord.v1.Values`` <-> ``base.typed``; its watches are in ``value_watches``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError, Message

from tricord.base import changes
from tricord.base.changes import Change
from tricord.base.errors import InvalidRequest, MalformedMessage, NestedTooDeep, ServerFault, UnknownType
from tricord.base.levels import Level, Stamp
from tricord.base.typed import Fetch, FetchResult, KeyChange, TypedKey, TypedResult, Update, UpdateResult
from tricord.wire.native.shown import key_message, key_of
from tricord.wire.schemas import header, values

DEPTH_MAX = 32
"""Maps in maps that a request may name: what is stored may have fewer, what a parser takes is more."""

_NAMES: dict[type, str] = {
    changes.Put: "put",
    changes.PutLast: "put_last",
    changes.Add: "add",
    changes.AddElement: "add_element",
    changes.RemoveElement: "remove_element",
    changes.ChangeField: "change_field",
    changes.RemoveField: "remove_field",
    changes.Remove: "remove",
    changes.KeepOnly: "keep_only",
}
_PLAIN: dict[str, Callable[[Any], Change]] = {
    "put": changes.Put,
    "put_last": changes.PutLast,
    "add": changes.Add,
    "add_element": changes.AddElement,
    "remove_element": changes.RemoveElement,
    "remove_field": changes.RemoveField,
    "remove": lambda _: changes.Remove(),
}
"""Those that are made of one field's value."""


def _update_message(request: Update, _: Level) -> values.UpdateRequest:
    return values.UpdateRequest(
        changes=[
            values.KeyChange(key=one.key, change=change_message(one.change), seen=one.seen, ttl_milliseconds=one.ttl)
            for one in request.changes
        ],
        acks=0 if request.acks == 1 else request.acks,
    )


def _fetch_message(request: Fetch, _: Level) -> values.FetchRequest:
    replicas = 0 if request.replicas == 1 else request.replicas
    return values.FetchRequest(key=request.key, range_end=request.range_end, limit=request.limit, replicas=replicas)


VALUE_MESSAGES: dict[type, Callable[[Any, Level], Message]] = {Update: _update_message, Fetch: _fetch_message}
"""Each request's message. Raise ValueError for numbers that do not fit, NestedTooDeep."""


def decode_update(data: bytes) -> Update:
    """Raises MalformedMessage; InvalidRequest for a change that this version does not know."""
    message = parse(values.UpdateRequest, data)
    found = [KeyChange(m.key, change_of(m.change), m.seen, m.ttl_milliseconds) for m in message.changes]
    return Update(found, message.acks or 1)


def decode_fetch(data: bytes) -> Fetch:
    """Raises MalformedMessage."""
    message = parse(values.FetchRequest, data)
    return Fetch(message.key, message.range_end, message.limit, message.replicas or 1)


def change_message(change: Change, depth: int = 1) -> values.ValueChange:
    """A change as a message. Raises NestedTooDeep, ValueError for numbers that do not fit."""
    if depth > DEPTH_MAX:
        raise NestedTooDeep(f"maps are nested more than {DEPTH_MAX} deep")
    match change:
        case changes.Put(value) | changes.PutLast(value):
            content: Any = value
        case changes.Add(amount):
            content = amount
        case changes.AddElement(element) | changes.RemoveElement(element):
            content = element
        case changes.ChangeField(name, inner):
            content = values.FieldChange(name=name, change=change_message(inner, depth + 1))
        case changes.RemoveField(name):
            content = name
        case changes.KeepOnly(tag):
            content = tag
        case changes.Remove():
            content = values.RemoveAll()
    return values.ValueChange(**{_NAMES[type(change)]: content})


def change_of(message: values.ValueChange) -> Change:
    """The change that a message says. Raises InvalidRequest where it is none, or one of a later version. Nests no
    deeper than messages may."""
    name = message.WhichOneof("kind")
    if name is None:
        raise InvalidRequest("a change says nothing that this version knows")
    content = getattr(message, name)
    if (make := _PLAIN.get(name)) is not None:
        return make(content)
    if name == "change_field":
        return changes.ChangeField(content.name, change_of(content.change))
    if content <= 0:
        raise InvalidRequest(f"{content} is the number of no type")
    return changes.KeepOnly(content)


def encode_result(result: TypedResult, stamp: Stamp) -> bytes:
    """The response's bytes."""
    if isinstance(result, UpdateResult):
        return values.UpdateResponse(
            header=header_message(stamp), sequence=result.sequence, acks=result.acks
        ).SerializeToString()
    return values.FetchResponse(
        header=header_message(stamp),
        sequence=result.sequence,
        keys=[key_message(one) for one in result.keys],
        more=result.more,
    ).SerializeToString()


def decode_update_response(data: bytes, level: Level) -> tuple[UpdateResult, Stamp]:
    """Raises ServerFault for bytes that are no answer."""
    message = answer(values.UpdateResponse, data)
    return UpdateResult(message.sequence, message.acks), stamp_of(message.header, level)


def decode_fetch_response(data: bytes, level: Level) -> tuple[FetchResult, Stamp]:
    """Raises ServerFault for bytes that are no answer, UnknownType for values that this version cannot show."""
    message = answer(values.FetchResponse, data)
    found = FetchResult(message.sequence, keys_of(message.keys), message.more)
    return found, stamp_of(message.header, level)


def keys_of(messages: Any) -> list[TypedKey]:
    """Keys with their values. Raises ServerFault, UnknownType."""
    try:
        return [key_of(message) for message in messages]
    except UnknownType:
        raise
    except (InvalidRequest, ValueError) as error:
        raise ServerFault(f"the answer cannot be read: {error}") from None


def header_message(stamp: Stamp) -> header.ResponseHeader:
    """A stamp as etcd's answers have it."""
    return header.ResponseHeader(
        cluster_id=stamp.cluster, member_id=stamp.member, raft_term=stamp.term, revision=stamp.revision
    )


def stamp_of(message: header.ResponseHeader, level: Level) -> Stamp:
    """The stamp; its level as it was asked for, until metadata says more."""
    age = 0.0 if level is Level.LINEARIZABLE else None
    return Stamp(message.cluster_id, message.member_id, message.raft_term, message.revision, level, age)


def parse(kind: Any, data: bytes) -> Any:
    """A request's message. Raises MalformedMessage."""
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise MalformedMessage(str(error)) from None


def answer(kind: Any, data: bytes) -> Any:
    """An answer's message. Raises ServerFault."""
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise ServerFault(f"the answer cannot be read: {error}") from None
