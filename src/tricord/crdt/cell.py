# SPDX-License-Identifier: Apache-2.0
"""What a key holds: for each type that was written there a store of entries, each named by the dot of its write.

A type is a number and a shape. The shape is all that a join needs to know, so a version merges, keeps and passes on
types that it does not know; it only cannot show them. Cells are values: nothing here or above changes one in place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

from tricord.base.dots import Dot, Seen
from tricord.base.errors import KeyTooLarge, NestedTooDeep, TypeMismatch, UnknownType
from tricord.base.hybrid_clock import HybridTime, milliseconds_of
from tricord.base.message import message
from tricord.base.values import SHAPE_BITS, DataType, Shape

SIBLINGS_MAX = 64
"""How many concurrent values a key may have where a write is made. What comes from elsewhere is always taken in."""

CELL_BYTES_MAX = 4 << 20
"""Beyond this no write makes what a key holds larger. What comes from elsewhere is always taken in; but a cell is sent
whole where replicas repair and take over states, so it has to fit a message, merged of several too."""

DEPTH_MAX = 8
"""How many maps may be nested in one another, the key's own included."""

ENTRY_BYTES = 33
"""What an entry takes beside its payload, about."""

ENTRIES, FIELDS, CELLS = int(Shape.ENTRIES), int(Shape.FIELDS), int(Shape.CELLS)
"""Shapes as the numbers that paths of each write compare: a look-up in an enum costs 0.3 us."""


class Entry(NamedTuple):
    """What one write left: its stamp, the milliseconds since 1970 at which it ends (0: never), and the type's bytes."""

    stamp: HybridTime
    expires: int
    payload: bytes


Entries: TypeAlias = dict[Dot, Entry]
"""Shape ``ENTRIES``: never empty inside a cell."""

Fields: TypeAlias = dict[bytes, Entries]
"""Shape ``FIELDS``: entries by name."""

Cell: TypeAlias = dict[int, Any]
"""A store by type number. Shape ``CELLS`` is a ``dict[bytes, Cell]``. Never written to a key is ``{}``, as is removed.
"""


@message
class Delta:
    """What one write changes: entries that are new, and the dots of the write and of all that it replaces.

    Joined as a cell whose context is ``dots``. One dot names one write of one place: several keys, elements or fields
    that are written together need a dot each, or replacing one of them would take the others away.
    """

    cell: Cell
    dots: frozenset[Dot]


@message
class Write:
    """The circumstances of a write. ``seen``: what the writer has read, and replaces: dots of the key, or the vector of
    all that the read's replica had; None: all that stands there. Dots in it that do not stand in the cell do nothing: a
    client's word removes nothing that is not here. ``expires``: the milliseconds since 1970 at which the value ends, 0
    for never. ``over``: the writer's replica knows all of its own former incarnations up to this one, and so do all
    others: nothing more comes of them (-1: of none)."""

    dot: Dot
    stamp: HybridTime
    seen: Seen | None = None
    expires: int = 0
    over: int = -1


def type_name(tag: int) -> str:
    """The type in words."""
    try:
        return DataType(tag).name.lower().replace("_", "-")
    except ValueError:
        return f"type {tag >> SHAPE_BITS}"


def check_type(cell: Cell, tag: int, write: Write) -> None:
    """A key that holds other types only is not written to, unless all of it has ended. Raises ``TypeMismatch``."""
    if cell and tag not in cell and not has_ended(cell, milliseconds_of(write.stamp)):
        held = " and a ".join(type_name(other) for other in sorted(cell))
        raise TypeMismatch(f"the key holds a {held}, not a {type_name(tag)}")


def has_ended(cell: Cell, now: int) -> bool:
    """Whether no entry is alive at ``now`` (milliseconds since 1970)."""
    return all(entry.expires and entry.expires <= now for _, entry in entries_of(cell))


def entries_of(cell: Cell) -> Iterator[tuple[Dot, Entry]]:
    """All entries, whatever their place."""
    for tag, store in cell.items():
        shape = tag & 3
        if shape == ENTRIES:
            yield from store.items()
        elif shape == FIELDS:
            for entries in store.values():
                yield from entries.items()
        else:
            for inner in store.values():
                yield from entries_of(inner)


def first_end(cell: Cell) -> int:
    """When the first of its entries ends (milliseconds since 1970); 0: none does."""
    if len(cell) == 1:
        ((tag, store),) = cell.items()
        if tag & 3 == ENTRIES and len(store) == 1:
            ((_, expires, _),) = store.values()
            return int(expires)
    return min((entry.expires for _, entry in entries_of(cell) if entry.expires), default=0)


def dots_of(cell: Cell) -> frozenset[Dot]:
    """The dots of all entries: what a reader of the key has seen. Those of values that have ended are among them."""
    if len(cell) == 1:  # a register, a counter: nearly always
        ((tag, store),) = cell.items()
        if tag & 3 == ENTRIES:
            return frozenset(store)
    return frozenset(dot for dot, _ in entries_of(cell))


def size_of(cell: Cell) -> int:
    """About how many bytes it takes. Cost: 0.3 us for each entry, nothing where there is one."""
    size = 0
    for tag, store in cell.items():
        shape = tag & 3
        if shape == ENTRIES:
            size += sum(ENTRY_BYTES + len(entry.payload) for entry in store.values())
        elif shape == FIELDS:
            size += sum(map(len, store))
            size += sum(ENTRY_BYTES + len(entry.payload) for entries in store.values() for entry in entries.values())
        else:
            size += sum(len(name) + size_of(inner) for name, inner in store.items())
    return size


def check_growth(before: int, after: int) -> None:
    """Raise ``KeyTooLarge`` where a write makes a cell of so many bytes that is too large, and larger than it was."""
    if after > CELL_BYTES_MAX and after > before:
        raise KeyTooLarge(f"the key would hold {after} bytes, and may hold {CELL_BYTES_MAX}")


def replaced(cell: Cell, seen: Seen | None) -> frozenset[Dot]:
    """What of the cell a write replaces."""
    dots = dots_of(cell)
    return dots if seen is None else frozenset(dot for dot in dots if dot in seen)


def shape_of(tag: int) -> int:
    """The shape of a type. Raises ``UnknownType`` for one that this version cannot merge."""
    shape = tag & 3
    if shape > CELLS:
        raise UnknownType(f"{type_name(tag)} has a shape that this version cannot merge")
    return shape


def depth_of(cell: Cell) -> int:
    """How many maps are nested in the cell."""
    inner = [depth_of(field) for tag, store in cell.items() if tag & 3 == CELLS for field in store.values()]
    has_map = any(tag & 3 == CELLS for tag in cell)
    return has_map + max(inner, default=0)


def check_depth(depth: int) -> None:
    """Raises ``NestedTooDeep`` beyond ``DEPTH_MAX``."""
    if depth > DEPTH_MAX:
        raise NestedTooDeep(f"maps are nested {depth} deep, at most {DEPTH_MAX} are allowed")
