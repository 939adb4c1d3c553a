# SPDX-License-Identifier: Apache-2.0
"""Protobuf messages <-> JSON by proto3's mapping, as strict and as lenient as etcd's gateway.

Bytes are base64 of either alphabet, padded or not, and nothing else: a key that is not base64 is refused, never stored
as something else. 64-bit integers are strings on the way out and strings or numbers on the way in. Fields go by their
schema name or in camelCase; unknown ones, and unknown names of enum values, are ignored; a field given twice is
refused. What follows the first JSON value is not read.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

M = TypeVar("M", bound=Message)

DEPTH_MAX = 100
_INTEGERS = {
    FieldDescriptor.TYPE_INT32: ("int32", -(1 << 31), (1 << 31) - 1),
    FieldDescriptor.TYPE_INT64: ("int64", -(1 << 63), (1 << 63) - 1),
    FieldDescriptor.TYPE_UINT32: ("uint32", 0, (1 << 32) - 1),
    FieldDescriptor.TYPE_UINT64: ("uint64", 0, (1 << 64) - 1),
}
_WIDE = (FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_UINT64)


class InvalidJson(Exception):
    """The body is not JSON, or not of the request's shape."""


def from_json(body: bytes, kind: type[M]) -> M:
    """A message of ``kind``; an empty body is an empty message. Raises InvalidJson."""
    message = kind()
    if not body.strip():
        return message
    try:
        value, _ = _DECODER.raw_decode(body.decode().lstrip(" \t\r\n"))
    except (ValueError, RecursionError) as error:
        raise InvalidJson(f"proto: syntax error: {error}") from None
    _fill(message, value, DEPTH_MAX)
    return message


def many_from_json(body: bytes, kind: type[M]) -> Iterator[M]:
    """Messages of ``kind``, one for each of the JSON values in the body, with or without space between them.

    What comes behind a value that is not of the request's shape is not read, and neither is that one: to a stream, it
    is the end. Each is read when it is asked for, since a body may hold a million. Cost: about 5 us each.
    """
    text = body.decode("utf-8", "surrogateescape")
    at = 0
    while True:
        space = _SPACE.match(text, at)
        assert space is not None
        at = space.end()
        if at == len(text):
            return
        message = kind()
        try:
            value, at = _DECODER.raw_decode(text, at)
            _fill(message, value, DEPTH_MAX)
        except (ValueError, RecursionError, InvalidJson):
            return
        yield message


def to_json(message: Message) -> bytes:
    """The message as JSON; fields that are zero are left out."""
    return json.dumps(_object(message), ensure_ascii=False, separators=(",", ":")).encode()


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        times = Counter(name for name, _ in pairs)
        raise ValueError(f'duplicate field "{next(name for name, count in times.items() if count > 1)}"')
    return found


def _constant(name: str) -> Any:
    raise ValueError(f"unexpected token {name}")


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant)
_SPACE = re.compile(r"[ \t\r\n]*")
_FIELDS: dict[Any, dict[str, Any]] = {}


def _fields(descriptor: Any) -> dict[str, Any]:
    """Fields by both of their names."""
    fields = _FIELDS.get(descriptor)
    if fields is None:
        fields = {field.name: field for field in descriptor.fields}
        fields.update((field.json_name, field) for field in descriptor.fields)
        _FIELDS[descriptor] = fields
    return fields


def _is_repeated(value: Any) -> bool:
    """Whether a field's value is a list; told by the value, as protobuf's majors differ in how a descriptor says so."""
    return hasattr(value, "append")


def _fill(message: Message, value: Any, depth: int) -> None:
    if not isinstance(value, dict):
        raise InvalidJson(f"proto: syntax error: unexpected token {_shown(value)}")
    if depth == 0:
        raise InvalidJson("proto: exceeded max recursion depth")
    fields = _fields(message.DESCRIPTOR)
    given: set[str] = set()
    for name, item in value.items():
        field = fields.get(name)
        if field is None or item is None:
            continue
        one_of = field.containing_oneof
        if field.name in given or (one_of is not None and message.WhichOneof(one_of.name) is not None):
            raise InvalidJson(f'proto: duplicate field "{name}"')
        given.add(field.name)
        current = getattr(message, field.name)
        if _is_repeated(current):
            _fill_list(current, field, item, depth)
        elif field.type == field.TYPE_MESSAGE:
            current.SetInParent()
            _fill(current, item, depth - 1)
        else:
            scalar = _scalar(field, item)
            if scalar is not None:
                setattr(message, field.name, scalar)


def _fill_list(container: Any, field: Any, items: Any, depth: int) -> None:
    if not isinstance(items, list):
        raise InvalidJson(f"proto: syntax error: unexpected token {_shown(items)}")
    for item in items:
        if field.type == field.TYPE_MESSAGE:
            _fill(container.add(), item, depth - 1)
            continue
        scalar = _scalar(field, item)
        if scalar is not None:
            container.append(scalar)


def _scalar(field: Any, item: Any) -> Any:
    """The field's value, or None for an enum name that is not known. Raises InvalidJson."""
    kind = field.type
    if kind in _INTEGERS:
        return _integer(field, item)
    if kind == field.TYPE_BYTES and isinstance(item, str):
        return _bytes(field, item)
    if kind == field.TYPE_STRING and isinstance(item, str) and _is_unicode(item):
        return item
    if kind == field.TYPE_BOOL and isinstance(item, bool):
        return item
    if kind == field.TYPE_ENUM:
        if isinstance(item, str):
            value = field.enum_type.values_by_name.get(item)
            return None if value is None else value.number
        if isinstance(item, int) and not isinstance(item, bool) and -(1 << 31) <= item < 1 << 31:
            return item
    raise _invalid(field, item)


def _is_unicode(text: str) -> bool:
    """Whether the text has no half of a surrogate pair, which JSON can name and protobuf cannot hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _integer(field: Any, item: Any) -> int:
    _, low, high = _INTEGERS[field.type]
    if isinstance(item, str):
        try:
            item = json.loads(item) if item == item.strip() else None
        except ValueError:
            raise _invalid(field, item) from None
    if isinstance(item, float) and item.is_integer():
        item = int(item)
    if isinstance(item, int) and not isinstance(item, bool) and low <= item <= high:
        return item
    raise _invalid(field, item)


def _bytes(field: Any, item: str) -> bytes:
    text = item.replace("\r", "").replace("\n", "")
    url_safe = "-" in text or "_" in text
    if url_safe and ("+" in text or "/" in text):
        raise _invalid(field, item)
    if len(text) % 4 and "=" not in text:
        text += "=" * (-len(text) % 4)
    try:
        return base64.b64decode(text, altchars=b"-_" if url_safe else None, validate=True)
    except (ValueError, binascii.Error):
        raise _invalid(field, item) from None


def _invalid(field: Any, item: Any) -> InvalidJson:
    names = {field.TYPE_BYTES: "bytes", field.TYPE_STRING: "string", field.TYPE_BOOL: "bool", field.TYPE_ENUM: "enum"}
    kind = names.get(field.type) or _INTEGERS[field.type][0]
    return InvalidJson(f"proto: invalid value for {kind} field {field.name}: {_shown(item)}")


def _shown(item: Any) -> str:
    text = json.dumps(item)
    return text if len(text) <= 64 else text[:64] + "..."


def _object(message: Message) -> dict[str, Any]:
    found = {field.name: value for field, value in message.ListFields()}
    result: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        if field.name in found:
            value = found[field.name]
            if _is_repeated(value):
                result[field.name] = [_value(field, item) for item in value]
            else:
                result[field.name] = _value(field, value)
    return result


def _value(field: Any, value: Any) -> Any:
    kind = field.type
    if kind == field.TYPE_MESSAGE:
        return _object(value)
    if kind in _WIDE:
        return str(value)
    if kind == field.TYPE_BYTES:
        return base64.b64encode(value).decode()
    if kind == field.TYPE_ENUM:
        known = field.enum_type.values_by_number.get(value)
        return value if known is None else known.name
    return value
