# SPDX-License-Identifier: Apache-2.0
"""A lease that is kept: renewed from here, given back at the end, and known to be lost before the store ends it.

What is known is counted from when a request was sent, by this process's monotonic clock: the store counts from later.
Of what is left, a margin is kept: whoever relies on the lease is told while there is still time to stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from tricord.base.environment import Environment, Timer
from tricord.base.errors import LeaseExists, LeaseLost, LeaseNotFound, OutcomeUnknown, TricordError
from tricord.base.leases import (
    LeaseGrant,
    LeaseGrantResult,
    LeaseKeepAlive,
    LeaseKeepAliveResult,
    LeaseRevoke,
    LeaseTimeToLive,
    LeaseTimeToLiveResult,
)

if TYPE_CHECKING:
    from types import TracebackType

    from tricord.client.recipes import Recipes

ID_BITS = 63
RENEWALS = 3
"""So often in a time to live a lease is renewed."""
RETRY_SECONDS = 0.5
"""The longest pause after a renewal that failed."""

LATE = "it could not be renewed in time"


def margin_of(ttl: float) -> float:
    """Seconds before the end of a lease at which it counts as lost: a tenth, or a second where that is affordable."""
    return max(ttl / 10, min(1.0, ttl / 4))


class Lease:
    """Made by ``AsyncClient.lease``. ``async with`` or ``await`` grants it and keeps it alive; the end of the block, or
    ``revoke``, ends it, with all keys that were put with ``lease=``.

    ``id`` raises LeaseLost when it is lost, so no write begins with a lease that may be gone; the end of the block does
    too, when the block itself had no error. Costs a renewal each third of the time to live.
    """

    def __init__(self, recipes: Recipes, ttl: int, on_lost: Callable[[LeaseLost], object] | None) -> None:
        if ttl < 1:
            raise ValueError("a lease lives for whole seconds, 1 at least")
        self._recipes = recipes
        self._wanted = ttl
        self._environment: Environment | None = None
        self._id = 0
        self._ttl = 0
        self._until = 0.0
        self._listeners: list[Callable[[LeaseLost], object]] = [on_lost] if on_lost is not None else []
        self._loss: LeaseLost | None = None
        self._ended = False
        self._unsure = False
        self._lost = asyncio.Event()
        self._claims: set[bytes] = set()
        self._keeper: asyncio.Task[None] | None = None
        self._timer: Timer | None = None

    # --- for its holder ------------------------------------------------------------------------------------

    async def __aenter__(self) -> Lease:
        if self._id:
            raise RuntimeError("this lease was granted already: make one for each use")
        await self._grant()
        return self

    def __await__(self) -> Generator[Any, None, Lease]:
        return self.__aenter__().__await__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        lost = self.lost
        await self.revoke()
        if lost and kind is None:
            raise self._new_loss()

    @property
    def id(self) -> int:
        """Its number. Raises LeaseLost when it is lost, or was not granted yet."""
        self.check()
        return self._id

    @property
    def ttl(self) -> int:
        """Its time to live in seconds, as granted: it may be more than was asked for."""
        return self._ttl

    @property
    def remaining(self) -> float:
        """Seconds for which it is sure to live without another renewal; 0 when it is lost or ended."""
        if self._ended or self.lost or self._environment is None:
            return 0.0
        return self._until - self._environment.clock.monotonic()

    @property
    def lost(self) -> bool:
        """Whether it is not sure, or soon not sure, to live; by the clock, so at once after a pause of the process."""
        if self._loss is not None:
            return True
        return self._id != 0 and not self._ended and self._until_told() <= 0

    def check(self) -> None:
        """Raises LeaseLost when it is lost, ended or was not granted yet."""
        if self.lost:
            raise self._new_loss()
        if not self._id or self._ended:
            raise LeaseLost("the lease was ended" if self._ended else "the lease was not granted yet")

    async def wait_lost(self) -> LeaseLost:
        """Wait until it is lost; the error says why. It waits for ever when the lease ends as it should."""
        await self._lost.wait()
        return self._new_loss()

    def listen(self, listener: Callable[[LeaseLost], object]) -> None:
        """Call ``listener`` on the loop when it is lost; soon, if it is."""
        self._listeners.append(listener)
        if self._loss is not None and self._environment is not None:
            self._environment.tasks.call_soon(listener, self._loss)

    def forget(self, listener: Callable[[LeaseLost], object]) -> None:
        """Do not."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def claim(self, key: bytes) -> bool:
        """Take a key of a queue for this lease; false when it has that place already."""
        if key in self._claims:
            return False
        self._claims.add(key)
        return True

    def disclaim(self, key: bytes) -> None:
        """The place is free again."""
        self._claims.discard(key)

    async def revoke(self) -> None:
        """End it now, with its keys. Where nobody can be reached, it ends by itself when its time has passed. Revoking
        twice, or one that is lost, is fine; cancelling this does not stop it."""
        if self._id and not self._ended:
            self._stop()
            await self._recipes.finish(self._revoke(self._id))

    def abandon(self) -> None:
        """Renew it no more; the client was closed."""
        if not self._ended and self._loss is None:
            self._lose("the client was closed")
        self._stop()

    # --- granting ------------------------------------------------------------------------------------------

    async def _grant(self) -> None:
        environment = self._environment = await self._recipes.world()
        number = environment.random.bits(ID_BITS) or 1
        sent = environment.clock.monotonic()
        try:
            granted = await self._ask_for(number, sent)
        except BaseException as error:
            if self._unsure or not isinstance(error, TricordError):
                # Perhaps it was granted all the same; nobody would renew it, but it would live for a while.
                self._recipes.begin(self._revoke(number))
            raise
        self._id, self._ttl = number, granted
        self._until = sent + granted
        self._recipes.attach(self)
        self._timer = environment.tasks.call_later(self._until_told(), self._judge)
        self._keeper = self._recipes.begin(self._keep(environment))

    async def _ask_for(self, number: int, sent: float) -> int:
        """Seconds that were granted. The number was drawn here, so that asking again, after an unknown outcome, does
        not make a second one."""
        environment = self._environment
        assert environment is not None
        end = sent + self._recipes.timeout
        while True:
            try:
                result, _ = await self._recipes.store.call(LeaseGrant(self._wanted, number))
                assert isinstance(result, LeaseGrantResult)
                return result.ttl
            except OutcomeUnknown:
                self._unsure = True
                if environment.clock.monotonic() + RETRY_SECONDS >= end:
                    raise
                await asyncio.sleep(environment.random.uniform(RETRY_SECONDS / 4, RETRY_SECONDS / 2))
            except LeaseExists:
                if not self._unsure:
                    raise  # somebody else's, by a chance in 2 ** 63
                alive, _ = await self._recipes.store.call(LeaseTimeToLive(number))
                assert isinstance(alive, LeaseTimeToLiveResult)
                return max(alive.granted_ttl, 1)

    # --- keeping -------------------------------------------------------------------------------------------

    async def _keep(self, environment: Environment) -> None:
        clock, random = environment.clock, environment.random
        step = self._ttl / RENEWALS
        while True:
            await asyncio.sleep(random.uniform(step * 0.8, step * 1.1))
            while not self.lost:
                sent = clock.monotonic()
                try:
                    # Not longer than until it is lost, and long enough to go to another member.
                    timeout = max(min(step, self._until_told()), 0.01)
                    result, _ = await self._recipes.store.call(LeaseKeepAlive(self._id), timeout=timeout)
                except TricordError:
                    longest = min(RETRY_SECONDS, step / 4)
                    await asyncio.sleep(random.uniform(longest / 2, longest))
                    continue
                assert isinstance(result, LeaseKeepAliveResult)
                if result.ttl <= 0:
                    self._lose("the store knows it no more")
                elif not self.lost:
                    self._until = sent + result.ttl
                break
            if self.lost:
                return

    def _until_told(self) -> float:
        """Seconds until it counts as lost."""
        assert self._environment is not None
        return self._until - margin_of(self._ttl) - self._environment.clock.monotonic()

    def _judge(self) -> None:
        self._timer = None
        if self.lost:
            self._lose(LATE)
        elif not self._ended:
            assert self._environment is not None
            self._timer = self._environment.tasks.call_later(max(self._until_told(), 0.001), self._judge)

    def _lose(self, why: str) -> None:
        if self._loss is not None or self._ended:
            return
        self._loss = LeaseLost(self._text(why))
        self._lost.set()
        assert self._environment is not None
        for listener in self._listeners:
            self._environment.tasks.call_soon(listener, self._loss)

    def _new_loss(self) -> LeaseLost:
        # One each: those who are told must not share a traceback.
        return LeaseLost(str(self._loss or self._text(LATE)))

    def _text(self, why: str) -> str:
        return f"the lease {self._id:x} is lost: {why}"

    # --- ending --------------------------------------------------------------------------------------------

    def _stop(self) -> None:
        self._ended = True
        self._recipes.detach(self)
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()

    async def _revoke(self, number: int) -> None:
        """Until it is certain, or the time of a call is over."""
        try:
            async with asyncio.timeout(self._recipes.timeout):
                while True:
                    try:
                        await self._recipes.store.call(LeaseRevoke(number))
                        return
                    except OutcomeUnknown:
                        await asyncio.sleep(RETRY_SECONDS / 4)
        except (LeaseNotFound, TimeoutError, TricordError):
            return
