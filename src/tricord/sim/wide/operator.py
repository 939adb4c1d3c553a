# SPDX-License-Identifier: Apache-2.0
"""Who looks after the cluster: asks again until what was wanted is so, since an answer may get lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tricord.aio import AsyncClient
from tricord.base.errors import TricordError
from tricord.base.members import MemberRecord
from tricord.sim.wide.host import PORT
from tricord.sim.wide.world import World

T = TypeVar("T")

AGAIN_SECONDS = 0.3
TIMEOUT_SECONDS = 3.0


class Operator:
    """A client with a host of its own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._asked = 0

    async def once(self, ask: Callable[[AsyncClient], Awaitable[T]]) -> T | None:
        """Ask; None when it was refused, or nobody knows."""
        self._asked += 1
        seed = self._world.seed * 100 + self._asked
        async with self._world.client(host="operator", seed=seed, timeout=TIMEOUT_SECONDS) as store:
            try:
                return await ask(store)
            except TricordError:
                return None

    async def leave(self, member: int) -> None:
        """Until the cluster does not know the member."""

        async def look(store: AsyncClient) -> bool:
            if all(record.id != member for record in await store.members()):
                return True
            await store.remove_member(member)
            return False

        await self._until(look)

    async def let_in(self, name: str, *, learner: bool = False) -> int:
        """Until the cluster knows a member at this host; its id."""
        url = f"http://{name}:{PORT}"
        found: list[MemberRecord] = []

        async def look(store: AsyncClient) -> bool:
            found[:] = [record for record in await store.members() if url in record.peer_urls]
            if found:
                return True
            await store.add_member(url, learner=learner)
            return False

        await self._until(look)
        return found[0].id

    async def promote(self, member: int) -> None:
        """Until the member has a vote."""

        async def look(store: AsyncClient) -> bool:
            records = [record for record in await store.members() if record.id == member]
            if not records or not records[0].is_learner:
                return True
            await store.promote_member(member)
            return False

        await self._until(look)

    async def _until(self, look: Callable[[AsyncClient], Awaitable[bool]]) -> None:
        while not await self.once(look):
            await asyncio.sleep(AGAIN_SECONDS)
