# SPDX-License-Identifier: Apache-2.0
"""A register where the last writer wins: chosen by name, since it drops what others wrote at the same time.

A write that knew of another replaces it, whatever their stamps say. Among concurrent ones the highest of stamp,
replica, incarnation and counter is shown. The others are kept unseen until the next write replaces them: were they
dropped here, a replica to which the writes come in another order would still have them when the winner is removed.
"""

from __future__ import annotations

from tricord.base.values import DataType, Sibling
from tricord.crdt.cell import Cell, Delta, Entries, Write
from tricord.crdt.register import put_entry, rank

TAG = int(DataType.LAST_WRITER)


def put(cell: Cell, write: Write, value: bytes) -> Delta:
    """Write a value in place of what the writer has seen. Raises ``TypeMismatch`` and ``SiblingLimit``."""
    return put_entry(cell, write, TAG, value)


def winner(entries: Entries, now: int) -> Sibling | None:
    """The last write, or None where it has ended at ``now``: what it won over does not come back with its end."""
    entry, dot = max(((entry, dot) for dot, entry in entries.items()), key=rank)
    if entry.expires and entry.expires <= now:
        return None
    return Sibling(entry.payload, dot, entry.stamp, entry.expires)
