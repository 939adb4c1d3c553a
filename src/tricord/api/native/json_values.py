# SPDX-License-Identifier: Apache-2.0
"""Changes, values and what watches tell, as the HTTP API's JSON <-> ``base``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tricord.api.native.json_text import from_base64, to_base64url, to_bytes, to_integer, to_json, to_name, to_object
from tricord.api.native.strong_values import context_of_revision, revision_of_context
from tricord.base import changes
from tricord.base.changes import Change
from tricord.base.errors import InvalidRequest, NestedTooDeep
from tricord.base.hybrid_clock import milliseconds_of
from tricord.base.keyspaces import KeyspaceRecord, Model
from tricord.base.replica_sets import Holder, MemberReplica
from tricord.base.typed import TTL_MAX, FetchResult, KeyChange, TypedEvents, TypedKey, Update
from tricord.base.values import NAMES, TYPES, Shown, Value
from tricord.wire.native.values import DEPTH_MAX

INT64_MAX = (1 << 63) - 1
REPLICAS_MAX = 1 << 20


def update_of(value: Any) -> Update:
    """The body of an update. Raises InvalidRequest."""
    body = to_object(value, "an update", frozenset({"changes", "acks"}))
    listed = body.get("changes")
    if not isinstance(listed, list):
        raise InvalidRequest("an update has a list of changes")
    return Update([key_change_of(one) for one in listed], acks_of(body.get("acks", 1)))


def key_change_of(value: Any) -> KeyChange:
    """One change of an update. Raises InvalidRequest."""
    body = to_object(value, "a change", _KEY_CHANGE)
    if "key" not in body:
        raise InvalidRequest("a change has a key")
    seen = from_base64(body["seen"], "seen") if isinstance(body.get("seen"), str) else b""
    if "seen" in body and not seen:
        raise InvalidRequest("seen is the context of an answer, as it came")
    if "if_revision" in body:
        seen = seen_of_revision(to_integer(body["if_revision"], "if_revision", 0, INT64_MAX), seen)
    ttl = to_integer(body.get("ttl_milliseconds", 0), "ttl_milliseconds", 0, TTL_MAX)
    change = change_of({name: one for name, one in body.items() if name not in _MODIFIERS})
    return KeyChange(to_bytes(body["key"], "a key"), change, seen, ttl)


def change_of(value: Any, depth: int = 1) -> Change:
    """A change by itself: an object of one member. Raises InvalidRequest, NestedTooDeep."""
    if depth > DEPTH_MAX:
        raise NestedTooDeep(f"maps are nested more than {DEPTH_MAX} deep")
    body = to_object(value, "a change", frozenset(_CHANGES))
    if len(body) != 1:
        raise InvalidRequest(f"a change has one of {', '.join(_CHANGES)}")
    ((name, content),) = body.items()
    return _CHANGES[name](content, depth)


def seen_of_revision(revision: int, seen: bytes) -> bytes:
    """The context that ``if_revision`` stands for. Raises InvalidRequest where there is a context too."""
    if seen:
        raise InvalidRequest("give one of seen and if_revision")
    return context_of_revision(revision)


def acks_of(value: Any) -> int:
    """How many replicas are to have a write. Raises InvalidRequest."""
    return to_integer(value, "acks", 1, REPLICAS_MAX)


def _change_field(value: Any, depth: int) -> Change:
    body = to_object(value, "change_field", frozenset({"name", "change"}))
    if len(body) != 2:
        raise InvalidRequest("change_field has a name and a change")
    return changes.ChangeField(to_bytes(body["name"], "a field's name"), change_of(body["change"], depth + 1))


def _remove(value: Any) -> Change:
    if value is not True:
        raise InvalidRequest("remove is true")
    return changes.Remove()


def _type_of(value: Any) -> int:
    if isinstance(value, str) and value in TYPES:
        return TYPES[value]
    return to_integer(value, f"a type is one of {', '.join(TYPES)}, or its number: it", 1, (1 << 31) - 1)


_CHANGES: dict[str, Callable[[Any, int], Change]] = {
    "put": lambda value, _: changes.Put(to_bytes(value, "put")),
    "put_last": lambda value, _: changes.PutLast(to_bytes(value, "put_last")),
    "add": lambda value, _: changes.Add(to_integer(value, "add", -INT64_MAX - 1, INT64_MAX)),
    "add_element": lambda value, _: changes.AddElement(to_bytes(value, "add_element")),
    "remove_element": lambda value, _: changes.RemoveElement(to_bytes(value, "remove_element")),
    "change_field": _change_field,
    "remove_field": lambda value, _: changes.RemoveField(to_bytes(value, "remove_field")),
    "remove": lambda value, _: _remove(value),
    "keep_only": lambda value, _: changes.KeepOnly(_type_of(value)),
}
_MODIFIERS = frozenset({"key", "seen", "ttl_milliseconds", "if_revision"})
_KEY_CHANGE = _MODIFIERS | frozenset(_CHANGES)


def fetched_to_json(result: FetchResult, model: Model) -> dict[str, Any]:
    """The answer of a fetch of several keys. ``next`` is where the next page begins."""
    told: dict[str, Any] = {
        "sequence": result.sequence,
        "values": [key_to_json(key, model) for key in result.keys if key.value is not None],
    }
    if result.more and result.keys:
        told["next"] = to_base64url(result.keys[-1].key + b"\0")
    return told


def key_to_json(key: TypedKey, model: Model) -> dict[str, Any]:
    """A key with what it holds."""
    told: dict[str, Any] = {"key": to_json(key.key)}
    if key.value is None:
        told["removed"] = True
    else:
        told |= shown_to_json(key.value)
        if key.value.stamp:
            told["written_milliseconds"] = milliseconds_of(key.value.stamp)
    if key.context:
        told["context"] = to_base64url(key.context)
        if model is Model.STRONG and key.value is not None:
            told["revision"] = revision_of_context(key.context)
    return told


def shown_to_json(shown: Shown) -> dict[str, Any]:
    """A value, and what stands beside it where something does."""
    told: dict[str, Any] = {"type": NAMES[shown.type], "value": _value_to_json(shown.value)}
    if len(shown.siblings) > 1:
        told["siblings"] = [to_json(sibling.value) for sibling in shown.siblings]
    if shown.others:
        told["others"] = [shown_to_json(other) for other in shown.others]
    if shown.unknown:
        told["unknown"] = list(shown.unknown)
    return told


def _value_to_json(value: Value) -> Any:
    if isinstance(value, bytes):
        return to_json(value)
    if isinstance(value, int):
        return value
    if isinstance(value, list):
        return [to_json(element) for element in value]
    return {to_name(name): shown_to_json(field) for name, field in value.items()}


def events_to_json(events: TypedEvents, model: Model, resume: str) -> dict[str, Any]:
    """A line of a watch. ``resume`` is what goes on behind it."""
    told: dict[str, Any] = {
        "sequence": events.sequence,
        "values": [key_to_json(key, model) for key in events.keys],
        "resume": resume,
    }
    if events.resynced:
        told["resynced"] = True
    return told


def keyspace_to_json(record: KeyspaceRecord) -> dict[str, Any]:
    """A keyspace."""
    told: dict[str, Any] = {"id": record.id, "name": record.name, "model": record.model.value}
    if record.type is not None:
        told["type"] = NAMES[record.type]
    return told


def replica_to_json(number: int, holder: Holder) -> dict[str, Any]:
    """Who holds a keyspace under a number: ids in hexadecimal."""
    if isinstance(holder, MemberReplica):
        return {"number": number, "member": f"{holder.member:x}"}
    return {"number": number, "edge": holder.identity.hex()}
