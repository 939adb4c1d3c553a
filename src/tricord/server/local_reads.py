# SPDX-License-Identifier: Apache-2.0
"""Reads that this member may answer from its own state: when it is new enough for a token, or fresh enough for a bound.

How fresh it is follows from the last read index that was readable here: the state holds all that was committed when
that was asked (``Replica.fresh_as_of``). Ages are judged when a read arrives. A pause before that makes the age that is
measured larger; one between it and the answer makes the answer newer. So neither can break a bound, as long as the
clock runs through pauses, at a rate that is right within ``CLOCK_RATE_ERROR``.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from math import isfinite
from typing import Protocol

from tricord.base.environment import Clock
from tricord.base.errors import BoundNotMet, DeadlineExceeded, TokenAhead, TricordError
from tricord.base.levels import CLOCK_RATE_ERROR, Bounded, Level
from tricord.base.reachable import reachable
from tricord.base.token import Token
from tricord.server.tickets import Tickets, Waiting
from tricord.server.turn import TurnLoop

_SLOWEST = 1 - CLOCK_RATE_ERROR
"""Of a second, what a clock that is too slow shows."""
LINEARIZABLE = Level.LINEARIZABLE
GROUP = 0
"""There is one Raft group so far."""

MARGIN_SECONDS = 0.2
"""By how much a member gives up before the caller does, so that its answer says why; at most a tenth of the time."""


class Freshness(Protocol):
    """The replica as this part sees it."""

    @property
    def fresh_as_of(self) -> float:
        """All that was committed at this time is applied here."""


class Position(Protocol):
    """The state machine as this part sees it."""

    @property
    def applied_index(self) -> int:
        """The last entry that was applied."""


class LocalReads:
    """Says which reads need not wait, and holds those that wait for entries."""

    def __init__(
        self,
        clock: Clock,
        replica: Freshness,
        machine: Position,
        turns: TurnLoop,
        tickets: Tickets,
        serve: Callable[[Waiting], None],
        *,
        cluster: int,
        history: int,
    ) -> None:
        self._clock = clock
        self._replica = replica
        self._machine = machine
        self._turns = turns
        self._tickets = tickets
        self._serve = serve
        self._cluster = cluster
        self._history = history
        self._known = (b"", 0)
        self._behind: list[tuple[int, int]] = []
        """(index, ticket): reads that wait until that entry is applied; a heap."""
        self._refreshing = 0

    def floor(self, token: bytes) -> int:
        """The entry that must be applied here before the caller may be answered. Raises InvalidToken."""
        known, index = self._known
        if known != token:
            decoded = Token.decode(token)
            decoded.check(self._cluster, self._history)
            index = decoded.groups.get(GROUP, 0)
            self._known = (token, index)
        return index

    def age(self, bound: Bounded) -> float | None:
        """How old this member's state is at most, in seconds, if that is within the bound; else None.

        Asks for news in the background where the state is more than half as old as the bound allows.
        """
        seconds = bound.seconds
        if seconds is None:
            return None
        age = self._age()
        if age > seconds:
            return None
        if age > seconds / 2 and not self._refreshing:
            reachable("a bounded read asked for news in the background")
            self._refreshing = self._tickets.reserve()
            self._turns.read(self._refreshing)
        return age

    def age_now(self) -> float | None:
        """How old this member's state is at most, in seconds; None where it never asked."""
        age = self._age()
        return age if isfinite(age) else None

    def _age(self) -> float:
        return (self._clock.monotonic() - self._replica.fresh_as_of) / _SLOWEST

    def ask(self, ticket: int, bound: Bounded) -> None:
        """This bounded read needs a read index, which it shares with the other reads of the turn."""
        if bound.revisions:
            # A revision is an entry at least, so these many entries hold no more revisions.
            self._turns.read_behind(ticket, bound.revisions)
        else:
            self._turns.read(ticket)

    def wait(self, ticket: int, index: int) -> None:
        """Serve this read when the entry is applied here."""
        reachable("a read waited for what its token had seen")
        heappush(self._behind, (index, ticket))

    def turned(self) -> None:
        """A turn ended: serve those whose entry is here."""
        behind, applied = self._behind, self._machine.applied_index
        while behind and behind[0][0] <= applied:
            waiting = self._tickets.take(heappop(behind)[1])
            if waiting is not None and not waiting.context.cancelled:
                self._serve(waiting)

    def look(self) -> None:
        """Now and then: forget those that were given up."""
        if self._behind:
            self._behind = sorted(one for one in self._behind if one[1] in self._tickets.waiting)

    def is_refresh(self, ticket: int) -> bool:
        """Whether that was asked for in the background; it is over then."""
        if ticket != self._refreshing:
            return False
        self._refreshing = 0
        return True

    def patience(self, deadline: float, now: float) -> float:
        """When such a read is given up: a little before its caller gives up."""
        return deadline - min(MARGIN_SECONDS, (deadline - now) / 10)

    def refusal(self, waiting: Waiting) -> TricordError:
        """Why a read is given up that waited too long."""
        context = waiting.context
        if context.level is LINEARIZABLE:
            return DeadlineExceeded()
        if context.token and self.floor(context.token) > self._machine.applied_index:
            return TokenAhead()
        return BoundNotMet() if type(context.level) is Bounded else DeadlineExceeded()
