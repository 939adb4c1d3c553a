# SPDX-License-Identifier: Apache-2.0
"""Freeing what a compaction made unreachable, in slices.

The compacted mark alone decides what can be read, and it moves in the log; sweeping only frees space, so each member
does it at its own pace. REVISIONS names every change at or below the mark, and a change is what makes the version
before it unreachable: the sweep walks the changes in order and removes from HISTORY what each superseded, the tombstone
as well when the change was a deletion. A change below the mark is then removed itself; those at the mark stay, since a
watch may start there.

Every step leaves a state from which a new sweep can start over: what is still listed is done again, to no effect.
"""

from __future__ import annotations

from itertools import islice

from tricord.base.operations import EventKind
from tricord.base.ordered import Table, Write
from tricord.mvcc.keys import decode_change, history_end, history_key, revision_key, split_revision_key
from tricord.mvcc.keyspace import Keyspace


class Compaction:
    """The sweep up to one compacted mark."""

    __slots__ = ("_next", "done", "revision", "space")

    def __init__(self, space: Keyspace) -> None:
        self.space = space
        self._next = space.prefix
        self.revision = space.compacted
        self.done = space.swept >= space.compacted

    def step(self, limit: int) -> bool:
        """Handle up to ``limit`` changes; True when nothing is left. Cost: about two scans of one row per change."""
        assert limit > 0
        if self.done:
            return True
        space = self.space
        store = space.store
        prefix = space.prefix
        end = revision_key(prefix, max(self.revision, 0) + 1, 0)
        changes = list(islice(store.scan(Table.REVISIONS, self._next, end), limit))
        writes: list[Write] = []
        for place, change in changes:
            revision, _ = split_revision_key(place)
            kind, turn, key = decode_change(change)
            # A put's own version stays, so start right after its place; a tombstone goes too.
            own = history_key(prefix, key, revision, turn)
            start = own if kind == EventKind.DELETE else own + b"\x00"
            for history, _ in store.scan(Table.HISTORY, start, history_end(prefix, key)):
                writes.append((Table.HISTORY, history, None))
            if revision < self.revision:
                writes.append((Table.REVISIONS, place, None))
        if len(changes) < limit:
            self.done = True
            space.swept = self.revision
            writes.append(space.swept_write(self.revision))
        else:
            self._next = changes[-1][0] + b"\x00"
        store.write(writes)
        return self.done
