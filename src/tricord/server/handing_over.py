# SPDX-License-Identifier: Apache-2.0
"""What a member does before it stops, so that nobody notices more than a retry.

A leader hands the lead over first. Then what is on its way gets its answer: from the leader that is now, which the
requests that waited for the end of the transfer were passed on to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from tricord.base.membership import Configuration as Members
from tricord.base.reachable import reachable
from tricord.server.configuration import Configuration
from tricord.server.telling import Tells
from tricord.server.turn import TurnLoop

DRAIN_SECONDS = 1.0
LINGER_SECONDS = 0.05
"""How long a member that led still answers those who ask it and do not know yet that it does not."""


class Leads(Protocol):
    """The replica."""

    @property
    def is_leader(self) -> bool:
        """Whether this member leads."""

    @property
    def configuration(self) -> Members:
        """The one in force."""


class Engine(Protocol):
    """The engine."""

    @property
    def waiting(self) -> int:
        """Requests between call and reply."""

    async def move_leader(self, target: int) -> None:
        """See ``Engine``."""


async def hand_over(
    replica: Leads,
    turns: TurnLoop,
    engine: Engine,
    tells: Tells,
    configuration: Configuration,
    is_connected: Callable[[], bool],
) -> None:
    """Hand the lead over if this member has it, and wait for what is in flight; for nobody when all others are gone."""
    if len(replica.configuration.members()) == 1:
        return
    led = replica.is_leader
    if led:
        gone = asyncio.ensure_future(turns.until(lambda: not is_connected()))
        moved = asyncio.ensure_future(engine.move_leader(0))
        patience = 2 * configuration.election_timeout / 1000
        await asyncio.wait((gone, moved), timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if not moved.done():
            reachable("nobody took a stopping member's lead")
            moved.cancel()
            tells.info("nobody took the lead over", reason="the others do not answer")
        elif (failure := moved.exception()) is not None:
            tells.info("nobody took the lead over", reason=str(failure))
        else:
            reachable("a member that stops handed its lead over")
            tells.info("handed the lead over")
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            await turns.until(lambda: not engine.waiting or not is_connected())
    except TimeoutError:
        tells.info("requests are still waiting", count=engine.waiting)
    if led:
        await asyncio.sleep(LINGER_SECONDS)
