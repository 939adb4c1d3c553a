# SPDX-License-Identifier: Apache-2.0
"""A store in this process, in virtual time, whose answers a test can lose, and whose process it can pause."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tests.client.scripted_server import tell
from tricord.base.environment import Environment
from tricord.base.errors import OutcomeUnknown, TricordError, Unavailable
from tricord.base.levels import ReadLevel, Stamp
from tricord.base.operations import Request, Result, is_read
from tricord.base.watching import WatchSpec
from tricord.client.asynchronous import AsyncClient
from tricord.client.caller import Caller
from tricord.client.feed import Feed, FeedItem
from tricord.embedded.location import MEMORY
from tricord.embedded.member_caller import start
from tricord.sim.virtual_loop import VirtualLoop

T = TypeVar("T")

Fault = Callable[[Request], TricordError | None]


class FaultyFeed:
    """A feed that breaks when it is told to."""

    def __init__(self, feed: Feed, owner: FaultyCaller) -> None:
        self._feed = feed
        self._owner = owner
        self.closed = False

    @property
    def cluster(self) -> int:
        return self._owner.cluster or self._feed.cluster

    @property
    def revision(self) -> int:
        return self._feed.revision

    async def next(self) -> FeedItem:
        self._owner.fail_feed()
        item = await self._feed.next()
        self._owner.fail_feed()
        return item

    async def ask_progress(self) -> None:
        await self._feed.ask_progress()

    def close(self) -> None:
        self.closed = True
        self._feed.close()


class FaultyCaller:
    """``before`` and ``after`` give the error that a request meets: then it was not carried out, or it was."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.before: Fault = lambda request: None
        self.after: Fault = lambda request: None
        self.feed_faults = 0
        """So many of the next steps of feeds find them broken."""
        self.cluster = 0
        self.asked: list[Request] = []
        self.feeds: list[FaultyFeed] = []

    @property
    def environment(self) -> Environment:
        world: Environment = self.inner.environment
        return world

    async def call(self, request: Request, level: ReadLevel, timeout: float) -> tuple[Result, Stamp]:
        self.asked.append(request)
        if (error := self.before(request)) is not None:
            raise error
        answer: tuple[Result, Stamp] = await self.inner.call(request, level, timeout)
        if (error := self.after(request)) is not None:
            raise error
        return answer

    def call_now(self, request: Request, level: ReadLevel) -> None:
        return None

    def fail_feed(self) -> None:
        if self.feed_faults:
            self.feed_faults -= 1
            raise Unavailable("the feed broke")

    async def watch(self, spec: WatchSpec, timeout: float) -> Feed:
        self.fail_feed()
        self.feeds.append(FaultyFeed(await self.inner.watch(spec, timeout), self))
        return self.feeds[-1]

    @property
    def open_feeds(self) -> int:
        return sum(not feed.closed for feed in self.feeds)

    async def close(self) -> None:
        await self.inner.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class EmbeddedWorld:
    """One store, any number of clients of it."""

    def __init__(self, environment: Environment, inner: Any) -> None:
        self.environment = environment
        self.inner = inner
        self.callers: list[FaultyCaller] = []

    def client(self) -> AsyncClient:
        """A client with faults of its own: ``callers[-1]`` makes them."""
        caller = FaultyCaller(_Shared(self.inner))
        self.callers.append(caller)

        async def opener() -> Caller:
            return caller

        return AsyncClient(opener)

    def now(self) -> float:
        return self.environment.clock.monotonic()

    def pause(self, seconds: float) -> None:
        """The whole process stands still."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.advance(seconds)


class _Shared:
    """The member's caller, for one of several clients: closing one closes nothing."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def close(self) -> None:
        return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def nth(number: int, kinds: tuple[type[Request], ...], error: type[TricordError] = OutcomeUnknown) -> Fault:
    """The ``number``-th request of these kinds (from 0) meets the error."""
    seen = 0

    def fault(request: Request) -> TricordError | None:
        nonlocal seen
        if isinstance(request, kinds):
            seen += 1
            if seen == number + 1:
                # Of a read, nobody asks whether it happened.
                return Unavailable() if is_read(request) else error()
        return None

    return fault


def embedded(story: Callable[[EmbeddedWorld], Coroutine[Any, Any, T]]) -> T:
    """Run a story beside a new store in memory; in the end no task is left."""

    async def within(environment: Environment) -> T:
        inner = await start(MEMORY, None, environment)
        try:
            result = await story(EmbeddedWorld(environment, inner))
        finally:
            await inner.close()
        await asyncio.sleep(0.01)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left
        return result

    return tell(within)
