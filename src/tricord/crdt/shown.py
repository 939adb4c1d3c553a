# SPDX-License-Identifier: Apache-2.0
"""What a reader sees of a cell: one value, chosen the same everywhere, and what else stands beside it."""

from __future__ import annotations

from typing import Any

from tricord.base.errors import UnknownType
from tricord.base.hybrid_clock import HybridTime
from tricord.base.values import DataType, Shown
from tricord.crdt import add_wins_set, counter, last_writer, map, register
from tricord.crdt.cell import Cell, entries_of, type_name


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
