# SPDX-License-Identifier: Apache-2.0
"""With whom a replica had whole rounds of repair, since when, and what follows: floors, and what may be taken away.

A whole round brings here all that the peer had when it began. The peer in turn had all that others had some time
before, and says so; thus an edge that speaks to one member only agrees with the others too.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from tricord.eventual.state import State

CLOCK_RATES = 1.002
"""Two clocks run at most so much apart: each may be wrong by 1 in 1,000."""


class Agreement:
    """Of each other replica up to when, by this replica's clocks, all that it had is here."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._since: dict[int, float] = {}
        self._wall: dict[int, int] = {}

    def reached(self, peer: int, begun: float, wall: int, told: Iterable[tuple[int, int]]) -> None:
        """A whole round with a peer ended now. It began at that time and wall clock's time; the peer had all that
        others had so many milliseconds before (``ages_told``)."""
        self._have(peer, begun, wall)
        for replica, age in told:
            if replica != self._state.config.replica:
                late = ceil(age * CLOCK_RATES) + 1
                self._have(replica, begun - late / 1000, wall - late)
        self._state.joined = self._state.joined or self.complete()
        self._raise_floors()

    def ages(self) -> dict[int, float]:
        """How many seconds ago each member and peer had nothing that is not here, for a metric; since the start where
        there was no whole round."""
        state = self._state
        return {peer: self._age(peer) for peer in sorted({*self._others(), *state.peers})}

    def ages_told(self) -> list[tuple[int, int]]:
        """Replica and milliseconds of each other one that counts, for those who have a round with this one."""
        return [(peer, ceil(self._age(peer) * 1000) + 1) for peer in self._others() if peer in self._since]

    def complete(self) -> bool:
        """Whether all is here that each other replica had when this one started."""
        started = self._state.started
        return all(self._since.get(peer, -1.0) >= started for peer in self._others())

    def seen_until(self) -> int:
        """All that others wrote up to that time of this wall clock (milliseconds since 1970) was seen here; 0 while
        there was no whole round with each."""
        if not self.complete():
            return 0
        return min((self._wall[peer] for peer in self._others()), default=self._state.wall)

    def _have(self, peer: int, since: float, wall: int) -> None:
        if since > self._since.get(peer, float("-inf")):
            self._since[peer] = since
            self._wall[peer] = wall

    def _age(self, peer: int) -> float:
        return self._state.now - self._since.get(peer, self._state.started)

    def _others(self) -> list[int]:
        """Those that are asked about what there is. An edge shows its writes to a member first, and has nothing of
        others that no member had."""
        return [replica for replica in self._state.members if replica != self._state.config.replica]

    def _raise_floors(self) -> None:
        """An incarnation is over when its replica runs as a later one. Whole rounds with all, that one included, begun
        after this was known, brought here whatever any replica still had of it: its entries leave the context. A
        replica that is retired keeps its own: whether it kept something to itself is told by them when it is back."""
        state = self._state
        entries = [*state.known.context.vector.entries, *state.known.context.cloud]
        old = sorted({o.replica for o in entries if o.incarnation < state.highest.get(o.replica, 0)})
        for replica in old:
            learned = state.learned.get(replica, state.started)
            others = {*self._others(), replica} - {state.config.replica}
            if replica in state.active and all(self._since.get(peer, -1.0) > learned for peer in others):
                state.known.raise_floor(replica, state.highest[replica] - 1)
        if all(self._since.get(peer, -1.0) > state.started for peer in self._others()):
            state.over = state.config.incarnation - 1
            state.known.raise_floor(state.config.replica, state.over)
