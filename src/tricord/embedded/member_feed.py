# SPDX-License-Identifier: Apache-2.0
"""A watch on the member in this process: its engine's stream of watches, with one in it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from tricord.base.context import Context
from tricord.base.errors import Cancelled
from tricord.base.keyspaces import DEFAULT_KEYSPACE
from tricord.base.levels import Stamp
from tricord.base.operations import Event
from tricord.base.watching import WatchCompacted, WatchEvents, WatchItem, WatchSpec, WatchStream
from tricord.client.feed import Compacted, FeedItem, Progress

TAKE_BYTES = 1 << 20
"""What is taken from the engine at once; the rest stays there, in the store's history."""


class OpensWatches(Protocol):
    """An engine, as far as a watch needs one."""

    def open_watch(self, context: Context, wake: Callable[[], None]) -> WatchStream:
        """See ``Engine``."""

    def stamp(self, keyspace: str = DEFAULT_KEYSPACE) -> Stamp:
        """See ``Engine``."""


class MemberFeed:
    """See ``client.feed``. Raises Stopping, PermissionDenied, RevisionCompacted when it is made."""

    def __init__(self, engine: OpensWatches, spec: WatchSpec, keyspace: str) -> None:
        stamp = engine.stamp(keyspace)
        self.cluster = stamp.cluster
        self.revision = stamp.revision
        self._previous = spec.previous
        self._news = asyncio.Event()
        self._items: deque[WatchItem] = deque()
        self._closed = False
        self._stream = engine.open_watch(Context(keyspace), self._news.set)
        try:
            self._stream.add(spec)
        except BaseException:
            self._stream.close()
            raise

    async def next(self) -> FeedItem:
        while not self._items:
            if self._closed:
                raise Cancelled("the watch was closed")
            self._news.clear()
            self._items.extend(self._stream.take(TAKE_BYTES))
            if not self._items:
                await self._news.wait()
        item = self._items.popleft()
        if isinstance(item, WatchEvents):
            return [self._told(shared.event) for shared in item.events]
        return Compacted(item.compacted) if isinstance(item, WatchCompacted) else Progress(item.revision)

    async def ask_progress(self) -> None:
        self._stream.ask_progress()

    def close(self) -> None:
        self._closed = True
        self._items.clear()
        self._stream.close()
        self._news.set()

    def _told(self, event: Event) -> Event:
        # An event is shared by all who watch its key, those included that asked for what was before.
        return event if self._previous or event.previous is None else replace(event, previous=None)
