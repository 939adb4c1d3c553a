# SPDX-License-Identifier: Apache-2.0
"""Taking away what a key holds: all of it, or all but one type."""

from __future__ import annotations

from collections.abc import Iterator

from tricord.base.dots import Dot
from tricord.crdt import last_writer
from tricord.crdt.cell import ENTRIES, FIELDS, Cell, Delta, Entries, Write, check_type, replaced


def remove(cell: Cell, write: Write) -> Delta:
    """Remove the key, whatever its types, as the writer has seen it. What another writes at the same time stays.

    The write has a dot as others have; no tombstone is kept for it.
    """
    return Delta({}, replaced(cell, write.seen) | {write.dot})


def keep_only(cell: Cell, write: Write, tag: int) -> Delta:
    """Settle a key to which two types were written at the same time: remove all but one of them. Raises
    ``TypeMismatch`` where that one is not there: nothing would be kept."""
    check_type(cell, tag, write)
    others = {other: store for other, store in cell.items() if other != tag}
    return Delta({}, replaced(others, write.seen) | {write.dot})


def ended(cell: Cell, write: Write, now: int) -> Delta | None:
    """A write that removes what has ended by ``now`` (milliseconds since 1970), or None where nothing has.

    Reads filter it anyway; this gives its room back. Any replica may do it, and several at once. Of a last-writer
    register all goes with the winner, or what that had won over would come back; so let ``now`` lag by the time that
    writes may be under way.
    """
    dots = frozenset(_ended_dots(cell, now))
    return Delta({}, dots | {write.dot}) if dots else None


def _ended_dots(cell: Cell, now: int) -> Iterator[Dot]:
    for tag, store in cell.items():
        shape = tag & 3
        if tag == last_writer.TAG:
            if last_writer.winner(store, now) is None:
                yield from store
        elif shape == ENTRIES:
            yield from _ended_entries(store, now)
        elif shape == FIELDS:
            for entries in store.values():
                yield from _ended_entries(entries, now)
        else:
            for inner in store.values():
                yield from _ended_dots(inner, now)


def _ended_entries(entries: Entries, now: int) -> Iterator[Dot]:
    return (dot for dot, entry in entries.items() if entry.expires and entry.expires <= now)
