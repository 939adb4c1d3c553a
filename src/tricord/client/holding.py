# SPDX-License-Identifier: Apache-2.0
"""A place in a queue that is held, with its lease: what a lock and an election share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from tricord.base.errors import InvalidRequest, LeaseLost
from tricord.client.guards import Token
from tricord.client.keys import Data, quoted, to_bytes
from tricord.client.leases import Lease
from tricord.client.loss_scope import LossScope
from tricord.client.queueing import QueuePlace, place_key
from tricord.client.recipes import Recipes

if TYPE_CHECKING:
    from types import TracebackType


class Holder:
    """One place at a time, under a lease of its own or one that was given.

    Whatever ends an attempt (time, cancellation, an error, an outcome that nobody knows), no key stays in the queue for
    longer than the store can be reached: the key goes, and where it cannot, its lease ends it.
    """

    lost_error: type[LeaseLost] = LeaseLost
    """What loss is called here."""

    def __init__(
        self,
        recipes: Recipes,
        name: Data,
        ttl: int,
        lease: Lease | None,
        on_lost: Callable[[LeaseLost], object] | None,
    ) -> None:
        self._recipes = recipes
        self.prefix = to_bytes(name) + b"/"
        """Under which its keys are."""
        self._ttl = ttl
        self._given = lease
        self._on_lost = on_lost
        self._lease: Lease | None = None
        self._place: QueuePlace | None = None
        self._busy = False

    # --- for its holder ------------------------------------------------------------------------------------

    @property
    def held(self) -> bool:
        """Whether it is held, as far as this process can be sure now."""
        return self._place is not None and self._lease is not None and not self._lease.lost

    @property
    def lost(self) -> bool:
        """Whether it was held, and may not be held any more."""
        return self._place is not None and self._lease is not None and self._lease.lost

    @property
    def called(self) -> str:
        """Its name, in quotes, for messages."""
        return quoted(self.prefix.removesuffix(b"/"))

    @property
    def remaining(self) -> float:
        """Seconds for which it is sure to be held without another renewal; 0 when it is not held."""
        return self._lease.remaining if self._place is not None and self._lease is not None else 0.0

    @property
    def token(self) -> Token:
        """Of this holding: for ``guarded_by``, or ``token.revision`` for other stores that can fence. Raises what
        ``check`` raises."""
        if self._place is None:
            raise self.lost_error(f"{self.called} is not held")
        return self._place.token

    def check(self) -> None:
        """Raises LockLost, or LeadershipLost, when it is not held. By the clock: costs nothing."""
        _ = self.token

    def listen(self, listener: Callable[[LeaseLost], object]) -> None:
        """Call ``listener`` on the loop when what is held now is lost."""
        if self._lease is not None:
            self._lease.listen(listener)

    def forget(self, listener: Callable[[LeaseLost], object]) -> None:
        """Do not."""
        if self._lease is not None:
            self._lease.forget(listener)

    # --- for what is built on it ---------------------------------------------------------------------------

    async def _take(self, value: bytes, timeout: float | None, *, queue: bool) -> bool:
        """Get the place, waiting for it when ``queue``; false when it was not to be had (in time)."""
        if self._busy or self._place is not None:
            raise RuntimeError(f"{self.called} is held, or waited for, by this object already: it is not reentrant")
        self._busy = True
        place: QueuePlace | None = None
        taken = False
        try:
            async with asyncio.timeout(timeout):
                lease = self._lease = self._given or await Lease(self._recipes, self._ttl, None)
                async with LossScope(lease, self.lost_error):
                    if not lease.claim(place_key(self.prefix, lease.id)):
                        raise InvalidRequest(f"{self.called}: this lease holds it, or waits for it, already")
                    place = QueuePlace(self._recipes, self.prefix, lease, self.lost_error)
                    if not queue:
                        taken = await place.join_if_empty(value)
                    else:
                        if not await place.join(value):
                            await place.wait_turn()
                        taken = True
        except TimeoutError:
            return False
        finally:
            self._busy = False
            if taken and place is not None:
                self._hold(place)
            else:
                await self._give_up(place)
        return taken

    def _hold(self, place: QueuePlace) -> None:
        self._place = place
        if self._on_lost is not None:
            self.listen(self._on_lost)

    async def _give_back(self) -> None:
        """End what is held. Raises what ``lost_error`` is when it was lost before."""
        place = self._place
        if place is None:
            raise self.lost_error(f"{self.called} is not held")
        lost = self.lost
        if self._on_lost is not None:
            self.forget(self._on_lost)
        self._place = None
        await self._give_up(place)
        if lost:
            raise self.lost_error(f"{self.called} was lost before it was given back")

    async def _end_block(
        self,
        scope: LossScope | None,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give back what a block held. That it was lost is news where the block had no error of its own."""
        try:
            if scope is not None:
                await scope.__aexit__(kind, error, trace)
        except (LeaseLost, asyncio.CancelledError):
            await self._give_back_quietly()
            raise
        if kind is None and self._place is not None:
            await self._give_back()
        await self._give_back_quietly()

    async def _give_back_quietly(self) -> None:
        if self._place is not None:
            try:
                await self._give_back()
            except LeaseLost:
                pass

    async def _give_up(self, place: QueuePlace | None) -> None:
        lease, self._lease = self._lease, None
        if lease is None:
            return
        if self._given is None:
            await lease.revoke()
        elif place is not None:
            lease.disclaim(place.key)
            await self._recipes.finish(place.leave())
