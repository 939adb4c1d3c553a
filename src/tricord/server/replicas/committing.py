# SPDX-License-Identifier: Apache-2.0
"""Makes what a replica of a causal or eventual keyspace wrote durable: groups of it go to the replica's log.

One group of a keyspace is under way at a time; what gathers meanwhile goes with the next one, at once. Those of all
keyspaces go one after the other on one lane. What a group holds is one moment of the tables. The tables follow behind
the answers (``Drain``), many groups at a time. A full disk keeps the group: it is tried again, with all that came
since, until there is room.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from tricord.base.environment import Environment, Timer
from tricord.base.errors import NoSpace, ResourceExhausted, Stopping, TooManyRequests, TricordError
from tricord.base.reachable import reachable
from tricord.server.drain import Drain
from tricord.storage.overlay import Records
from tricord.storage.replica_storage import ReplicaStorage, found_no_room

LANE = "replicas"
RETRY_SECONDS = 0.5
PATIENT_SECONDS = 0.02
"""What nobody here waits for goes to the log after this: so the next write here need not wait for that to end first,
and fewer groups carry more."""
TABLES_SECONDS = 5.0
"""The tables follow after this, or 16 MiB. Longer than it takes until all replicas have a write and its row in the
causal log goes again: then the row never comes to the tables. And seldom: the log's sync waits for theirs."""
GATHERED_BYTES_MAX = 64 << 20
"""Of what is not in the backend yet: beyond this, new writes are refused until the disk has caught up."""

Ready = Callable[[TricordError | None], None]


class Committer:
    """The groups of one replica. Used on the loop.

    ``committed(mark)`` is told of each group: all is durable that was written up to that mark. ``fail`` hears of a
    disk that fails: nothing is committed any more then. ``gather`` runs as a group begins, where somebody
    asked for that (``ask``): what it writes goes with the group.
    """

    def __init__(
        self,
        environment: Environment,
        storage: ReplicaStorage,
        *,
        committed: Callable[[int], None],
        gather: Callable[[], None] = lambda: None,
        fail: Callable[[BaseException], None],
        quota_bytes: int,
    ) -> None:
        self._environment = environment
        self._storage = storage
        self._committed = committed
        self._gather = gather
        self._fail = fail
        self._quota_bytes = quota_bytes
        self._logged = storage.log.last
        self._drain = Drain(
            environment,
            storage.tables,
            storage.backend,
            lambda: self._logged,
            lambda seconds: None,
            self._failed,
            interval_seconds=TABLES_SECONDS,
            held=storage.held,
        )
        self._is_busy = False
        self._is_urgent = self._is_asked = False
        self._timer: Timer | None = None
        self._is_closed = False
        self._retry_timer: Timer | None = None
        self._waiting: deque[tuple[int, Ready]] = deque()
        self.written = 0
        """The mark of what was written last."""
        self.durable = 0
        """All is durable that was written up to this mark."""
        self._log_is_full = False

    @property
    def disk_full(self) -> bool:
        """Whether there was no room the last time, in the log or in the tables."""
        return self._log_is_full or self._drain.disk_full

    @property
    def used_bytes(self) -> int:
        """What the backend holds, as of a commit lately."""
        return self._drain.used_bytes

    def wrote(self, *, urgent: bool = True) -> int:
        """The overlay got effects: their mark. A group begins after the events at hand, or when the one that is under
        way is done; where it is not ``urgent``, somewhat later, unless somebody asks ``when_durable``."""
        self.written += 1
        if urgent:
            self._hurry()
        elif not self._is_busy and self._timer is None and not self._is_closed:
            self._timer = self._environment.tasks.call_later(PATIENT_SECONDS, self._hurry)
        return self.written

    def ask(self) -> None:
        """Somebody has something to write, and waits for it: ``gather`` runs soon."""
        self._is_asked = True
        self._hurry()

    def gather_now(self) -> None:
        """Run ``gather`` now, if somebody asked for it and it did not run since."""
        if not self._is_asked or self._is_closed:
            return
        self._is_asked = False
        try:
            self._gather()
        except Exception as error:
            self._failed(error)  # an invariant broke: what was done by half is not committed

    def _hurry(self) -> None:
        self._is_urgent = True
        if not self._is_busy and not self._is_closed:
            self._is_busy = True
            self._environment.tasks.call_soon(self._begin)

    def when_durable(self, mark: int, ready: Ready) -> None:
        """Run ``ready`` once all up to the mark is durable: at once, if it is. With an error when it never will be."""
        if mark <= self.durable:
            ready(None)
        elif self._is_closed:
            ready(Stopping())
        else:
            self._waiting.append((mark, ready))
            self._hurry()

    def check_room(self) -> None:
        """Raises NoSpace, TooManyRequests where nothing may be written that makes the tables larger."""
        refusal = self.refusal()
        if refusal is not None:
            raise refusal

    def refusal(self) -> ResourceExhausted | None:
        """As ``check_room``, as a value."""
        gathered = self._gathered
        if self.disk_full:
            return NoSpace("the disk is full")
        if self.used_bytes + gathered > self._quota_bytes:
            return NoSpace(f"{self.used_bytes + gathered} bytes are in use, the quota is {self._quota_bytes}")
        if gathered > GATHERED_BYTES_MAX:
            return TooManyRequests(f"{gathered} bytes wait for the disk")
        return None

    @property
    def is_held_up(self) -> bool:
        """Whether the disk has no room, or is too slow: what others offer again is better not taken now."""
        return self.disk_full or self._gathered > GATHERED_BYTES_MAX

    @property
    def _gathered(self) -> int:
        return self._storage.overlay.size_bytes + self._storage.tables.size_bytes

    async def close(self, error: TricordError | None = None) -> None:
        """Commit what there is, once, and seal; then close the storage. Raises OSError, DiskFault.

        With an ``error``, or after ``abandon``, nothing is committed; who waits is told. ``committed`` may be told once
        more while this runs.
        """
        if error is None:
            self.gather_now()
        commits = not self._is_closed and error is None
        self._stop()
        in_lane = self._environment.tasks.in_lane
        try:
            # The lanes run in order: what was begun is done when these are.
            await in_lane(LANE, lambda: None)
            await self._drain.close()
            if commits:
                mark, records = self.written, self._storage.overlay.take().records()
                if records:
                    await in_lane(LANE, self._append, records, 0)
                    self._storage.logged(records)
                self._is_durable_to(mark)
                await self._drain.flush()
                await in_lane(LANE, self._storage.log.seal)
        except (OSError, TricordError) as failure:
            if not found_no_room(failure):
                raise
        finally:
            self._give_up(error)
            self._storage.close()

    def abandon(self, error: TricordError | None = None) -> None:
        """Begin nothing more; who waits is told. The storage stays open until ``close``."""
        self._stop()
        self._give_up(error)

    def _stop(self) -> None:
        self._is_closed = True
        self._drain.abandon()
        for timer in (self._retry_timer, self._timer):
            if timer is not None:
                timer.cancel()

    def _give_up(self, error: TricordError | None) -> None:
        waiting, self._waiting = self._waiting, deque()
        for _, ready in waiting:
            ready(error or Stopping())

    def _begin(self) -> None:
        self._retry_timer = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._is_closed:
            return
        self._is_urgent = False
        self.gather_now()
        if self._is_closed:
            return
        mark, records = self.written, self._storage.overlay.take().records()

        def done(_: None, error: BaseException | None) -> None:
            if self._is_closed:
                return
            if error is None:
                self._done(mark, records)
            elif found_no_room(error):
                reachable("a replica's log had no room")
                self._log_is_full = True
                self._retry_timer = self._environment.tasks.call_later(RETRY_SECONDS, self._begin)
            else:
                self._failed(error)

        self._environment.tasks.in_lane_then(LANE, self._append, (records, self._drain.durable_index), done)

    def _append(self, records: Records, held: int) -> None:
        """On the lane. ``held``: the backend holds the groups up to that one."""
        if records:
            self._storage.log.append(records)
            self._storage.log.cut(held)

    def _failed(self, error: BaseException) -> None:
        self.abandon()
        self._fail(error)

    def _done(self, mark: int, records: Records) -> None:
        self._log_is_full = False
        if records:
            self._storage.logged(records)
            self._logged = self._storage.log.last
            self._drain.wrote()
        self._is_durable_to(mark)
        if self._is_urgent and (self.written > mark or self._is_asked) and not self._is_closed:
            self._begin()
            return
        self._is_busy = False
        if self.written > mark and not self._is_closed:
            self._timer = self._environment.tasks.call_later(PATIENT_SECONDS, self._hurry)

    def _is_durable_to(self, mark: int) -> None:
        self.durable = mark
        self._committed(mark)
        while self._waiting and self._waiting[0][0] <= mark:
            ready = self._waiting.popleft()[1]
            try:
                ready(None)
            except Exception as error:
                # A bug of who waited; all others wait for what comes after.
                told = {"message": "who waited for a commit failed", "exception": error}
                asyncio.get_running_loop().call_exception_handler(told)
