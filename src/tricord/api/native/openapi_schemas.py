# SPDX-License-Identifier: Apache-2.0
"""The bodies of the HTTP API as JSON Schema, for its OpenAPI document."""

from __future__ import annotations

from typing import Any

from tricord.api.native.json_values import INT64_MAX
from tricord.base.keyspaces import NAME_MAX, Model
from tricord.base.typed import TTL_MAX
from tricord.base.values import TYPES


def reference(name: str) -> dict[str, str]:
    """A schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def record(required: list[str], **properties: Any) -> dict[str, Any]:
    """An object without further members."""
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def listed(items: dict[str, Any]) -> dict[str, Any]:
    """A list."""
    return {"type": "array", "items": items}


_TEXT = {"type": "string"}
_WHOLE = {"type": "integer", "minimum": 0, "maximum": INT64_MAX}
_BYTES, _CHANGE, _SHOWN = reference("Bytes"), reference("Change"), reference("Value")
_CONTEXT = {"type": "string", "description": "Opaque: what the reader saw, for `seen` of a later write."}
_TYPE_OF_ALL = {
    "type": "string",
    "enum": list(TYPES),
    "description": "Of all its keys; left out: each has that of its first write. Causal and eventual ones only.",
}
_NUMBER_OR_TYPE = {"oneOf": [{"type": "string", "enum": list(TYPES)}, {"type": "integer", "minimum": 1}]}

_CHANGES: dict[str, Any] = {
    "put": _BYTES,
    "put_last": _BYTES,
    "add": {"type": "integer", "minimum": -INT64_MAX - 1, "maximum": INT64_MAX},
    "add_element": _BYTES,
    "remove_element": _BYTES,
    "change_field": record(["name", "change"], name=_BYTES, change=_CHANGE),
    "remove_field": _BYTES,
    "remove": {"type": "boolean", "const": True},
    "keep_only": _NUMBER_OR_TYPE,
}

_KEPT: dict[str, Any] = {
    "type": {"type": "string", "enum": list(TYPES)},
    "value": {
        "description": "Of a register its bytes, of a counter a number, of a set a list, of a map its fields by name.",
        "anyOf": [
            _BYTES,
            {"type": "integer"},
            listed(_BYTES),
            {"type": "object", "additionalProperties": _SHOWN},
        ],
    },
    "siblings": listed(_BYTES) | {"description": "All concurrent values, where there are several."},
    "others": listed(_SHOWN) | {"description": "Values of other types that were written at the same time."},
    "unknown": listed({"type": "integer"}) | {"description": "Types that this member cannot show."},
}
_KEY: dict[str, Any] = {
    "key": _BYTES,
    **_KEPT,
    "removed": {"type": "boolean", "const": True, "description": "The key holds nothing (any more)."},
    "written_milliseconds": _WHOLE | {"description": "When the newest of the writes was made, since 1970."},
    "context": _CONTEXT,
    "revision": _WHOLE | {"description": "Of the last change; strong keyspaces only."},
}
_SEQUENCE = _WHOLE | {"description": "The delivery sequence of the replica that answers; of a strong one the revision."}

SCHEMAS: dict[str, Any] = {
    "Bytes": {
        "description": "Text, or bytes that are no UTF-8 as base64.",
        "oneOf": [_TEXT, record(["base64"], base64={"type": "string", "contentEncoding": "base64"})],
    },
    "Replica": record(
        ["number"],
        number=_WHOLE,
        member=_TEXT | {"description": "A member's id, in hexadecimal."},
        edge=_TEXT | {"description": "An edge's id, in hexadecimal."},
    ),
    "Keyspace": record(
        ["id", "name", "model"],
        replicas=listed(reference("Replica"))
        | {"description": "Who holds it: where one causal or eventual is asked for."},
        id=_WHOLE,
        name=_TEXT,
        model={"type": "string", "enum": [model.value for model in Model]},
        type=_TYPE_OF_ALL,
    ),
    "NewKeyspace": record(
        ["name"],
        name={"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]*$", "maxLength": NAME_MAX},
        model={"type": "string", "enum": [model.value for model in Model], "default": "strong"},
        type=_TYPE_OF_ALL,
    ),
    "Keyspaces": record(["keyspaces"], keyspaces=listed(reference("Keyspace"))),
    "Value": record(["type", "value"], **_KEPT),
    "Key": record(["key"], **_KEY),
    "KeyRead": record(["key", "sequence", "type", "value"], sequence=_SEQUENCE, **_KEY),
    "Page": record(
        ["sequence", "values"],
        sequence=_SEQUENCE,
        values=listed(reference("Key")),
        next={"type": "string", "description": "There is more: the parameter `page` of the next request."},
    ),
    "Put": record(["value"], value=_BYTES, type={"type": "string", "enum": ["register", "last-writer"]}),
    "Change": record([], **_CHANGES) | {"minProperties": 1, "maxProperties": 1},
    "KeyChange": record(
        ["key"],
        key=_BYTES,
        **_CHANGES,
        seen=_TEXT | {"description": "The context of a read: the change replaces exactly what that read saw."},
        if_revision=_WHOLE
        | {"description": "Strong keyspaces: only if this is the key's last change; 0: if it is new."},
        ttl_milliseconds={"type": "integer", "minimum": 0, "maximum": TTL_MAX},
    ),
    "Update": record(
        ["changes"],
        changes=listed(reference("KeyChange")),
        acks={
            "type": "integer",
            "minimum": 1,
            "default": 1,
            "description": "Eventual keyspaces: replicas to wait for.",
        },
    ),
    "Updated": record(["sequence", "acks"], sequence=_SEQUENCE, acks=_WHOLE),
    "WatchLine": {
        "oneOf": [
            record(
                ["sequence", "values", "resume"],
                sequence=_SEQUENCE,
                values=listed(reference("Key")),
                resume={"type": "string", "description": "What a later watch gives to go on behind this line."},
                resynced={
                    "type": "boolean",
                    "const": True,
                    "description": "What was missed is not known one by one: these are all keys that there are.",
                },
            ),
            record(["error"], error=reference("Error")),
        ]
    },
    "Error": record(
        ["code", "message", "hint", "retryable"],
        code=_TEXT | {"description": "Of the list in docs/errors.md: it never changes."},
        message=_TEXT,
        hint=_TEXT,
        retryable={"type": "boolean"},
    ),
    "About": record(["version", "document"], version=_TEXT, document=_TEXT),
}
