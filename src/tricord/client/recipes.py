# SPDX-License-Identifier: Apache-2.0
"""What leases, locks and elections need of a client beside its calls, and what the client ends when it is closed."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from tricord.base.environment import Environment
from tricord.base.levels import ReadLevel, Stamp
from tricord.base.operations import Event, Request, Result
from tricord.client.keys import Data
from tricord.client.steps import Step

if TYPE_CHECKING:
    import asyncio

    from tricord.client.leases import Lease
    from tricord.client.watching import Watch

R = TypeVar("R")


class Store(Protocol):
    """The calls of a client that recipes are made of."""

    async def call(
        self, request: Request, *, at_least: ReadLevel | None = None, timeout: float | None = None
    ) -> tuple[Result, Stamp]:
        """Carry out a request. Raises TricordError."""

    async def ask(self, step: Step[R], *, at_least: ReadLevel | None = None, timeout: float | None = None) -> R:
        """Carry out a step. Raises TricordError."""

    def watch(
        self,
        key: Data | None = None,
        *,
        prefix: Data | None = None,
        from_revision: int = 0,
        puts: bool = True,
        deletes: bool = True,
    ) -> Watch[Event]:
        """Changes of a key or a prefix."""

    async def _world(self) -> Environment: ...


class Recipes:
    """Belongs to one client. ``timeout`` in seconds is what a call may take there."""

    def __init__(self, store: Store, timeout: float) -> None:
        self.store = store
        self.timeout = timeout
        self._held: set[Lease] = set()
        self._work: set[asyncio.Task[None]] = set()

    async def world(self) -> Environment:
        """The client's environment; opens the client. Raises TricordError."""
        return await self.store._world()

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run ``work`` to its end, whatever becomes of who began it; closing the client waits for it."""
        import asyncio

        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    async def finish(self, work: Coroutine[Any, Any, None]) -> None:
        """``begin`` and wait; a wait that is cancelled does not stop the work."""
        import asyncio

        await asyncio.shield(self.begin(work))

    def attach(self, lease: Lease) -> None:
        """Closing the client gives this up."""
        self._held.add(lease)

    def detach(self, lease: Lease) -> None:
        """It ended already."""
        self._held.discard(lease)

    @property
    def under_way(self) -> int:
        """Leases that are kept and work that runs: none, where nothing leaks."""
        return len(self._held) + len(self._work)

    async def end(self) -> None:
        """Give up what is held and let what gives back finish: before the client's caller is closed."""
        for lease in list(self._held):
            lease.abandon()
        while self._work:
            import asyncio

            await asyncio.wait(list(self._work))
