# SPDX-License-Identifier: Apache-2.0
"""Watches, leases, locks and elections of a client: what they share, and how they are made.

They are recipes over etcd's Watch, Lease and KV, with the key layout of etcd's own clients: a lock or a candidate is a
key ``name/<lease in hex>``. So they meet those of other clients in one queue. Each is loaded when first asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from tricord.base.environment import Environment
from tricord.base.errors import LeaseLost
from tricord.base.levels import ReadLevel
from tricord.base.operations import Event
from tricord.client.caller import Caller
from tricord.client.feed import Progress, Resynced
from tricord.client.keys import Data
from tricord.client.steps import Step

if TYPE_CHECKING:
    from tricord.client.elections import Election
    from tricord.client.leases import Lease
    from tricord.client.locks import Lock
    from tricord.client.recipes import Recipes
    from tricord.client.watching import OnCompaction, Watch

R = TypeVar("R")

DEFAULT_TTL = 10
"""Seconds that a lock outlives its holder's last sign of life, unless told otherwise."""


class CoordinationCalls:
    """The part of ``AsyncClient`` that watches, and holds what can be lost."""

    _timeout: float
    _caller: Caller | None
    _recipes: Recipes

    async def _open(self) -> Caller:
        raise NotImplementedError

    async def ask(self, step: Step[R], *, at_least: ReadLevel | None = None, timeout: float | None = None) -> R:
        raise NotImplementedError

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
    ) -> Watch[Event]: ...

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
    ) -> Watch[Event | Progress | Resynced]: ...

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
        from tricord.client.watching import Watch, watch_spec

        spec = watch_spec(key, prefix, start, end, from_revision, previous, puts, deletes)
        patience = self._timeout if timeout is None else timeout
        return Watch(self._open, self.ask, spec, marks=progress, on_compaction=on_compaction, timeout=patience)

    def lease(self, ttl: int = DEFAULT_TTL, *, on_lost: Callable[[LeaseLost], object] | None = None) -> Lease:
        """A lease of ``ttl`` seconds, renewed for as long as the ``with`` block takes (``async with`` for coroutines).

        Put keys with ``lease=lease``; they go when it ends. ``on_lost`` is called on the client's loop, while the lease
        still lives but may soon not.
        """
        from tricord.client.leases import Lease

        return Lease(self._recipes, ttl, on_lost)

    def lock(
        self,
        name: Data,
        *,
        ttl: int = DEFAULT_TTL,
        lease: Lease | None = None,
        timeout: float | None = None,
        on_lost: Callable[[LeaseLost], object] | None = None,
    ) -> Lock:
        """The lock ``name``, which ``ttl`` seconds after its holder's death another can have. Held for a ``with`` block
        (``async with`` for coroutines), or between ``acquire`` and ``release``.

        ``timeout`` bounds the wait of ``with`` (None: no bound), which then raises DeadlineExceeded. It has a lease of
        its own, unless one is given. Write what it protects with ``guarded_by=lock``.
        """
        from tricord.client.locks import Lock

        return Lock(self._recipes, name, ttl, lease, timeout, on_lost)

    def election(
        self,
        name: Data,
        *,
        ttl: int = DEFAULT_TTL,
        lease: Lease | None = None,
        on_lost: Callable[[LeaseLost], object] | None = None,
    ) -> Election:
        """The election ``name``: to campaign in it, or to see who leads."""
        from tricord.client.elections import Election

        return Election(self._recipes, name, ttl, lease, on_lost)

    async def _world(self) -> Environment:
        return (self._caller or await self._open()).environment
