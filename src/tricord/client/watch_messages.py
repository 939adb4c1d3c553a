# SPDX-License-Identifier: Apache-2.0
"""etcd's Watch messages as a client writes and reads them. Loaded when the first watch is made."""

from __future__ import annotations

from tricord.base.errors import InvalidRequest
from tricord.base.message import message
from tricord.base.operations import Event, EventKind, KeyValue
from tricord.base.watching import WatchSpec
from tricord.wire.etcd.answers import answer_of
from tricord.wire.schemas import mvcc
from tricord.wire.schemas import watch as schema

WATCH_PATH = "/etcdserverpb.Watch/Watch"
METADATA = (("hasleader", "true"),)
"""A member that knows no leader is to end the watch: it would tell nothing, for as long as it is cut off."""

PROGRESS_REQUEST = schema.WatchRequest(progress_request=schema.WatchProgressRequest()).SerializeToString()


@message
class WatchAnswer:
    """One WatchResponse. ``reason`` says why it was cancelled, if a compaction (``compacted``) is not why."""

    cluster: int
    revision: int
    created: bool
    cancelled: bool
    compacted: int
    reason: str
    events: list[Event]


def encode_create(spec: WatchSpec) -> bytes:
    """A WatchRequest that makes a watch. Raises InvalidRequest where a field is of a wrong type or over 64 bits."""
    kinds = schema.WatchCreateRequest
    filters = ([] if spec.puts else [kinds.NOPUT]) + ([] if spec.deletes else [kinds.NODELETE])
    try:
        create = schema.WatchCreateRequest(
            key=spec.key,
            range_end=spec.range_end,
            start_revision=spec.start_revision,
            progress_notify=spec.progress,
            filters=filters,
            prev_kv=spec.previous,
        )
    except (ValueError, TypeError) as error:
        raise InvalidRequest(f"the watch cannot be encoded: {error}") from None
    return schema.WatchRequest(create_request=create).SerializeToString()


def decode_answer(data: bytes) -> WatchAnswer:
    """A WatchResponse. Raises ServerFault for bytes that are none."""
    m: schema.WatchResponse = answer_of(schema.WatchResponse, data)
    return WatchAnswer(
        m.header.cluster_id,
        m.header.revision,
        m.created,
        m.canceled,
        m.compact_revision,
        m.cancel_reason,
        [_event(event) for event in m.events],
    )


def _event(m: mvcc.Event) -> Event:
    kind = EventKind.DELETE if m.type == EventKind.DELETE else EventKind.PUT
    return Event(kind, _key_value(m.kv), _key_value(m.prev_kv) if m.HasField("prev_kv") else None)


def _key_value(m: mvcc.KeyValue) -> KeyValue:
    return KeyValue(m.key, m.value, m.create_revision, m.mod_revision, m.version, m.lease)
