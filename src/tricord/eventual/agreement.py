# SPDX-License-Identifier: Apache-2.0
"""With whom a replica had whole rounds of repair, since when, and what follows: floors, and what may be taken away."""

from __future__ import annotations

from tricord.eventual.state import State


class Agreement:
    """Of each peer the last whole round: when it ended, in which turn it began, and at which wall clock's time."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._ended: dict[int, float] = {}
        self._begun: dict[int, int] = {}
        self._wall: dict[int, int] = {}

    def reached(self, peer: int, begun: int, wall: int) -> None:
        """A whole round with a peer ended now."""
        self._ended[peer] = self._state.now
        self._begun[peer] = begun
        self._wall[peer] = wall
        self._raise_floors()

    def ages(self) -> dict[int, float]:
        """Seconds since the last whole round with each peer, for a metric; since the start where there was none."""
        return {peer: self._state.now - self._ended.get(peer, 0.0) for peer in self._others()}

    def complete(self) -> bool:
        """Whether there was a whole round with each other replica."""
        return all(peer in self._begun for peer in self._others())

    def seen_until(self) -> int:
        """All that others wrote up to that time of this wall clock (milliseconds since 1970) was seen here; 0 while
        there was no whole round with each."""
        if not self.complete():
            return 0
        return min((self._wall[peer] for peer in self._others()), default=self._state.wall)

    def _others(self) -> list[int]:
        return [replica for replica in self._state.active if replica != self._state.config.replica]

    def _raise_floors(self) -> None:
        """An incarnation is over when its replica runs as a later one. Whole rounds with all, that one included, begun
        after this was known, brought here whatever any replica still had of it: its entries leave the context. A
        replica that is retired keeps its own: whether it kept something to itself is told by them when it is back."""
        state = self._state
        entries = [*state.known.context.vector.entries, *state.known.context.cloud]
        old = sorted({o.replica for o in entries if o.incarnation < state.highest.get(o.replica, 0)})
        others = self._others()
        for replica in old:
            learned = state.learned.get(replica, 0)
            if replica in state.active and all(self._begun.get(peer, 0) > learned for peer in others):
                state.known.raise_floor(replica, state.highest[replica] - 1)
