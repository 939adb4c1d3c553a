# SPDX-License-Identifier: Apache-2.0
"""Messages of etcd's Watch service: what clients ask, and what they are told.

Answers are put together from parts that are made once: an event's bytes are kept with the event, for all who are told
of it, with and without what was there before; a header's with its revision. Tests hold every byte against protobuf's
own encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from google.protobuf.message import DecodeError

from tricord.base.errors import MalformedMessage
from tricord.base.levels import Stamp
from tricord.base.message import message
from tricord.base.operations import EventKind
from tricord.base.watching import SharedEvent, WatchSpec
from tricord.wire.etcd.responses import encode_header, encode_key_value
from tricord.wire.etcd.varint import varint
from tricord.wire.schemas import watch

FROM_KEY = b"\0"
INVALID_WATCH = -1
"""The id in the answer to a watch that did not come to be."""
WITHOUT_PREVIOUS, WITH_PREVIOUS = "etcd", "etcd with previous"
"""Names of an event's bytes in ``SharedEvent.encoded``."""

_parse = watch.WatchRequest.FromString
_NO_HEADER = b"\x0a\x00"
_CREATED = b"\x18\x01"
_CANCELED = b"\x20\x01"
_FRAGMENT = b"\x38\x01"


@message
class WatchCreate:
    """Begin a watch under this id (0: choose one). ``fragment``: large answers may come in pieces."""

    spec: WatchSpec
    watch_id: int
    fragment: bool


@message
class WatchCancel:
    """End the watch of this id."""

    watch_id: int


@message
class WatchAskProgress:
    """Say how far all watches of the stream are."""


WatchRequest: TypeAlias = WatchCreate | WatchCancel | WatchAskProgress


def decode_watch_request(data: bytes) -> WatchRequest | None:
    """What a client asks; None where it asks nothing, which etcd lets pass. Raises MalformedMessage.

    An empty key stands for the lowest one, as in etcd; filters that are not known count for nothing.
    """
    try:
        m = _parse(data)
    except DecodeError as error:
        raise MalformedMessage(str(error)) from None
    kind = m.WhichOneof("request_union")
    if kind == "create_request":
        create = m.create_request
        filters = list(create.filters)
        spec = WatchSpec(
            create.key or FROM_KEY,
            create.range_end,
            create.start_revision,
            create.prev_kv,
            puts=watch.WatchCreateRequest.NOPUT not in filters,
            deletes=watch.WatchCreateRequest.NODELETE not in filters,
            progress=create.progress_notify,
        )
        return WatchCreate(spec, create.watch_id, create.fragment)
    if kind == "cancel_request":
        return WatchCancel(m.cancel_request.watch_id)
    return WatchAskProgress() if kind == "progress_request" else None


def encode_watch_id(watch_id: int) -> bytes:
    """Field 2 of every answer."""
    return b"\x10" + varint(watch_id) if watch_id else b""


def encode_created(stamp: Stamp, watch_id: int) -> bytes:
    """The watch is there."""
    return encode_header(stamp) + encode_watch_id(watch_id) + _CREATED


def encode_refused(stamp: Stamp, reason: str) -> bytes:
    """The watch did not come to be: created and canceled in one."""
    text = reason.encode()
    return (
        encode_header(stamp)
        + encode_watch_id(INVALID_WATCH)
        + _CREATED
        + _CANCELED
        + b"\x32"
        + varint(len(text))
        + text
    )


def encode_canceled(stamp: Stamp, watch_id: int) -> bytes:
    """The watch was ended by its client."""
    return encode_header(stamp) + encode_watch_id(watch_id) + _CANCELED


def encode_compacted(stamp: Stamp, watch_id: int, compacted: int) -> bytes:
    """The watch ended, since what it should tell is gone. ``stamp`` has no revision, as in etcd."""
    return encode_header(stamp) + encode_watch_id(watch_id) + _CANCELED + b"\x28" + varint(compacted)


def encode_progress(header: bytes, watch_id: int) -> bytes:
    """Everything up to the header's revision was told."""
    return header + encode_watch_id(watch_id)


def encode_event(shared: SharedEvent, name: str) -> bytes:
    """One of the answer's events, tag and size included; made once for each ``name``."""
    encoded = shared.encoded.get(name)
    if encoded is None:
        event = shared.event
        kv = event.kv
        if event.kind == EventKind.PUT:
            record = encode_key_value(kv)
            body = b"\x12%b%b" % (varint(len(record)), record)
        else:
            record = b"\x0a%b%b\x18%b" % (varint(len(kv.key)), kv.key, varint(kv.mod_revision))
            body = b"\x08\x01\x12%b%b" % (varint(len(record)), record)
        if name == WITH_PREVIOUS and event.previous is not None:
            record = encode_key_value(event.previous)
            body += b"\x1a%b%b" % (varint(len(record)), record)
        encoded = shared.encoded[name] = b"\x5a%b%b" % (varint(len(body)), body)
    return encoded


def encode_events(header: bytes, watch_id: bytes, events: list[SharedEvent], name: str) -> bytes:
    """An answer with events; ``watch_id`` is a whole field."""
    encoded = [shared.encoded.get(name) or encode_event(shared, name) for shared in events]
    return b"".join([header, watch_id, *encoded])


def encode_fragments(
    header: bytes, watch_id: bytes, events: list[SharedEvent], name: str, most: int
) -> Iterator[bytes]:
    """Answers below ``most`` bytes each, or of one event: all but the last say that more follows."""
    head = header + watch_id
    piece: list[bytes] = []
    size = len(head)
    for shared in events:
        encoded = encode_event(shared, name)
        # etcd's count has the mark that more follows in it.
        if piece and size + len(encoded) + len(_FRAGMENT) >= most:
            yield b"".join([head, _FRAGMENT, *piece])
            piece, size = [], len(head)
        piece.append(encoded)
        size += len(encoded)
    yield b"".join([head, *piece])
