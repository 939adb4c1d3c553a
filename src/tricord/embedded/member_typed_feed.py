# SPDX-License-Identifier: Apache-2.0
"""A watch of typed values on the member in this process: its engine's stream of watches, with one in it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from tricord.base.context import Context
from tricord.base.errors import Cancelled
from tricord.base.typed import TypedEvents, TypedStream, TypedWatch
from tricord.embedded.member_feed import TAKE_BYTES


class Tells(Protocol):
    """The engine of a member or an edge."""

    def open_typed_watch(self, context: Context, wake: Callable[[], None]) -> TypedStream:
        """See ``Engine``."""


class MemberTypedFeed:
    """See ``client.feed``. Raises what ``TypedStream.add`` does when it is made."""

    def __init__(self, engine: Tells, spec: TypedWatch, context: Context) -> None:
        self._news = asyncio.Event()
        self._told: deque[TypedEvents] = deque()
        self._closed = False
        self._stream = engine.open_typed_watch(context, self._news.set)
        try:
            self._stream.add(spec)
        except BaseException:
            self._stream.close()
            raise

    async def next(self) -> TypedEvents:
        while not self._told:
            if self._closed:
                raise Cancelled("the watch was closed")
            self._news.clear()
            self._told.extend(self._stream.take(TAKE_BYTES))
            if not self._told:
                await self._news.wait()
        return self._told.popleft()

    def close(self) -> None:
        self._closed = True
        self._told.clear()
        self._stream.close()
        self._news.set()
