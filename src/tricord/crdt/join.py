# SPDX-License-Identifier: Apache-2.0
"""The one merge of all types: keep what both have, and what one has that the other has not seen.

What one side lacks although it has seen it was removed or replaced there, and goes. So removal needs no tombstone: the
dot stays in the context, which is one vector for all keys. The merge is commutative, associative and idempotent, and
depends on shapes alone. Two sides that differ under one dot cannot come about; should they, both choose the same.
"""

from __future__ import annotations

from typing import Any

from tricord.base.dots import Seen
from tricord.crdt.cell import ENTRIES, FIELDS, Cell, Delta, Entries, Fields, dots_of

NOTHING: dict[Any, Any] = {}


def join_cells(own: Cell, own_seen: Seen, other: Cell, other_seen: Seen) -> Cell:
    """Both cells as one. ``own`` itself where ``other`` brings nothing new. Contexts are not changed: they are merged
    after the last key that they speak of. Cost: 1 us, and 0.1 us for each entry."""
    result: Cell = {}
    for tag in own | other:
        mine, theirs = own.get(tag, NOTHING), other.get(tag, NOTHING)
        shape = tag & 3
        if shape == ENTRIES:
            store: Any = join_entries(mine, own_seen, theirs, other_seen)
        elif shape == FIELDS:
            store = _join_fields(mine, own_seen, theirs, other_seen)
        else:
            store = _join_inner(mine, own_seen, theirs, other_seen)
        if store:
            result[tag] = store
    return own if result == own else result


def join_entries(own: Entries, own_seen: Seen, other: Entries, other_seen: Seen) -> Entries:
    """As ``join_cells``, of entries."""
    result: Entries = {}
    for dot, entry in own.items():
        theirs = other.get(dot)
        if theirs is None:
            if dot not in other_seen:
                result[dot] = entry
        else:
            result[dot] = entry if entry >= theirs else theirs
    for dot, entry in other.items():
        if dot not in own and dot not in own_seen:
            result[dot] = entry
    return result


def _join_fields(own: Fields, own_seen: Seen, other: Fields, other_seen: Seen) -> Fields:
    result: Fields = {}
    for name, mine in own.items():
        theirs = other.get(name)
        if theirs is None:
            entries = _without(mine, other_seen)
        else:
            entries = join_entries(mine, own_seen, theirs, other_seen)
        if entries:
            result[name] = entries
    for name, theirs in other.items():
        if name not in own:
            entries = _without(theirs, own_seen)
            if entries:
                result[name] = entries
    return result


def _without(entries: Entries, seen: Seen) -> Entries:
    """What one side has of something of which the other has nothing: what that has not seen."""
    for dot in entries:
        if dot in seen:
            return {dot: entry for dot, entry in entries.items() if dot not in seen}
    return entries


def _join_inner(
    own: dict[bytes, Cell], own_seen: Seen, other: dict[bytes, Cell], other_seen: Seen
) -> dict[bytes, Cell]:
    result: dict[bytes, Cell] = {}
    for name in own | other:
        cell = join_cells(own.get(name, NOTHING), own_seen, other.get(name, NOTHING), other_seen)
        if cell:
            result[name] = cell
    return result


def apply_delta(cell: Cell, seen: Seen, delta: Delta) -> Cell:
    """The cell after a write of here or elsewhere, once or again; then the caller adds ``delta.dots`` to its context.
    ``cell`` itself where nothing changed; ``delta.cell`` itself where that takes the place of all there is."""
    if delta.cell and (not cell or dots_of(cell) <= delta.dots):
        for dot in dots_of(delta.cell):
            if dot in seen:
                break
        else:
            return delta.cell
    return join_cells(cell, seen, delta.cell, delta.dots)


def join_deltas(first: Delta, second: Delta) -> Delta:
    """Two writes of one key as one delta: applied, it does what both do, in whatever order."""
    return Delta(join_cells(first.cell, first.dots, second.cell, second.dots), first.dots | second.dots)
