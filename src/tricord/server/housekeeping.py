# SPDX-License-Identifier: Apache-2.0
"""What a member does beside requests: frees compacted versions in slices, and cuts the log behind the backend."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tricord.base.environment import Environment, Timer
from tricord.base.errors import StorageError
from tricord.server.drain import Drain
from tricord.server.log_writer import LogWriter
from tricord.statemachine.machine import StateMachine

SLICE_CHANGES = 64
"""Changes freed in one slice: about half a millisecond."""
SLICE_PAUSE_SECONDS = 0.002
CUT_SECONDS = 5.0
LOG_BUDGET_BYTES = 1 << 30
"""Size of the log beyond which what the backend holds goes, whoever lags."""


def keep_from(durable_index: int, needed: int | None, slack: int) -> int:
    """The first entry that the log on disk keeps: with so many entries of slack behind the backend's index, for members
    that lag, and from ``needed`` on, which some member lacks.

    What it drops is in the backend. 0 or less: it keeps all.
    """
    first = durable_index - slack
    return first if needed is None else min(first, needed)


def first_needed(matched: Iterable[int], pinned: int | None) -> int | None:
    """The first entry that the log is to keep for others, or None.

    ``matched`` holds, of each member that was heard lately, the last index known to be in its log; ``pinned`` is the
    index of an outgoing snapshot, whose receiver will want what follows.
    """
    indexes = list(matched) if pinned is None else [*matched, pinned]
    return min(indexes) + 1 if indexes else None


class Housekeeping:
    """Runs beside the turns, on the loop, never for long."""

    def __init__(
        self,
        environment: Environment,
        machine: StateMachine,
        drain: Drain,
        log: LogWriter,
        fail: Callable[[BaseException], None],
        *,
        log_slack: int,
    ) -> None:
        """``log_slack``: entries of the log that are kept behind the backend's index."""
        self._environment = environment
        self._log_slack = log_slack
        self._machine = machine
        self._drain = drain
        self._log = log
        self._fail = fail
        self._sweeping = False
        self._waiting: list[tuple[int, int, Callable[[], None]]] = []
        self._cut_timer: Timer | None = environment.tasks.call_later(CUT_SECONDS, self._cut)
        self._stopped = False
        self.needed: Callable[[], int | None] = lambda: None
        """Gives the first entry that another member lacks; see ``first_needed``."""
        self.is_full: Callable[[], bool] = lambda: False
        """Says whether the disk has no room: then the log keeps nothing for those who lag."""
        # A sweep that a stop interrupted goes on.
        self._start_sweep()

    def compacted(self, keyspace: int, revision: int, then: Callable[[], None] | None) -> None:
        """A compaction was applied: free what it made unreachable, and then, when the backend has that as well, call
        ``then``: whoever asks now what is in use must see it."""
        if then is not None:
            self._waiting.append((keyspace, revision, then))
        self._start_sweep()

    def look(self) -> None:
        """Called at times: a compaction may have come from another member, whose client waits there."""
        if not self._sweeping and self._machine.has_to_sweep:
            self._start_sweep()

    def stop(self) -> None:
        """Do no more. What is left is taken up at the next start."""
        self._stopped = True
        if self._cut_timer is not None:
            self._cut_timer.cancel()

    def _start_sweep(self) -> None:
        if not self._sweeping:
            self._sweeping = True
            self._environment.tasks.call_soon(self._sweep)

    def _sweep(self) -> None:
        if self._stopped:
            return
        try:
            done = self._machine.sweep(SLICE_CHANGES)
        except Exception as error:
            self._fail(error)
            return
        self._drain.wrote()
        for waiting in [one for one in self._waiting if self._machine.swept(one[1], one[0])]:
            self._waiting.remove(waiting)
            self._drain.commit_now(waiting[2])
        if done:
            self._sweeping = False
        else:
            self._environment.tasks.call_later(SLICE_PAUSE_SECONDS, self._sweep)

    def _cut(self) -> None:
        if self._stopped:
            return
        self._cut_timer = self._environment.tasks.call_later(CUT_SECONDS, self._cut)
        durable_index = self._drain.durable_index
        first = max(keep_from(durable_index, self.needed(), self._log_slack), 0)

        def done(error: BaseException | None) -> None:
            # Space that could not be given back now is given back later.
            if error is not None and not isinstance(error, OSError | StorageError):
                self._fail(error)

        budget = 0 if self.is_full() else LOG_BUDGET_BYTES
        self._log.cut_before(first, done, disposable_to=durable_index, budget_bytes=budget)
