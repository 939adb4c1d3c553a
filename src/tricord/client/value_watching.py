# SPDX-License-Identifier: Apache-2.0
"""A watch of typed values that goes on: over lost connections and members, from where it was.

It works when it is read: there is no task, so nothing is left behind.
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from tricord.base.dots import VersionVector
from tricord.base.errors import InvalidRequest, TricordError
from tricord.base.typed import Fetch, TypedEvents, TypedWatch
from tricord.client.attempts import AGAIN, Attempts
from tricord.client.caller import Caller
from tricord.client.feed import TypedFeed
from tricord.client.value_results import ValueBatch
from tricord.client.value_steps import found

if TYPE_CHECKING:
    from types import TracebackType


class ValueWatch:
    """Batches of what keys hold, each once, in an order that respects causality. Made by ``watch_values``; for one
    reader at a time.

    ``async with`` begins it; the first batch is what is there then. A lost connection is mended without a word, for as
    long as it takes. Where changes were missed, a batch says so: ``resynced``. Raises KeyspaceNotFound after a drop.
    """

    def __init__(
        self, opener: Callable[[], Awaitable[Caller]], spec: TypedWatch, *, resume: str, timeout: float
    ) -> None:
        self._opener = opener
        self._spec = _behind(spec, resume)
        self._told = bool(resume)
        self._timeout = timeout
        self._feed: TypedFeed | None = None
        self._caller: Caller | None = None
        self._is_anew = False
        self._ready: ValueBatch | None = None
        self._reading = False
        self._closed = False
        self._attempts = Attempts(opener)

    async def __aenter__(self) -> ValueWatch:
        try:
            async with asyncio.timeout(self._timeout):
                while self._feed is None:
                    await self._begin()
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
    def resume(self) -> str:
        """What a later watch is given to begin behind all that this one has told; empty: it told nothing."""
        return _written(self._spec) if self._told else ""

    def __aiter__(self) -> ValueWatch:
        return self

    async def __anext__(self) -> ValueBatch:
        if self._reading:
            raise RuntimeError("this watch is being read elsewhere: make one for each reader")
        self._reading = True
        try:
            while self._ready is None and not self._closed:
                if self._feed is None:
                    await self._begin()
                else:
                    await self._read(self._feed)
        finally:
            self._reading = False
        ready, self._ready = self._ready, None
        if ready is None:
            raise StopAsyncIteration
        return ready

    async def take(self, timeout: float) -> ValueBatch | None:
        """The next, or None when nothing came in ``timeout`` seconds, or the watch was closed. Nothing is lost."""
        try:
            async with asyncio.timeout(timeout):
                return await self.__anext__()
        except (TimeoutError, StopAsyncIteration):
            return None

    async def _read(self, feed: TypedFeed) -> None:
        try:
            told = await feed.next()
        except TricordError as error:
            feed.close()
            if self._feed is feed:
                self._feed = None
            if not self._closed:
                await self._again_after(error)
            return
        self._attempts.worked()
        self._keep(told)

    def _keep(self, told: TypedEvents) -> None:
        """A watch that had nothing to go on from begins with all that there is."""
        resynced = told.resynced or self._is_anew
        self._is_anew = False
        self._told = True
        if told.vector is not None and self._caller is not None:
            self._caller.saw(told.vector)
        if told.vector is not None or told.position:
            self._spec = replace(self._spec, resume=told.vector, position=told.position)
        self._ready = ValueBatch([found(one) for one in told.keys], told.sequence, resynced, _written(self._spec))

    async def _begin(self) -> None:
        """One attempt to watch from where this is. Raises what trying again cannot help."""
        try:
            caller = self._caller = await self._opener()
            if caller.token is None:
                # Some answer has to say which cluster it is, before what a watch tells can be of a token.
                await caller.call(Fetch(self._spec.key, limit=1), caller.own_level, self._timeout)
            feed = await caller.watch_typed(self._spec, self._timeout)
        except TricordError as error:
            await self._again_after(error)
            return
        if self._closed:
            feed.close()
            return
        self._feed = feed
        self._is_anew = self._told and self._spec.resume is None and not self._spec.position

    async def _again_after(self, error: TricordError) -> None:
        """Wait before the next attempt. Raises ``error`` where none can help."""
        if not isinstance(error, AGAIN):
            raise error
        await self._attempts.pause_after(error)


def _written(spec: TypedWatch) -> str:
    """Where a watch is, as text; empty: nobody knows."""
    vector = b"" if spec.resume is None else spec.resume.encode()
    whole = bytes((len(spec.position), spec.resume is not None)) + spec.position + vector
    return urlsafe_b64encode(whole).decode().rstrip("=") if len(whole) > 2 else ""


def _behind(spec: TypedWatch, resume: str) -> TypedWatch:
    """Raises InvalidRequest for what ``_written`` did not write."""
    if not resume:
        return spec
    try:
        whole = urlsafe_b64decode(resume + "=" * (-len(resume) % 4))
        size, has_vector = whole[0], whole[1]
        position, rest = whole[2 : 2 + size], whole[2 + size :]
        if len(position) != size or has_vector > 1 or (rest and not has_vector):
            raise ValueError
        vector = VersionVector.decode(rest) if has_vector else None
    except (NotBase64, ValueError, IndexError, InvalidRequest):
        raise InvalidRequest("this is not what a watch gave to resume from") from None
    return replace(spec, resume=vector, position=position)
