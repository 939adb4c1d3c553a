# SPDX-License-Identifier: Apache-2.0
"""A set of byte strings. An element that one adds while another removes it stays: a removal takes away the additions
that it saw, never one that it did not."""

from __future__ import annotations

from tricord.base.dots import Dot
from tricord.base.errors import SiblingLimit
from tricord.base.values import DataType
from tricord.crdt.cell import SIBLINGS_MAX, Cell, Delta, Entry, Fields, Write, check_type

TAG = int(DataType.SET)


def add(cell: Cell, write: Write, element: bytes) -> Delta:
    """Add one element; ``write.expires`` is the element's. Adding it again replaces the additions that stand here, its
    end included. Raises ``TypeMismatch``, and ``SiblingLimit`` for one that is added again and again by those who have
    not seen that it is there."""
    check_type(cell, TAG, write)
    entries = _seen(cell, write, element)
    if write.seen is not None:
        kept = len(cell.get(TAG, {}).get(element, ())) - len(entries)
        if kept >= SIBLINGS_MAX:
            raise SiblingLimit(f"the element has {kept} concurrent additions that this write does not replace")
    return Delta({TAG: {element: {write.dot: Entry(write.stamp, write.expires, b"")}}}, entries | {write.dot})


def remove(cell: Cell, write: Write, element: bytes) -> Delta:
    """Take one element away, as the writer has seen it. One that is not there is no error. Raises ``TypeMismatch``."""
    check_type(cell, TAG, write)
    return Delta({}, _seen(cell, write, element) | {write.dot})


def _seen(cell: Cell, write: Write, element: bytes) -> frozenset[Dot]:
    store: Fields = cell.get(TAG, {})
    seen = write.seen
    return frozenset(dot for dot in store.get(element, ()) if seen is None or dot in seen)


def elements(store: Fields, now: int) -> list[bytes]:
    """The elements in order, without those that have ended at ``now`` (milliseconds since 1970)."""
    return sorted(
        element
        for element, entries in store.items()
        if any(not entry.expires or entry.expires > now for entry in entries.values())
    )
