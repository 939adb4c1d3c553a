# SPDX-License-Identifier: Apache-2.0
"""A multi-value register: the plain value. Writes that did not know of each other stay side by side, as siblings."""

from __future__ import annotations

from tricord.base.dots import Dot
from tricord.base.errors import SiblingLimit
from tricord.base.hybrid_clock import HybridTime
from tricord.base.values import DataType, Sibling
from tricord.crdt.cell import SIBLINGS_MAX, Cell, Delta, Entries, Entry, Write, check_type, replaced

TAG = int(DataType.REGISTER)


def put(cell: Cell, write: Write, value: bytes) -> Delta:
    """Write a value in place of what the writer has seen. Raises ``TypeMismatch`` and ``SiblingLimit``.

    Where another type came in at the same time, a put replaces that too: it is one of the ways to settle it.
    """
    return put_entry(cell, write, TAG, value)


def put_entry(cell: Cell, write: Write, tag: int, value: bytes) -> Delta:
    """A put into a type whose store is its values."""
    check_type(cell, tag, write)
    gone = replaced(cell, write.seen)
    if write.seen is not None:
        kept = sum(dot not in gone for dot in cell.get(tag, ()))
        if kept >= SIBLINGS_MAX:
            raise SiblingLimit(f"the key has {kept} concurrent values that this write does not replace")
    return Delta({tag: {write.dot: Entry(write.stamp, write.expires, value)}}, gone | {write.dot})


def siblings(entries: Entries, now: int) -> list[Sibling]:
    """The values that have not ended at ``now``, in milliseconds since 1970; the winner, highest by ``rank``, first."""
    alive = [(entry, dot) for dot, entry in entries.items() if not entry.expires or entry.expires > now]
    alive.sort(key=rank, reverse=True)
    return [Sibling(entry.payload, dot, entry.stamp, entry.expires) for entry, dot in alive]


def rank(found: tuple[Entry, Dot]) -> tuple[HybridTime, Dot]:
    """The order of concurrent values, the same everywhere: stamp, replica, incarnation, counter."""
    return found[0].stamp, found[1]
