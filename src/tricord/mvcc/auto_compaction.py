# SPDX-License-Identifier: Apache-2.0
"""When to compact, and at which revision: decided from samples of (time, revision), as etcd's documentation has it.

*Periodic* keeps the revisions of the last ``retention`` seconds. It compacts each ``retention``, at most each hour, and
takes ten samples between two compactions; nothing goes before the first ``retention`` is over. *Revision* looks every
five minutes and keeps the last so many revisions.

Every member of a cluster takes samples, so that whoever comes to lead can go on; the one that leads compacts. Times are
seconds of a clock that never goes back. That a compaction worked is seen from the mark, whoever made it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

HOUR = 3600.0
SAMPLES = 10
"""Between two compactions."""
REVISION_SECONDS = 300.0


class AutoCompaction(Protocol):
    """Decides when sampled."""

    every: float
    """Seconds between two samples."""

    def sample(self, now: float, revision: int, compacted: int) -> int:
        """The revision to compact at now, 0 for none; ``compacted`` is the mark as it is (-1: never)."""


class PeriodicCompaction:
    """Keeps what was written in the last ``retention`` seconds."""

    def __init__(self, retention: float) -> None:
        self._retention = retention
        self._interval = min(retention, HOUR)
        self.every = self._interval / SAMPLES
        self._samples: deque[tuple[float, int]] = deque()
        self._mark: int | None = None
        self._moved_at = float("-inf")

    def sample(self, now: float, revision: int, compacted: int) -> int:
        """See ``AutoCompaction``."""
        if compacted != self._mark:
            if self._mark is not None:
                # Just after the sample before, when it was this rule that asked for it.
                self._moved_at = now - self.every
            self._mark = compacted
        samples = self._samples
        samples.append((now, revision))
        # The newest of those that are old enough is the one that counts.
        while len(samples) > 1 and samples[1][0] <= now - self._retention:
            samples.popleft()
        taken_at, oldest = samples[0]
        is_due = now - self._moved_at > self._interval - self.every / 2
        return oldest if is_due and taken_at <= now - self._retention and oldest > compacted else 0


class RevisionCompaction:
    """Keeps the last ``retention`` revisions."""

    def __init__(self, retention: int) -> None:
        self._retention = retention
        self.every = REVISION_SECONDS

    def sample(self, now: float, revision: int, compacted: int) -> int:
        """See ``AutoCompaction``."""
        return max(revision - self._retention, 0) if revision - self._retention > compacted else 0


def auto_compaction(mode: str, retention: float) -> Callable[[], AutoCompaction] | None:
    """What makes a keyspace's rule as the settings ask for it; None where nothing is compacted by itself."""
    if retention <= 0:
        return None
    return partial(PeriodicCompaction, retention) if mode == "periodic" else partial(RevisionCompaction, int(retention))
