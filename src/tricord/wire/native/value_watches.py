# SPDX-License-Identifier: Apache-2.0
"""The messages of ``tricord.v1.Values/Watch`` <-> ``base.typed``: what a client asks, and what it is told."""

from __future__ import annotations

from typing import TypeAlias

from tricord.base.dots import VersionVector
from tricord.base.errors import InvalidRequest, MalformedEncoding, ServerFault
from tricord.base.levels import Level, Stamp
from tricord.base.message import message
from tricord.base.typed import TypedEvents, TypedWatch
from tricord.wire.native.shown import key_message
from tricord.wire.native.values import answer, header_message, keys_of, parse, stamp_of
from tricord.wire.schemas import values


@message
class WatchCreate:
    """Begin a watch."""

    spec: TypedWatch


@message
class WatchCancel:
    """End a watch."""

    watch: int


@message
class WatchCreated:
    """A watch was begun."""

    watch: int


@message
class WatchEnded:
    """A watch ended, or was not begun. Without ``code`` that was the client's wish; else it is an error's."""

    watch: int
    code: str = ""
    reason: str = ""


WatchRequest: TypeAlias = WatchCreate | WatchCancel
WatchAnswer: TypeAlias = WatchCreated | WatchEnded | TypedEvents


def encode_watch_request(request: WatchRequest) -> bytes:
    """A request's bytes. Raises ValueError for numbers that do not fit."""
    if isinstance(request, WatchCancel):
        cancel = values.ValuesWatchCancel(watch_id=request.watch)
        return values.ValuesWatchRequest(cancel=cancel).SerializeToString()
    spec = request.spec
    create = values.ValuesWatchCreate(
        key=spec.key,
        range_end=spec.range_end,
        vector=b"" if spec.resume is None else spec.resume.encode(),
        position=spec.position,
    )
    return values.ValuesWatchRequest(create=create).SerializeToString()


def decode_watch_request(data: bytes) -> WatchRequest:
    """Raises MalformedMessage; InvalidRequest for a request that this version does not know; MalformedEncoding."""
    request = parse(values.ValuesWatchRequest, data)
    kind = request.WhichOneof("request")
    if kind == "cancel":
        return WatchCancel(request.cancel.watch_id)
    if kind is None:
        raise InvalidRequest("a request of a watch stream says nothing that this version knows")
    create = request.create
    resume = VersionVector.decode(create.vector) if create.vector else None
    return WatchCreate(TypedWatch(create.key, create.range_end, resume, create.position))


def encode_watch_answer(told: WatchAnswer, stamp: Stamp) -> bytes:
    """An answer's bytes."""
    header = header_message(stamp)
    if isinstance(told, WatchCreated):
        response = values.ValuesWatchResponse(header=header, watch_id=told.watch, created=True)
    elif isinstance(told, WatchEnded):
        response = values.ValuesWatchResponse(
            header=header, watch_id=told.watch, canceled=True, code=told.code, reason=told.reason
        )
    else:
        response = values.ValuesWatchResponse(
            header=header,
            watch_id=told.watch,
            sequence=told.sequence,
            keys=[key_message(one) for one in told.keys],
            vector=b"" if told.vector is None else told.vector.encode(),
            position=told.position,
            resynced=told.resynced,
        )
    return response.SerializeToString()


def decode_watch_answer(data: bytes) -> tuple[WatchAnswer, Stamp]:
    """Raises ServerFault for bytes that are no answer, UnknownType for values that this version cannot show."""
    response = answer(values.ValuesWatchResponse, data)
    stamp = stamp_of(response.header, Level.ANY)
    if response.canceled:
        return WatchEnded(response.watch_id, response.code, response.reason), stamp
    if response.created:
        return WatchCreated(response.watch_id), stamp
    try:
        vector = VersionVector.decode(response.vector) if response.vector else None
    except MalformedEncoding as error:
        raise ServerFault(f"the answer cannot be read: {error}") from None
    keys = keys_of(response.keys)
    told = TypedEvents(response.watch_id, response.sequence, keys, vector, response.resynced, response.position)
    return told, stamp
