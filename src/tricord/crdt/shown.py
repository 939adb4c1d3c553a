# SPDX-License-Identifier: Apache-2.0
"""What a reader sees of a cell: one value, chosen the same everywhere, and what else stands beside it."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any, TypeAlias

from tricord.base.errors import UnknownType
from tricord.base.hybrid_clock import HybridTime
from tricord.base.message import message
from tricord.crdt import add_wins_set, counter, last_writer, map, register
from tricord.crdt.cell import Cell, DataType, entries_of, type_name
from tricord.crdt.register import Sibling

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


def show(cell: Cell, now: int) -> Shown | None:
    """What stands at ``now`` (milliseconds since 1970, which ends what has a time to live), or None: nothing does.

    Of several types the one with the lowest number is shown: it does not change with later writes. Raises
    ``UnknownType`` where only types that this version does not know stand there.
    """
    known = [tag for tag in sorted(cell) if tag in _VALUE]
    found = [shown for tag in known if (shown := _VALUE[tag](cell[tag], now)) is not None]
    unknown = tuple(tag for tag in sorted(cell) if tag not in _VALUE) if len(known) < len(cell) else ()
    if not found:
        if unknown:
            raise UnknownType(f"the key holds a {type_name(unknown[0])}, which this version cannot show")
        return None
    first = found[0]
    if len(found) == 1 and not unknown:
        return first
    return Shown(first.type, first.value, first.stamp, first.siblings, tuple(found[1:]), unknown)


def _register(store: Any, now: int) -> Shown | None:
    values = register.siblings(store, now)
    return Shown(DataType.REGISTER, values[0].value, values[0].stamp, tuple(values)) if values else None


def _last_writer(store: Any, now: int) -> Shown | None:
    last = last_writer.winner(store, now)
    return Shown(DataType.LAST_WRITER, last.value, last.stamp, (last,)) if last else None


def _counter(store: Any, now: int) -> Shown | None:
    return Shown(DataType.COUNTER, counter.value(store), newest_stamp({counter.TAG: store}))


def _set(store: Any, now: int) -> Shown | None:
    elements = add_wins_set.elements(store, now)
    return Shown(DataType.SET, elements, newest_stamp({add_wins_set.TAG: store})) if elements else None


def _map(store: Any, now: int) -> Shown | None:
    fields = {name: shown for name in sorted(store) if (shown := show(store[name], now)) is not None}
    return Shown(DataType.MAP, fields, newest_stamp({map.TAG: store})) if fields else None


_VALUE = {
    register.TAG: _register,
    last_writer.TAG: _last_writer,
    counter.TAG: _counter,
    add_wins_set.TAG: _set,
    map.TAG: _map,
}


def newest_stamp(cell: Cell) -> HybridTime:
    """The highest stamp in the cell; 0 where it is empty."""
    return max((entry.stamp for _, entry in entries_of(cell)), default=HybridTime(0))


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
