# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI 3.1 document of the HTTP API."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tricord.api.native.openapi_schemas import SCHEMAS, reference

_JSON, _RAW, _LINES = "application/json", "application/octet-stream", "application/x-ndjson"
_OPAQUE, _KEY_TEXT = {"type": "string"}, {"type": "string", "description": "Percent-encoded bytes."}
_POSITIVE = {"type": "integer", "minimum": 1}


def _parameter(name: str, place: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": schema, "description": text}


PARAMETERS: dict[str, dict[str, Any]] = {
    "keyspace": _parameter("keyspace", "path", {"type": "string"}, "The keyspace's name; `default` is always there."),
    "key": _parameter("key", "path", _KEY_TEXT, "All that follows `/values/`; a slash in it needs no encoding."),
    "of_key": _parameter("key", "query", _KEY_TEXT, "One key."),
    "prefix": _parameter("prefix", "query", _KEY_TEXT, "All keys with this prefix."),
    "from": _parameter("from", "query", _KEY_TEXT, "Keys from this one on."),
    "to": _parameter("to", "query", _KEY_TEXT, "Keys before this one."),
    "limit": _parameter("limit", "query", _POSITIVE | {"maximum": 1000, "default": 100}, "Keys of a page."),
    "page": _parameter("page", "query", _OPAQUE, "`next` of the page before."),
    "replicas": _parameter("replicas", "query", _POSITIVE, "Eventual keyspaces: merge what so many replicas have."),
    "seen": _parameter("seen", "query", _OPAQUE, "`context` of a read: the write replaces exactly what that read saw."),
    "if_revision": _parameter(
        "if_revision", "query", {"type": "integer", "minimum": 0}, "Strong keyspaces: only if the key is still at it."
    ),
    "ttl_milliseconds": _parameter(
        "ttl_milliseconds", "query", {"type": "integer", "minimum": 0}, "Eventual keyspaces: how long the value lives."
    ),
    "acks": _parameter("acks", "query", _POSITIVE, "Eventual keyspaces: how many replicas are to have the write."),
    "resume": _parameter("resume", "query", _OPAQUE, "`resume` of a line of an earlier watch, or a token."),
    "token": _parameter("Tricord-Token", "header", _OPAQUE, "What the caller has seen: of an answer."),
    "level": _parameter(
        "Tricord-Level", "header", {"type": "string"}, "What a read asks for: see docs/consistency.md."
    ),
}

_RANGE = ["of_key", "prefix", "from", "to"]
_WRITE = ["seen", "if_revision", "ttl_milliseconds", "acks"]
_ASKED = ["token", "level"]
_STAMP = {
    "Tricord-Level": {"schema": {"type": "string"}, "description": "What the answer is."},
    "Tricord-Token": {"schema": {"type": "string"}, "description": "What a caller has seen who has this answer."},
    "Tricord-Age": {"schema": {"type": "number"}, "description": "How old it was at most, in seconds."},
}


def _content(*kinds: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {kind: {"schema": schema} for kind, schema in kinds}


def _operation(
    name: str,
    summary: str,
    answer: dict[str, Any],
    *,
    parameters: Sequence[str] = (),
    body: dict[str, Any] | None = None,
    status: str = "200",
    stamped: bool = False,
) -> dict[str, Any]:
    said = {"description": "Done.", "content": answer, **({"headers": _STAMP} if stamped else {})}
    failed = {"description": "Refused or failed: `code` says why.", "content": _content((_JSON, reference("Error")))}
    # What is larger than the port reads is refused before anybody knows whom it is for, in plain text.
    too_large = {
        "description": "Too large. Beyond 4 MiB in plain text.",
        "content": _content((_JSON, reference("Error")), ("text/plain", {"type": "string"})),
    }
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "parameters": [{"$ref": f"#/components/parameters/{each}"} for each in parameters],
        "responses": {status: said, **({"413": too_large} if body else {}), "default": failed},
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
    return operation


def _json(name: str) -> dict[str, Any]:
    return _content((_JSON, reference(name)))


def _raw(name: str) -> dict[str, Any]:
    return _content((_JSON, reference(name)), (_RAW, {}), ("text/plain", {}))


def paths() -> dict[str, Any]:
    """Each path with its operations."""
    of_keyspace, of_key = ["keyspace"], ["keyspace", "key"]
    updated, keyspace = _json("Updated"), _json("Keyspace")
    return {
        "/": {"get": _operation("describe", "Which server this is.", _json("About"))},
        "/openapi.json": {"get": _operation("document", "This document.", _content((_JSON, {"type": "object"})))},
        "/keyspaces": {
            "get": _operation("listKeyspaces", "All keyspaces.", _json("Keyspaces")),
            "post": _operation("createKeyspace", "Make a keyspace.", keyspace, body=_json("NewKeyspace"), status="201"),
        },
        "/keyspaces/{keyspace}": {
            "get": _operation("getKeyspace", "One keyspace.", keyspace, parameters=of_keyspace),
            "delete": _operation(
                "dropKeyspace", "Take a keyspace away, and all that it holds.", keyspace, parameters=of_keyspace
            ),
        },
        "/keyspaces/{keyspace}/values": {
            "get": _operation(
                "fetchValues",
                "Keys in order, in pages. A page is one cut; pages may be of different ones.",
                _json("Page"),
                parameters=[*of_keyspace, *_RANGE, "limit", "page", *_ASKED],
                stamped=True,
            )
        },
        "/keyspaces/{keyspace}/values/{key}": _of_one_key(of_key, updated),
        "/keyspaces/{keyspace}/update": {
            "post": _operation(
                "update",
                "Change keys: of a strong or causal keyspace all at once, of an eventual one a single key.",
                updated,
                parameters=[*of_keyspace, *_ASKED],
                body=_json("Update"),
                stamped=True,
            )
        },
        "/keyspaces/{keyspace}/watch": {
            "get": _operation(
                "watch",
                "Lines of JSON: what there is, then what becomes of it.",
                _content((_LINES, reference("WatchLine"))),
                parameters=[*of_keyspace, *_RANGE, "resume", *_ASKED],
            )
        },
    }


def _of_one_key(named: list[str], updated: dict[str, Any]) -> dict[str, Any]:
    return {
        "get": _operation(
            "getValue",
            "What a key holds; as raw bytes where those are asked for.",
            _raw("KeyRead"),
            parameters=[*named, "replicas", *_ASKED],
            stamped=True,
        ),
        "put": _operation(
            "putValue",
            "Put a register's value.",
            updated,
            parameters=[*named, *_WRITE, *_ASKED],
            body=_raw("Put"),
            stamped=True,
        ),
        "post": _operation(
            "changeValue",
            "Change a value of any type.",
            updated,
            parameters=[*named, *_WRITE, *_ASKED],
            body=_json("Change"),
            stamped=True,
        ),
        "delete": _operation(
            "removeValue",
            "Take away all that the key holds.",
            updated,
            parameters=[*named, "seen", "if_revision", "acks", *_ASKED],
            stamped=True,
        ),
    }


def document(version: str) -> dict[str, Any]:
    """The whole document. ``version`` is tricord's."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tricord",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Keyspaces, and typed values in keyspaces of any model.",
        },
        "servers": [{"url": "/tricord/v1"}],
        "paths": paths(),
        "components": {"schemas": SCHEMAS, "parameters": PARAMETERS},
    }


def document_text(version: str) -> bytes:
    """The document as the server gives it."""
    return json.dumps(document(version), indent=1).encode()
