# SPDX-License-Identifier: Apache-2.0
"""Hashes of what this member holds, made on the read lane from a picture of the store, in slices.

So nobody waits for them: neither the loop nor, for long, the ranges that are read there as well. One is made at a time;
its picture keeps pages of the backend from being used again meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import chain

from tricord.base.environment import Tasks
from tricord.base.errors import Stopping, TooManyRequests
from tricord.base.hashes import ContentHash
from tricord.base.ordered import Table
from tricord.mvcc.hashes import Digest, keys_at
from tricord.statemachine.machine import StateMachine
from tricord.storage.overlay import Overlay, OverlayPicture

SLICE_KEYS = 10_000
"""About 10 ms of the read lane."""
WAITING_MAX = 16


class Hashing:
    """Makes hashes, one after the other."""

    def __init__(self, tasks: Tasks, machine: StateMachine, overlay: Overlay) -> None:
        self._tasks = tasks
        self._machine = machine
        self._overlay = overlay
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._stopped = False

    async def of_keys(self, revision: int = 0, keyspace: int = 0) -> ContentHash:
        """The content hash at a revision (0 or less: now).

        Raises RevisionInFuture, RevisionCompacted, TooManyRequests, Stopping, CorruptData.
        """
        space = self._machine.keyspace(keyspace)
        if revision > 0:
            space.check_revision(revision)  # before it waits
        async with self._place():
            picture = self._overlay.picture((Table.HEAD, Table.HISTORY))
            frozen = space.frozen(picture)
            at = revision if revision > 0 else frozen.revision
            try:
                pairs = keys_at(picture, frozen, at)
            except BaseException:
                picture.close()
                raise
            return ContentHash(await self._digest(picture, pairs), at, frozen.compacted)

    async def of_all(self) -> int:
        """64 bits over all that members have in common, keys and leases, and over how it came about: equal on all
        members at an equal applied index. Raises as ``of_keys``."""
        async with self._place():
            picture = self._overlay.picture((Table.HEAD, Table.LEASES))
            # What dropped keyspaces held goes at each member's own pace.
            heads = [
                picture.scan(Table.HEAD, space.prefix, space.stop)
                for space in map(self._machine.keyspace, self._machine.keyspaces)
            ]
            pairs = chain(*heads, picture.scan(Table.LEASES, b"\0", None))
            return await self._digest(picture, pairs, self._machine.chain)

    async def stop(self) -> None:
        """Begin nothing, and wait until nothing looks at the store any more."""
        self._stopped = True
        while self._waiting:
            await self._tasks.in_lane("read", lambda: None)
        await self._tasks.in_lane("read", lambda: None)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """A place in the queue, and then the turn."""
        if self._waiting >= WAITING_MAX:
            raise TooManyRequests(f"too many requests: {WAITING_MAX} hashes are being made already")
        self._waiting += 1
        try:
            async with self._turn:
                if self._stopped:
                    raise Stopping
                yield
        finally:
            self._waiting -= 1

    async def _digest(self, picture: OverlayPicture, pairs: Iterator[tuple[bytes, bytes]], seed: int = 0) -> int:
        digest = Digest(pairs, seed)
        try:
            while not await self._tasks.in_lane("read", digest.step, SLICE_KEYS):
                if self._stopped:
                    raise Stopping
            return digest.value
        finally:
            # On the lane, behind a slice that may still be under way when this was cancelled.
            self._tasks.in_lane_then("read", picture.close, (), lambda _, error: None)
