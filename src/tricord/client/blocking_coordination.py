# SPDX-License-Identifier: Apache-2.0
"""``watch``, ``lease``, ``lock`` and ``election`` for code that blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, overload

from tricord.base.errors import LeaseLost
from tricord.base.operations import Event
from tricord.client.coordination import DEFAULT_TTL
from tricord.client.feed import Progress, Resynced
from tricord.client.keys import Data

if TYPE_CHECKING:
    from tricord.client.asynchronous import AsyncClient
    from tricord.client.blocking_holding import BlockingElection, BlockingLock
    from tricord.client.blocking_lease import BlockingLease
    from tricord.client.blocking_watch import BlockingWatch
    from tricord.client.loop_thread import LoopThread
    from tricord.client.watching import OnCompaction


class BlockingCoordinationCalls:
    """The part of ``Client`` that watches, and holds what can be lost: see ``CoordinationCalls``.

    ``on_lost`` is called on the client's thread: it must not block, nor call the client.
    """

    _thread: LoopThread
    _store: AsyncClient

    @overload
    def watch(
        self,
        key: Data | None = None,
        *,
        prefix: Data | None = None,
        start: Data | None = None,
        end: Data | None = None,
        from_revision: int = 0,
        previous: bool = False,
        puts: bool = True,
        deletes: bool = True,
        progress: Literal[False] = False,
        on_compaction: Literal["raise"] = "raise",
        timeout: float | None = None,
    ) -> BlockingWatch[Event]: ...

    @overload
    def watch(
        self,
        key: Data | None = None,
        *,
        prefix: Data | None = None,
        start: Data | None = None,
        end: Data | None = None,
        from_revision: int = 0,
        previous: bool = False,
        puts: bool = True,
        deletes: bool = True,
        progress: bool = False,
        on_compaction: OnCompaction = "raise",
        timeout: float | None = None,
    ) -> BlockingWatch[Event | Progress | Resynced]: ...

    def watch(
        self,
        key: Data | None = None,
        *,
        prefix: Data | None = None,
        start: Data | None = None,
        end: Data | None = None,
        from_revision: int = 0,
        previous: bool = False,
        puts: bool = True,
        deletes: bool = True,
        progress: bool = False,
        on_compaction: OnCompaction = "raise",
        timeout: float | None = None,
    ) -> Any:
        """The changes of a key, a prefix or a range, from now or from ``from_revision`` on, each once and in order.

        ``with`` begins it, ``for`` iterates over it; both ``async`` for coroutines.

        ``previous``: events tell what the key held before. ``puts``, ``deletes``: leave out a kind. ``progress``: also
        give ``Progress`` marks. Where changes were compacted away, it raises RevisionCompacted; with
        ``on_compaction="resync"`` it gives ``Resynced`` with all that the range holds, and goes on. ``timeout`` is for
        beginning it. Costs a stream on the connection.
        """
        from tricord.client.blocking_watch import BlockingWatch

        watch = self._store.watch(
            key,
            prefix=prefix,
            start=start,
            end=end,
            from_revision=from_revision,
            previous=previous,
            puts=puts,
            deletes=deletes,
            progress=progress,
            on_compaction=on_compaction,
            timeout=timeout,
        )
        return BlockingWatch(self._thread, watch)

    def lease(self, ttl: int = DEFAULT_TTL, *, on_lost: Callable[[LeaseLost], object] | None = None) -> BlockingLease:
        """A lease of ``ttl`` seconds, renewed for as long as the ``with`` block takes (``async with`` for coroutines).

        Put keys with ``lease=lease``; they go when it ends. ``on_lost`` is called on the client's loop, while the lease
        still lives but may soon not.
        """
        from tricord.client.blocking_lease import BlockingLease

        return BlockingLease(self._thread, self._store.lease(ttl, on_lost=on_lost))

    def lock(
        self,
        name: Data,
        *,
        ttl: int = DEFAULT_TTL,
        lease: BlockingLease | None = None,
        timeout: float | None = None,
        on_lost: Callable[[LeaseLost], object] | None = None,
    ) -> BlockingLock:
        """The lock ``name``, which ``ttl`` seconds after its holder's death another can have. Held for a ``with`` block
        (``async with`` for coroutines), or between ``acquire`` and ``release``.

        ``timeout`` bounds the wait of ``with`` (None: no bound), which then raises DeadlineExceeded. It has a lease of
        its own, unless one is given. Write what it protects with ``guarded_by=lock``.
        """
        from tricord.client.blocking_holding import BlockingLock

        lock = self._store.lock(name, ttl=ttl, lease=None if lease is None else lease.of_loop, on_lost=on_lost)
        return BlockingLock(self._thread, lock, timeout)

    def election(
        self,
        name: Data,
        *,
        ttl: int = DEFAULT_TTL,
        lease: BlockingLease | None = None,
        on_lost: Callable[[LeaseLost], object] | None = None,
    ) -> BlockingElection:
        """The election ``name``: to campaign in it, or to see who leads."""
        from tricord.client.blocking_holding import BlockingElection

        election = self._store.election(name, ttl=ttl, lease=None if lease is None else lease.of_loop, on_lost=on_lost)
        return BlockingElection(self._thread, election)
