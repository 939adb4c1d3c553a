# SPDX-License-Identifier: Apache-2.0
"""What a reader sees of a key of a causal or eventual keyspace: a value of some type, and what stands beside it."""

from __future__ import annotations

import json
from base64 import b64encode
from enum import IntEnum
from typing import Any, TypeAlias

from tricord.base.dots import Dot
from tricord.base.errors import InvalidRequest
from tricord.base.hybrid_clock import HybridTime
from tricord.base.message import message

SHAPE_BITS = 2


class Shape(IntEnum):
    """How a store is built."""

    ENTRIES = 0
    FIELDS = 1
    CELLS = 2


class DataType(IntEnum):
    """The types of this version: number << 2 | shape. Numbers are given once and in order: of two types that were
    written to one key at the same time, each version shows the lower one."""

    REGISTER = 1 << SHAPE_BITS | Shape.ENTRIES
    LAST_WRITER = 2 << SHAPE_BITS | Shape.ENTRIES
    COUNTER = 3 << SHAPE_BITS | Shape.ENTRIES
    SET = 4 << SHAPE_BITS | Shape.FIELDS
    MAP = 5 << SHAPE_BITS | Shape.CELLS


TYPES = {kind.name.lower().replace("_", "-"): kind for kind in DataType}
"""The types by the names that users write."""
NAMES = {kind: name for name, kind in TYPES.items()}


def type_of(kind: str | DataType) -> DataType:
    """The type itself, or the one of that name. Raises InvalidRequest, which lists them."""
    found = kind if isinstance(kind, DataType) else TYPES.get(kind)
    if found is None:
        raise InvalidRequest(f"a type is one of {', '.join(TYPES)}, not {str(kind)[:80]!r}")
    return found


@message
class Sibling:
    """One of the concurrent values of a key, with the write that it is of."""

    value: bytes
    dot: Dot
    stamp: HybridTime
    expires: int = 0


Value: TypeAlias = "bytes | int | list[bytes] | dict[bytes, Shown]"
"""Of a register, a counter, a set, a map."""


@message
class Shown:
    """A key's value. ``siblings``: all concurrent values of a register, the one that ``value`` is first. ``others``:
    values of further types that were written to the key at the same time; ``unknown``: the numbers of those that this
    version cannot show. ``stamp``: the newest of the writes that the value is of."""

    type: DataType
    value: Value
    stamp: HybridTime
    siblings: tuple[Sibling, ...] = ()
    others: tuple[Shown, ...] = ()
    unknown: tuple[int, ...] = ()

    @property
    def conflict(self) -> bool:
        """Whether concurrent writes stand side by side here and wait for somebody to settle them."""
        return len(self.siblings) > 1 or bool(self.others) or bool(self.unknown)


def plain(shown: Shown) -> bytes:
    """The value as bytes, for doors that know nothing else: a register's own, a counter in decimals, a set or map as
    JSON with names in order, where bytes that are no UTF-8 text are ``{"base64": ...}`` (a name: ``base64:...``)."""
    if isinstance(shown.value, bytes):
        return shown.value
    return json.dumps(_as_json(shown.value), ensure_ascii=False, separators=(",", ":")).encode()


def _as_json(value: Value) -> Any:
    if isinstance(value, bytes):
        text = _text(value)
        return {"base64": b64encode(value).decode()} if text is None else text
    if isinstance(value, int):
        return value
    if isinstance(value, list):
        return [_as_json(element) for element in value]
    return {_name(name): _as_json(field.value) for name, field in value.items()}


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _name(name: bytes) -> str:
    text = _text(name)
    return "base64:" + b64encode(name).decode() if text is None else text
