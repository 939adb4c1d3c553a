# SPDX-License-Identifier: Apache-2.0
"""A watch that goes on: over lost connections and members, from the revision where it was, told each change once.

It works when it is read: there is no task, so nothing is left behind. What was read ahead is one answer of the member;
the rest waits in the stream's window, and beyond that in the store's history.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar, cast

from tricord.base import errors
from tricord.base.errors import RevisionCompacted, TricordError
from tricord.base.operations import Event
from tricord.base.reachable import reachable
from tricord.base.watching import WatchSpec
from tricord.client.attempts import AGAIN, Attempts
from tricord.client.caller import Caller
from tricord.client.feed import Compacted, Feed, FeedItem, Progress, Resynced
from tricord.client.keys import FROM_HERE_ON, Data, prefix_range, span, to_bytes
from tricord.client.pages import PAGE_SIZE, Pages
from tricord.client.results import RangeReply

if TYPE_CHECKING:
    from types import TracebackType

    from tricord.client.steps import Step

T_co = TypeVar("T_co", bound=Event | Progress | Resynced, covariant=True)

OnCompaction: TypeAlias = Literal["raise", "resync"]

FAULTS_MAX = 5
"""So often in turn a server may answer nonsense."""
QUIET_SECONDS = 60.0
"""After so much silence the member is asked for a mark: a watch of keys that never change shall not fall behind a
compaction. It also asks for marks of its own accord, but seldom."""


class Watch(Generic[T_co]):
    """Changes of a range, in order, each once. Made by ``AsyncClient.watch``; for one reader at a time.

    ``async with`` begins it: what is written from then on is told. ``async for`` gives events; ``batches`` the events
    of each revision together; ``take`` waits for a time. A lost connection is mended without a word, for as long as it
    takes (``timeout`` bounds only the beginning). Raises RevisionCompacted where changes are gone; PermissionDenied.
    """

    def __init__(
        self,
        opener: Callable[[], Awaitable[Caller]],
        ask: Callable[[Step[RangeReply]], Awaitable[RangeReply]],
        spec: WatchSpec,
        *,
        marks: bool,
        on_compaction: OnCompaction,
        timeout: float,
    ) -> None:
        if on_compaction not in ("raise", "resync"):
            raise ValueError(f'on_compaction is "raise" or "resync", not {on_compaction!r}')
        self._opener = opener
        self._ask = ask
        self._spec = spec
        self._marks = marks
        self._resyncs = on_compaction == "resync"
        self._timeout = timeout
        self._feed: Feed | None = None
        self._next = spec.start_revision
        self._cluster = 0
        self._gone: Compacted | None = None
        self._ready: deque[Event | Progress | Resynced] = deque()
        self._faults = 0
        self._reading = False
        self._mark_wanted = False
        self._closed = False
        self._attempts = Attempts(opener)

    # --- for the reader ------------------------------------------------------------------------------------

    async def __aenter__(self) -> Watch[T_co]:
        try:
            async with asyncio.timeout(self._timeout):
                while self._feed is None and self._gone is None:
                    await self._open()
        except BaseException as error:
            self.close()
            if isinstance(error, TimeoutError):
                raise self._attempts.too_late(self._timeout) from None
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give it up; who reads gets the end. Closing twice is fine."""
        self._closed = True
        self._attempts.close()
        feed, self._feed = self._feed, None
        if feed is not None:
            feed.close()

    @property
    def connected(self) -> bool:
        """Whether a member is watching now, as far as is known."""
        return self._feed is not None

    @property
    def resume_revision(self) -> int:
        """Give it as ``from_revision`` of a later watch, and that begins with what this one has not given out. In the
        midst of a revision, it repeats that. 0: nothing is known yet."""
        return self._ready[0].revision if self._ready else self._next

    def __aiter__(self) -> Watch[T_co]:
        return self

    async def __anext__(self) -> T_co:
        await self._fill()
        if not self._ready:
            raise StopAsyncIteration
        return cast(T_co, self._ready.popleft())

    async def take(self, timeout: float) -> T_co | None:
        """The next, or None when nothing came in ``timeout`` seconds, or the watch was closed. Nothing is lost."""
        try:
            async with asyncio.timeout(timeout):
                return await self.__anext__()
        except (TimeoutError, StopAsyncIteration):
            return None

    async def take_batch(self) -> list[T_co]:
        """The events of the next revision, all of them, or one mark or snapshot; empty when the watch was closed."""
        await self._fill()
        batch: list[Any] = []
        while self._ready and (not batch or _same_revision(batch[0], self._ready[0])):
            batch.append(self._ready.popleft())
        return batch

    async def take_ready(self) -> list[T_co]:
        """All that has come, at least one; empty when the watch was closed."""
        await self._fill()
        ready: list[Any] = list(self._ready)
        self._ready.clear()
        return ready

    async def ask_progress(self) -> None:
        """Ask the member for a mark, as soon as it has told everything up to now: a ``Progress``, of a watch that was
        made with ``progress=True``."""
        feed = self._feed
        self._mark_wanted = feed is None
        if feed is not None:
            try:
                await feed.ask_progress()
            except TricordError:
                self._mark_wanted = True

    def batches(self) -> Batches[T_co]:
        """Iterate by revision: the events of each together, marks and snapshots alone."""
        return Batches(self)

    # --- reading -------------------------------------------------------------------------------------------

    async def _fill(self) -> None:
        """Return when something is ready, or the watch was closed."""
        if self._reading:
            raise RuntimeError("this watch is being read elsewhere: make one for each reader")
        self._reading = True
        try:
            while not self._ready and not self._closed:
                if self._gone is not None:
                    await self._resync(self._gone)
                elif self._feed is None:
                    await self._open()
                else:
                    await self._read(self._feed)
        finally:
            self._reading = False

    async def _read(self, feed: Feed) -> None:
        try:
            try:
                async with asyncio.timeout(QUIET_SECONDS):
                    item = await feed.next()
            except TimeoutError:
                await feed.ask_progress()
                return
        except TricordError as error:
            self._drop(feed)
            if not self._closed:
                await self._again_after(error)
            return
        self._attempts.worked()
        self._faults = 0
        self._keep(item)

    def _keep(self, item: FeedItem) -> None:
        if isinstance(item, Compacted):
            self._lose(item)
        elif isinstance(item, Progress):
            # One of before a start in the future tells nothing.
            if item.revision + 1 >= self._next:
                self._next = item.revision + 1
                if self._marks:
                    self._ready.append(item)
        elif item:
            # A member that restarted, or lags, may tell again what is known.
            self._ready.extend(event for event in item if event.revision >= self._next)
            self._next = max(self._next, item[-1].revision + 1)

    async def _open(self) -> None:
        """One attempt to watch from where this is. Raises what trying again cannot help."""
        try:
            caller = await self._opener()
            feed = await caller.watch(_from(self._spec, self._next), self._timeout)
        except RevisionCompacted as error:
            self._lose(Compacted(error.compacted))
        except TricordError as error:
            await self._again_after(error)
        else:
            self._begin(feed)
            if self._mark_wanted:
                await self.ask_progress()

    def _begin(self, feed: Feed) -> None:
        if self._closed:
            feed.close()
        elif self._cluster and feed.cluster != self._cluster:
            # Another history: its revisions do not go on from ours.
            feed.close()
            self._cluster = 0
            self._lose(Compacted(0))
        else:
            self._feed = feed
            self._cluster = feed.cluster
            self._next = self._next or feed.revision + 1

    async def _again_after(self, error: TricordError) -> None:
        """Wait before the next attempt. Raises ``error`` where none can help."""
        if isinstance(error, errors.ServerFault):
            self._faults += 1
        if not isinstance(error, AGAIN) and not 0 < self._faults < FAULTS_MAX:
            raise error
        reachable("a watch lost its member")
        await self._attempts.pause_after(error)

    # --- what is gone --------------------------------------------------------------------------------------

    def _lose(self, gone: Compacted) -> None:
        self._gone = gone
        if self._feed is not None:
            self._drop(self._feed)

    def _drop(self, feed: Feed) -> None:
        feed.close()
        if self._feed is feed:
            self._feed = None

    async def _resync(self, gone: Compacted) -> None:
        """Tell the loss: by an error, or by what the range holds now."""
        if not self._resyncs:
            self.close()
            raise RevisionCompacted(
                f"changes from revision {self._next} on are gone: there are those from {gone.compacted} on"
                if gone.compacted
                else f"another cluster answers: its history is not that of revision {self._next}",
                compacted=gone.compacted,
            )
        pages = _range_pages(self._spec)
        kvs = []
        revision = 0
        try:
            while (step := pages.next_page()) is not None:
                page = await self._ask(step)
                pages.feed(page)
                kvs += page.kvs
                revision = revision or page.revision
        except RevisionCompacted:
            return  # compacted between two pages: once more
        except TricordError as error:
            await self._again_after(error)
            return
        self._gone = None
        self._next = revision + 1
        self._ready.append(Resynced(revision, gone.compacted, kvs))


class Batches(Generic[T_co]):
    """A watch by revision. No generator: one that is left half-way waits to be ended."""

    def __init__(self, watch: Watch[T_co]) -> None:
        self._watch = watch

    def __aiter__(self) -> Batches[T_co]:
        return self

    async def __anext__(self) -> list[T_co]:
        batch = await self._watch.take_batch()
        if not batch:
            raise StopAsyncIteration
        return batch


def _same_revision(first: Event | Progress | Resynced, other: Event | Progress | Resynced) -> bool:
    return isinstance(first, Event) and isinstance(other, Event) and first.revision == other.revision


def _from(spec: WatchSpec, revision: int) -> WatchSpec:
    return WatchSpec(spec.key, spec.range_end, revision, spec.previous, spec.puts, spec.deletes, spec.progress)


def _range_pages(spec: WatchSpec) -> Pages:
    return Pages(spec.key, spec.range_end or spec.key + b"\0", page_size=PAGE_SIZE, revision=0, keys_only=False)


def watch_spec(
    key: Data | None,
    prefix: Data | None,
    start: Data | None,
    end: Data | None,
    from_revision: int,
    previous: bool,
    puts: bool,
    deletes: bool,
) -> WatchSpec:
    """What to watch: one of a key, a prefix and bounds. Raises ValueError where it is none or several."""
    if from_revision < 0:
        raise ValueError("from_revision is a revision, or 0 for what comes from now on")
    if not puts and not deletes:
        raise ValueError("a watch of neither puts nor deletes tells nothing")
    bounded = start is not None or end is not None
    if (key is not None) + (prefix is not None) + bounded != 1:
        raise ValueError("watch one of: a key, a prefix (empty: all keys), or start and end")
    if key is not None:
        bounds = to_bytes(key), b""
    elif prefix is not None:
        bounds = prefix_range(prefix)
    else:
        bounds = span(start or b"", end)
    if bounds[1] and bounds[1] != FROM_HERE_ON and bounds[0] >= bounds[1]:
        raise ValueError("the range to watch is empty")
    return WatchSpec(*bounds, from_revision, previous, puts, deletes, progress=True)
