# SPDX-License-Identifier: Apache-2.0
"""A lock among processes: fair, and with a token by which the store refuses who only believes to hold it.

No lock over a network can keep two processes from *believing* that they hold it: one may be paused at any instruction.
So what it protects is written with ``guarded_by=lock``, which the store refuses once the lock is another's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tricord.base.errors import DeadlineExceeded, LeaseLost, LockLost
from tricord.client.holding import Holder
from tricord.client.loss_scope import LossScope

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from tricord.client.keys import Data
    from tricord.client.leases import Lease
    from tricord.client.recipes import Recipes


class Lock(Holder):
    """Made by ``AsyncClient.lock``: ``async with store.lock("name") as lock: ...``

    The block is cancelled, and LockLost raised, while the lease still lives but can no longer be counted on. Who waits
    are served in the order in which they came, those of Go's ``concurrency.Mutex`` and of etcdctl among them. It is not
    reentrant. Acquiring costs two writes when the lock is free, releasing one, holding a renewal each third of ``ttl``.
    """

    lost_error = LockLost

    def __init__(
        self,
        recipes: Recipes,
        name: Data,
        ttl: int,
        lease: Lease | None,
        timeout: float | None,
        on_lost: Callable[[LeaseLost], object] | None,
    ) -> None:
        super().__init__(recipes, name, ttl, lease, on_lost)
        self._timeout = timeout
        self._scope: LossScope | None = None

    async def acquire(self, timeout: float | None = None) -> bool:
        """Wait for the lock, for ``timeout`` seconds (None: for ever; 0: only if it is free); whether it was acquired.

        Raises LockLost when the lease was lost while waiting, RuntimeError when this object has the lock already.
        """
        if timeout is not None and timeout <= 0:
            return await self.try_acquire()
        return await self._take(b"", timeout, queue=True)

    async def try_acquire(self) -> bool:
        """Acquire the lock if nobody has it or waits for it; whether it was acquired."""
        return await self._take(b"", None, queue=False)

    async def release(self) -> None:
        """Give it back. Raises LockLost when it was lost before, or is not held."""
        if self._scope is not None:
            self._scope.disarm()
        await self._give_back()

    async def __aenter__(self) -> Lock:
        if not await self.acquire(self._timeout):
            raise DeadlineExceeded(f"the lock {self.called} was not acquired in {self._timeout:g} s")
        scope = self._scope = LossScope(self, LockLost)
        await scope.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        scope, self._scope = self._scope, None
        await self._end_block(scope, kind, error, trace)
