# SPDX-License-Identifier: Apache-2.0
"""Gives the backend's unused space back to the disk while the member serves: when asked, and by itself.

What takes long goes slice by slice on the backend's lane, between the member's own commits. For the last step the drain
stands still: what is applied meanwhile waits in the overlay.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable

from tricord.base.environment import Environment, Timer
from tricord.base.errors import DiskFault, DiskFull, Stopping, StorageError, TricordError, Unavailable
from tricord.base.metrics import Metrics
from tricord.server.drain import Drain
from tricord.server.pacing import Pacing
from tricord.server.telling import Tells
from tricord.storage.backend_rebuild import BackendRebuild
from tricord.storage.member_storage import MemberStorage

LANE = "backend"
LOOK_SECONDS = 10.0
JITTER_SECONDS = 30.0
"""Members of a cluster come to want it at about the same time: each waits for as long as it likes, up to this."""
AGAIN_SECONDS = 600.0
"""After one that failed."""
WORTHWHILE_BYTES = 16 << 20
"""A smaller file is left as it is."""


def is_worthwhile(size: int, used: int) -> bool:
    """Whether a file of ``size`` bytes of which ``used`` hold data is to be rebuilt unasked."""
    return size >= WORTHWHILE_BYTES and size > 2 * used


class Rebuilding:
    """Of one member; on the loop. One rebuild at a time."""

    def __init__(
        self,
        environment: Environment,
        storage: MemberStorage,
        drain: Drain,
        tells: Tells,
        metrics: Metrics,
        *,
        automatic: bool,
        is_installing: Callable[[], bool],
        requests: Callable[[], int],
        fail: Callable[[BaseException], None],
    ) -> None:
        """``is_installing`` says whether a snapshot takes the backend's place, ``requests`` is for ``Pacing``, and
        ``fail`` hears what must stop the member.
        """
        self._environment = environment
        self._tasks = environment.tasks
        self._storage = storage
        self._drain = drain
        self._tells = tells
        self._metrics = metrics
        self._is_installing = is_installing
        self._requests = requests
        self._fail = fail
        self._task: asyncio.Task[None] | None = None
        self._giving_way = False
        self._stopped = False
        self._timer: Timer | None = self._tasks.call_later(LOOK_SECONDS, self._look) if automatic else None
        self.done = 0
        """How many were done since the start."""

    async def defragment(self) -> None:
        """See ``Engine``."""
        if self._stopped:
            raise Stopping
        if self._is_installing() or self._giving_way:
            raise Unavailable("a snapshot of the leader takes the store's place now")
        if self._task is None:
            self._task = self._tasks.spawn(self._rebuild(), "rebuilding the store")
            self._task.add_done_callback(self._ended)
        # Shared: one who gives up waiting does not take it from the others.
        await asyncio.shield(self._task)

    async def give_way(self) -> None:
        """End what is under way: another state takes the backend's place. None begins until ``is_installing`` ends."""
        self._giving_way = True
        try:
            if self._task is not None:
                await asyncio.wait([self._task])
        finally:
            self._giving_way = False

    async def stop(self) -> None:
        """Give up what can be given up, and wait for what cannot. To be called before the drain is closed."""
        self.abandon()
        if self._task is not None:
            await asyncio.wait([self._task])

    def abandon(self) -> None:
        """Begin nothing new."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled():
            task.exception()  # who asked has heard of it

    def _look(self) -> None:
        delay, then = LOOK_SECONDS, self._look
        if self._task is None and is_worthwhile(self._storage.backend.size_bytes(), self._drain.used_bytes):
            delay, then = self._environment.random.uniform(0, JITTER_SECONDS), self._begin
        self._timer = self._tasks.call_later(delay, then)

    def _begin(self) -> None:
        self._tasks.spawn(self._unasked(), "rebuilding the store unasked")

    async def _unasked(self) -> None:
        delay = LOOK_SECONDS
        try:
            if is_worthwhile(self._storage.backend.size_bytes(), self._drain.used_bytes):
                await self.defragment()
        except TricordError as error:
            delay = AGAIN_SECONDS
            if not self._stopped:
                self._tells.warning("unused space was not given back", reason=str(error))
        if not self._stopped:
            self._timer = self._tasks.call_later(delay, self._look)

    async def _rebuild(self) -> None:
        """Raises DiskFull, StorageError, Stopping, Unavailable, where the old backend goes on."""
        clock = self._environment.clock
        started, before = clock.monotonic(), self._storage.backend.size_bytes()
        await self._commit_what_there_is()
        try:
            rebuild = await self._tasks.in_lane(LANE, self._storage.rebuild)
        except OSError as error:
            raise _as_said(error) from error
        try:
            self._drain.mirror = rebuild.mirror
            await self._copy(rebuild)
            await self._drain.pause()
            await self._tasks.in_lane(LANE, rebuild.finish)
            self._check()
            after = await self._in_place(rebuild)
        except OSError as error:
            raise _as_said(error) from error
        except DiskFault as fault:
            # Which of the two the disk has is not known: nothing more may be committed.
            self._fail(fault)
            raise
        finally:
            await self._end(rebuild)
        seconds = round(clock.monotonic() - started, 3)
        self._metrics.defragment_seconds.observe(seconds)
        self.done += 1
        self._tells.info("gave unused space back", before=before, after=after, seconds=seconds)

    async def _commit_what_there_is(self) -> None:
        """So that what a compaction freed a moment ago is not copied, and counts as free when this is done."""
        committed = asyncio.get_running_loop().create_future()
        self._drain.commit_now(lambda: committed.set_result(None))
        await committed

    async def _in_place(self, rebuild: BackendRebuild) -> int:
        """The new backend's size."""
        backend = await self._tasks.in_lane(LANE, rebuild.put_in_place)
        former = self._storage.backend
        self._storage.move(backend)
        self._drain.go_on(backend)
        self._tasks.in_lane_then(LANE, former.retire, (), _ignored)
        self._tasks.in_lane_then(LANE, rebuild.remove_old, (), _ignored)
        return backend.size_bytes()

    async def _end(self, rebuild: BackendRebuild) -> None:
        self._drain.mirror = None
        if self._drain.is_paused and not rebuild.is_undecided:
            self._drain.go_on(None)
        try:
            await self._tasks.in_lane(LANE, rebuild.discard)
        except OSError:
            pass  # it goes at the next start

    async def _copy(self, rebuild: BackendRebuild) -> None:
        pacing = Pacing(self._requests)
        clock = self._environment.clock
        while True:
            started = clock.monotonic()
            if not await self._tasks.in_lane(LANE, rebuild.step):
                return
            self._check()
            await pacing.after(clock.monotonic() - started)

    def _check(self) -> None:
        if self._stopped:
            raise Stopping
        if self._giving_way:
            raise Unavailable("a snapshot of the leader takes the store's place now")


def _as_said(error: OSError) -> StorageError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"no room to rebuild the store: {error}")
    return StorageError(f"the store was not rebuilt: {error}")


def _ignored(result: None, error: BaseException | None) -> None:
    """What could not be removed goes at the next start."""
