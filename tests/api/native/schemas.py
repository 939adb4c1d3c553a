# SPDX-License-Identifier: Apache-2.0
"""Whether a body is what the OpenAPI document says: as much of JSON Schema as that uses."""

from __future__ import annotations

import re
from typing import Any

from tricord.api.native.openapi import document

DOCUMENT = document("1.2.3")
_KINDS: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}


def resolved(reference: str) -> Any:
    """What a reference names."""
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def faults(schema: Any, value: Any, place: str = "") -> list[str]:
    """What is wrong with a value."""
    if "$ref" in schema:
        return faults(resolved(schema["$ref"]), value, place)
    for word, most in (("oneOf", 1), ("anyOf", 99)):
        if word in schema and not 1 <= sum(not faults(each, value, place) for each in schema[word]) <= most:
            return [f"{place}: fits not {word}"]
    kind = schema.get("type")
    if kind and (not isinstance(value, _KINDS[kind]) or (kind != "boolean" and isinstance(value, bool))):
        return [f"{place}: no {kind}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{place}: not in the enumeration")
    if "const" in schema and value != schema["const"]:
        found.append(f"{place}: not {schema['const']}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{place}: not of the pattern")
    if isinstance(value, int) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        found.append(f"{place}: out of bounds")
    if isinstance(value, dict):
        properties, others = schema.get("properties", {}), schema.get("additionalProperties", {})
        found += [f"{place}: lacks {name}" for name in schema.get("required", []) if name not in value]
        if len(value) > schema.get("maxProperties", len(value)) or len(value) < schema.get("minProperties", 0):
            found.append(f"{place}: too many or too few members")
        for name, one in value.items():
            within = properties.get(name, others)
            found += [f"{place}.{name}: unknown"] if within is False else faults(within, one, f"{place}.{name}")
    if isinstance(value, list):
        for number, one in enumerate(value):
            found += faults(schema.get("items", {}), one, f"{place}[{number}]")
    return found


def operation_of(method: str, path: str) -> Any:
    """The operation that the document has for a request, or None. ``path`` is below /tricord/v1."""
    for template, operations in DOCUMENT["paths"].items():
        pattern = re.escape(template).replace(r"\{keyspace\}", "[^/]+").replace(r"\{key\}", ".+")
        if re.fullmatch(pattern, path):
            return operations.get(method.lower())
    return None


def check_answer(method: str, path: str, status: int, value: Any) -> None:
    """Assert that the document foresees this answer; one that it has no operation for is an error's."""
    operation = operation_of(method, path)
    if operation is None:
        assert status in (404, 405)
        assert not faults({"$ref": "#/components/schemas/Error"}, value)
        return
    answers = operation["responses"]
    (content,) = [
        each["schema"]
        for kind, each in answers.get(str(status), answers["default"])["content"].items()
        if kind.startswith("application/") and "octet" not in kind
    ]
    assert faults(content, value) == [], value
