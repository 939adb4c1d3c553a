# SPDX-License-Identifier: Apache-2.0
"""An election among processes: candidates queue, the first leads, and all can see who does.

The key layout is that of Go's ``concurrency.Election``: a candidate's value is what it wants to be known by.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tricord.base.errors import (
    DeadlineExceeded,
    LeadershipLost,
    LeaseLost,
    OutcomeUnknown,
    RevisionCompacted,
    Unavailable,
)
from tricord.base.operations import Event, KeyValue
from tricord.client.holding import Holder
from tricord.client.keys import Data, quoted, to_bytes
from tricord.client.loss_scope import LossScope
from tricord.client.queueing import PAUSE_SECONDS, first_of, place_in
from tricord.client.steps import create_revision, put, txn

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from tricord.client.leases import Lease
    from tricord.client.recipes import Recipes
    from tricord.client.watching import Watch


class Election(Holder):
    """Made by ``AsyncClient.election``. ``campaign`` returns when this candidate leads; ``resign`` ends that.

    ``async with store.election("name") as election:`` resigns at its end, and cancels the block, raising
    LeadershipLost, when the leadership may be lost soon. Who only wants to know who leads, asks ``leader`` or
    ``observe`` and needs no block.
    """

    lost_error = LeadershipLost

    def __init__(
        self,
        recipes: Recipes,
        name: Data,
        ttl: int,
        lease: Lease | None,
        on_lost: Callable[[LeaseLost], object] | None,
    ) -> None:
        super().__init__(recipes, name, ttl, lease, on_lost)
        self._scope: LossScope | None = None
        self._block: asyncio.Task[object] | None = None

    # --- for candidates ------------------------------------------------------------------------------------

    async def campaign(self, value: Data, timeout: float | None = None) -> bool:
        """Wait until this candidate leads, for ``timeout`` seconds (None: for ever); whether it does. Of one that leads
        already, it is ``proclaim``. Raises LeadershipLost when the lease was lost while waiting."""
        if self._place is not None:
            await self.proclaim(value)
            return True
        if not await self._take(to_bytes(value), timeout, queue=True):
            return False
        if self._block is not None:
            self._scope = LossScope(self, LeadershipLost, self._block)
            await self._scope.__aenter__()
        return True

    async def proclaim(self, value: Data) -> None:
        """Be known by another value. Raises LeadershipLost when this candidate does not lead."""
        token = self.token
        assert self._lease is not None
        step = txn(when=[create_revision(token.key) == token.revision], then=[put(token.key, value, lease=self._lease)])
        try:
            reply = await self._recipes.store.ask(step)
        except OutcomeUnknown:
            reply = await self._recipes.store.ask(step)  # twice is as good as once
        if not reply.succeeded:
            raise LeadershipLost(f"{quoted(token.key)} was deleted by somebody else")

    async def resign(self) -> None:
        """Let another lead. Raises LeadershipLost when this candidate did not lead any more."""
        if self._scope is not None:
            self._scope.disarm()
        await self._give_back()

    # --- for everybody -------------------------------------------------------------------------------------

    async def leader(self) -> KeyValue | None:
        """Who leads: the key of its place, its value; None when nobody does."""
        return place_in(await self._recipes.store.ask(first_of(self.prefix)), self.prefix)

    def observe(self) -> Leaders:
        """Iterate over who leads from now on: the leader now, each new one, each new value of one.

        Who leads for a moment only may be passed over, as in every observer of etcd's.
        """
        return Leaders(self._recipes, self.prefix)

    # --- as a block ----------------------------------------------------------------------------------------

    async def __aenter__(self) -> Election:
        self._block = asyncio.current_task()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._block = None
        scope, self._scope = self._scope, None
        await self._end_block(scope, kind, error, trace)


class Leaders:
    """Who leads, one after the other: ``async for``, or ``take``. For one reader. ``close`` it, or use ``async with``.

    Raises TricordError as a watch does.
    """

    def __init__(self, recipes: Recipes, prefix: bytes) -> None:
        self._recipes = recipes
        self._prefix = prefix
        self._watch: Watch[Event] | None = None
        self._led = False
        self._closed = False

    def __aiter__(self) -> Leaders:
        return self

    async def __anext__(self) -> KeyValue:
        while not self._closed:
            watch = self._watch
            if watch is None:
                found = await self._look()
                if found is not None:
                    return found
                continue
            try:
                event = await watch.__anext__()
            except (RevisionCompacted, StopAsyncIteration):
                self._drop()
                continue
            if self._led and not event.deleted:
                return event.kv
            # The leader went, or the first candidate came: who leads now?
            self._drop()
        raise StopAsyncIteration

    async def take(self, timeout: float) -> KeyValue | None:
        """The next, or None when nothing changed in ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                return await self.__anext__()
        except (TimeoutError, StopAsyncIteration):
            return None

    def close(self) -> None:
        """Look no more; who waits gets the end."""
        self._closed = True
        self._drop()

    async def __aenter__(self) -> Leaders:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _look(self) -> KeyValue | None:
        """Who leads; and watch it, or for the first candidate."""
        try:
            reply = await self._recipes.store.ask(first_of(self._prefix))
        except (Unavailable, DeadlineExceeded):
            # As a watch does: for as long as it takes.
            await asyncio.sleep((await self._recipes.world()).random.uniform(PAUSE_SECONDS / 4, PAUSE_SECONDS))
            return None
        if self._closed:
            return None
        found = place_in(reply, self._prefix)
        self._led = found is not None
        if not reply.kvs:
            self._watch = self._recipes.store.watch(
                prefix=self._prefix, from_revision=reply.revision + 1, deletes=False
            )
            return None
        self._watch = self._recipes.store.watch(reply.kvs[0].key, from_revision=reply.revision + 1)
        return reply.kvs[0]

    def _drop(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()
