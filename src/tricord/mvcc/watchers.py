# SPDX-License-Identifier: Apache-2.0
"""One watch, and where it begins.

The start states are a closed table; ``start_state`` is all of it:

```
start_revision       state       what is told
0                    PRESENT     what changes after the newest revision
newest + 1           PRESENT     the same
above newest + 1     FUTURE      what changes from that revision on; until then nothing, no marks of progress either
compacted..newest    PAST        the store's history from there on, then what changes
1..compacted - 1     COMPACTED   that it is gone, and the watch has ended
below 0                          the watch is refused: RevisionCompacted, as in etcd
```
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from tricord.base.operations import EventKind
from tricord.base.watching import WatchSpec

if TYPE_CHECKING:
    from tricord.mvcc.watch_cohort import Cohort
    from tricord.mvcc.watch_queue import QueuedEvents, WatchQueue


NEVER = 1 << 64
"""After every revision."""


class StartState(Enum):
    """Where a new watch stands against the store."""

    PRESENT = "present"
    FUTURE = "future"
    PAST = "past"
    COMPACTED = "compacted"


def start_state(start_revision: int, *, newest: int, compacted: int) -> StartState:
    """The state of a watch from ``start_revision`` on, at these marks of the store."""
    if start_revision == 0 or start_revision == newest + 1:
        return StartState.PRESENT
    if start_revision > newest:
        return StartState.FUTURE
    return StartState.PAST if start_revision >= compacted else StartState.COMPACTED


class Watcher:
    """One watch. It is in the index of one cohort, or stalled, or has ended."""

    __slots__ = (
        "cohort",
        "key",
        "kinds",
        "number",
        "open",
        "previous",
        "progress",
        "queue",
        "range_end",
        "stalled",
        "start",
        "ticked",
        "told",
    )

    def __init__(self, queue: WatchQueue, number: int, spec: WatchSpec, start: int) -> None:
        self.queue = queue
        self.number = number
        self.key = spec.key
        self.range_end = spec.range_end
        self.kinds = _KINDS[spec.puts, spec.deletes]
        self.previous = spec.previous
        self.progress = spec.progress
        self.ticked = 0
        """``told`` at the last tick of progress."""
        self.start = start
        """The first revision that it is to be told of; ``NEVER`` while it is stalled."""
        self.told = 0
        """The last revision that something was queued of."""
        self.open: QueuedEvents | None = None
        """Its last item, which may take in more for as long as the queue says."""
        self.cohort: Cohort | None = None
        """With whom it is told; None: it is stalled, or has ended."""
        self.stalled = 0
        """The first revision that its queue had no room for; 0: it had."""

    def position(self) -> int:
        """The first revision of which it may not have been told all. It is not live, and has not ended."""
        if self.cohort is None:
            return self.stalled
        return max(self.cohort.next_revision, self.start)


_KINDS: dict[tuple[bool, bool], tuple[EventKind, ...]] = {
    (True, True): (EventKind.PUT, EventKind.DELETE),
    (True, False): (EventKind.PUT,),
    (False, True): (EventKind.DELETE,),
    (False, False): (),
}
