# SPDX-License-Identifier: Apache-2.0
"""``Lock`` and ``Election`` for code that blocks.

Nobody can cancel a thread: ask ``check`` where the work can stop, and write with ``guarded_by=``, which refuses by
itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

from tricord.base.errors import DeadlineExceeded, LeaseLost
from tricord.client.elections import Election, Leaders
from tricord.client.guards import Token
from tricord.client.holding import Holder
from tricord.client.locks import Lock

if TYPE_CHECKING:
    from types import TracebackType

    from tricord.base.operations import KeyValue
    from tricord.client.keys import Data
    from tricord.client.loop_thread import LoopThread

H = TypeVar("H", bound=Holder)


class BlockingHolder(Generic[H]):
    """What a lock and an election share."""

    def __init__(self, thread: LoopThread, holder: H) -> None:
        self._thread = thread
        self._holder = holder

    @property
    def held(self) -> bool:
        """Whether it is held, as far as this process can be sure now."""
        return self._holder.held

    @property
    def lost(self) -> bool:
        """Whether it was held, and may not be held any more."""
        return self._holder.lost

    @property
    def remaining(self) -> float:
        """Seconds for which it is sure to be held without another renewal; 0 when it is not held."""
        return self._holder.remaining

    @property
    def token(self) -> Token:
        """Of this holding: for ``guarded_by``, or ``token.revision`` for other stores that can fence. Raises what
        ``check`` raises."""
        return self._holder.token

    def check(self) -> None:
        """Raises LockLost, or LeadershipLost, when it is not held. By the clock: costs nothing."""
        self._holder.check()


class BlockingLock(BlockingHolder[Lock]):
    """Made by ``Client.lock``: ``with store.lock("name") as lock: ...``

    The end of the block raises LockLost when the lock was lost on the way, and the block had no error of its own. Who
    waits is served in order. It is not reentrant, and is not shared: each thread makes its own.
    """

    def __init__(self, thread: LoopThread, lock: Lock, timeout: float | None) -> None:
        super().__init__(thread, lock)
        self._timeout = timeout

    def acquire(self, timeout: float | None = None) -> bool:
        """Wait for the lock, for ``timeout`` seconds (None: for ever); whether it was acquired."""
        return self._thread.run(self._holder.acquire, timeout)

    def try_acquire(self) -> bool:
        """Acquire the lock if nobody has it or waits for it; whether it was acquired."""
        return self._thread.run(self._holder.try_acquire)

    def release(self) -> None:
        """Give it back. Raises LockLost when it was lost before, or is not held."""
        self._thread.run(self._holder.release)

    def __enter__(self) -> BlockingLock:
        if not self.acquire(self._timeout):
            raise DeadlineExceeded(f"the lock {self._holder.called} was not acquired in {self._timeout:g} s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.held or self.lost:
            _end(self.release, kind)


class BlockingElection(BlockingHolder[Election]):
    """Made by ``Client.election``. ``campaign`` returns when this candidate leads; ``resign``, or the end of a ``with``
    block, ends that. ``check`` raises LeadershipLost."""

    def campaign(self, value: Data, timeout: float | None = None) -> bool:
        """Wait until this candidate leads, for ``timeout`` seconds (None: for ever); whether it does."""
        return self._thread.run(self._holder.campaign, value, timeout)

    def proclaim(self, value: Data) -> None:
        """Be known by another value. Raises LeadershipLost when this candidate does not lead."""
        self._thread.run(self._holder.proclaim, value)

    def resign(self) -> None:
        """Let another lead. Raises LeadershipLost when this candidate did not lead any more."""
        self._thread.run(self._holder.resign)

    def leader(self) -> KeyValue | None:
        """Who leads: the key of its place, its value; None when nobody does."""
        return self._thread.run(self._holder.leader)

    def observe(self) -> BlockingLeaders:
        """Iterate over who leads from now on: the leader now, each new one, each new value of one."""
        return BlockingLeaders(self._thread, self._holder.observe())

    def __enter__(self) -> BlockingElection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.held or self.lost:
            _end(self.resign, kind)


class BlockingLeaders:
    """Who leads, one after the other: ``for``, or ``take``. ``close`` it, or use ``with``."""

    def __init__(self, thread: LoopThread, leaders: Leaders) -> None:
        self._thread = thread
        self._leaders = leaders

    def __iter__(self) -> Iterator[KeyValue]:
        return self

    def __next__(self) -> KeyValue:
        found = self._thread.run(_next_of, self._leaders)
        if found is None:
            raise StopIteration
        return found

    def take(self, timeout: float) -> KeyValue | None:
        """The next, or None when nothing changed in ``timeout`` seconds."""
        return self._thread.run(self._leaders.take, timeout)

    def close(self) -> None:
        """Look no more; a thread that waits gets the end."""
        if not self._thread.stopped:
            self._thread.run(_close, self._leaders)

    def __enter__(self) -> BlockingLeaders:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _end(give_back: Callable[[], None], kind: type[BaseException] | None) -> None:
    """Give back; that it was lost is news only where the block ended well."""
    try:
        give_back()
    except LeaseLost:
        if kind is None:
            raise


async def _next_of(leaders: Leaders) -> KeyValue | None:
    # StopAsyncIteration cannot leave a coroutine as a future's error.
    return await anext(leaders, None)


async def _close(leaders: Leaders) -> None:
    leaders.close()
