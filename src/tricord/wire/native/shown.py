# SPDX-License-Identifier: Apache-2.0
"""A key with what it holds, ``tricord.v1.TypedKeyValue`` <-> ``base.typed.TypedKey``."""

from __future__ import annotations

from tricord.base.dots import INCARNATION_MAX, Dot
from tricord.base.errors import MalformedEncoding, UnknownType
from tricord.base.hybrid_clock import HybridTime
from tricord.base.typed import TypedKey
from tricord.base.values import DataType, Shown, Sibling, Value
from tricord.wire.schemas import values

_INT64_MAX = (1 << 63) - 1
_INT64_MIN = -(1 << 63)
_KNOWN = frozenset(DataType)


def key_message(key: TypedKey) -> values.TypedKeyValue:
    """A key as a message."""
    value = None if key.value is None else value_message(key.value)
    return values.TypedKeyValue(key=key.key, value=value, context=key.context)


def key_of(message: values.TypedKeyValue) -> TypedKey:
    """A key of a message. Raises MalformedEncoding, UnknownType."""
    value = value_of(message.value) if message.HasField("value") else None
    return TypedKey(message.key, value, message.context)


def value_message(shown: Shown) -> values.TypedValue:
    """A value as a message. Cost: about 3 us for a register."""
    message = values.TypedValue(type=shown.type, stamp=shown.stamp)
    value = shown.value
    if isinstance(value, bytes):
        message.data = value
    elif isinstance(value, int):
        message.counter = min(max(value, _INT64_MIN), _INT64_MAX)
        if message.counter != value:
            message.large_counter = value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)
    elif isinstance(value, list):
        message.elements.extend(value)
    else:
        message.fields.extend(values.MapField(name=name, value=value_message(inner)) for name, inner in value.items())
    for place, sibling in enumerate(shown.siblings):
        message.siblings.append(_sibling_message(sibling, sibling.value if place else b""))
    if shown.others:
        message.others.extend(map(value_message, shown.others))
    if shown.unknown:
        message.unknown.extend(shown.unknown)
    return message


def value_of(message: values.TypedValue) -> Shown:
    """A value of a message. Raises MalformedEncoding; UnknownType where this version cannot show it."""
    if message.type not in _KNOWN:
        raise UnknownType(f"the value is of type {message.type}, which this version does not know")
    kind = DataType(message.type)
    others = tuple(value_of(other) for other in message.others if other.type in _KNOWN)
    unknown = (*message.unknown, *(other.type for other in message.others if other.type not in _KNOWN))
    siblings = tuple(
        _sibling(sibling, sibling.data if place else message.data) for place, sibling in enumerate(message.siblings)
    )
    return Shown(kind, _content(kind, message), HybridTime(message.stamp), siblings, others, unknown)


def _content(kind: DataType, message: values.TypedValue) -> Value:
    if kind is DataType.COUNTER:
        large = message.large_counter
        return int.from_bytes(large, "big", signed=True) if large else message.counter
    if kind is DataType.SET:
        return list(message.elements)
    if kind is DataType.MAP:
        return {field.name: value_of(field.value) for field in message.fields}
    return message.data


def _sibling_message(sibling: Sibling, data: bytes) -> values.ValueSibling:
    dot = sibling.dot
    return values.ValueSibling(
        data=data,
        replica=dot.replica,
        incarnation=dot.incarnation,
        counter=dot.counter,
        stamp=sibling.stamp,
        expires=sibling.expires,
    )


def _sibling(message: values.ValueSibling, data: bytes) -> Sibling:
    if message.incarnation > INCARNATION_MAX:
        raise MalformedEncoding(f"{message.incarnation} is no incarnation")
    dot = Dot(message.replica, message.incarnation, message.counter)
    return Sibling(data, dot, HybridTime(message.stamp), message.expires)
