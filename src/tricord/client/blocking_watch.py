# SPDX-License-Identifier: Apache-2.0
"""``Watch`` for code that blocks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

from tricord.base.operations import Event
from tricord.client.feed import Progress, Resynced

if TYPE_CHECKING:
    from types import TracebackType

    from tricord.client.loop_thread import LoopThread
    from tricord.client.watching import Watch

T_co = TypeVar("T_co", bound=Event | Progress | Resynced, covariant=True)


class BlockingWatch(Generic[T_co]):
    """Changes of a range, in order, each once. Made by ``Client.watch``; for one reader at a time.

    ``with`` begins it: what is written from then on is told. ``for`` gives events and ends when another thread closes
    it; ``batches`` gives the events of each revision together; ``take`` waits for a time. The rest is as of
    ``aio.Watch``. What was read ahead, one answer, is fetched from the client's thread at once.
    """

    def __init__(self, thread: LoopThread, watch: Watch[T_co]) -> None:
        self._thread = thread
        self._watch = watch
        self._ready: deque[T_co] = deque()

    def __enter__(self) -> BlockingWatch[T_co]:
        self._thread.run(self._watch.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give it up; a thread that reads gets the end. Closing twice is fine."""
        if not self._thread.stopped:
            self._thread.run(_closing, self._watch)

    @property
    def connected(self) -> bool:
        """Whether a member is watching now, as far as is known."""
        return self._watch.connected

    @property
    def resume_revision(self) -> int:
        """Give it as ``from_revision`` of a later watch, and that begins with what this one has not given out. In the
        midst of a revision, it repeats that. 0: nothing is known yet."""
        return self._ready[0].revision if self._ready else self._watch.resume_revision

    def __iter__(self) -> Iterator[T_co]:
        return self

    def __next__(self) -> T_co:
        if not self._ready:
            self._ready.extend(self._thread.run(self._watch.take_ready))
        if not self._ready:
            raise StopIteration
        return self._ready.popleft()

    def take(self, timeout: float) -> T_co | None:
        """The next, or None when nothing came in ``timeout`` seconds, or the watch was closed. Nothing is lost."""
        return self._ready.popleft() if self._ready else self._thread.run(self._watch.take, timeout)

    def ask_progress(self) -> None:
        """Ask the member for a mark, as soon as it has told everything up to now: a ``Progress``, of a watch that was
        made with ``progress=True``."""
        self._thread.run(self._watch.ask_progress)

    def batches(self) -> Iterator[list[T_co]]:
        """Iterate by revision: the events of each together, marks and snapshots alone. Not to be mixed with ``for``."""
        while batch := self._thread.run(self._watch.take_batch):
            yield batch


async def _closing(watch: Watch[T_co]) -> None:
    watch.close()
