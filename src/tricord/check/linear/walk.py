# SPDX-License-Identifier: Apache-2.0
"""Walking over the events of one object's moves, forth until a return needs a choice, and back.

A move that runs has a place, a bit that another move takes after its return. So sets of running moves are integers of
as many bits as moves ever ran at once.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, TypeAlias

from tricord.check.linear.events import RETURN, events_of, place_bits, wanted_until
from tricord.check.linear.move import ANYTHING, ILLEGAL, Move

Choice: TypeAlias = tuple[int, Any, int, bool]
"""Place bit (0: an unknown move), state after, unknown moves used after, whether the move is blind."""


@dataclass(slots=True)
class Situation:
    """Where a choice was made, and which are left."""

    event: int
    todo: int
    buried: int
    state: Any
    used: int
    sets: tuple[int, int, int]
    choices: list[Choice]
    """The next one last."""
    tried: Choice | None
    """The obvious one, if the others have not been looked for yet."""


class Walk:
    """The events, and where among them we are."""

    def __init__(self, moves: list[Move], initial: Hashable) -> None:
        self._wanted_until, self._watched_until = wanted_until(moves)
        self._moves = [move for move in moves if not self._never_seen(move)]
        self._events = events_of(self._moves)
        self._bits = place_bits(len(self._moves), self._events)
        self._event = 0
        self._state: Any = initial
        self._todo = 0
        """Places of moves that were called and have none in the order yet."""
        self._buried = 0
        """Places of blind moves that may go right before another blind one, unseen."""
        self._used = 0
        """Which unknown moves took effect: a bit each, in the order of their calls."""
        self._pure = self._loose = self._blind = 0
        """Places taken by pure moves, by pure moves that are legal in several states, by blind ones."""
        self._place: dict[int, int] = {}
        """Place bit -> the move that has it, since its call until another's."""
        self._before = [-1] * len(self._moves)
        """Which move had the place before."""
        self._wanting: dict[Any, int] = {}
        """State -> places of the pure moves that are legal in it alone."""
        self._making: dict[Any, int] = {}
        """State -> places of the blind moves that leave it."""
        self._tables = [self._table(move) for move in self._moves]
        self._maybe: list[int] = []
        """Unknown moves called so far."""
        self._maybe_making: dict[Any, list[int]] = {}
        """State -> the unknown moves called so far that leave it, as places in ``_maybe``."""

    def _never_seen(self, move: Move) -> bool:
        """An unknown blind write that nobody can see: as good as none."""
        if not move.maybe or not move.blind:
            return False
        return self._watched_until < move.call and self._wanted_until.get(move.makes, -1) < move.call

    def _table(self, move: Move) -> tuple[dict[Any, int], Any] | None:
        if move.pure:
            return None if move.wants is ANYTHING else (self._wanting, move.wants)
        return (self._making, move.makes) if move.blind else None

    def _walk(self) -> bool:
        """On to the next return that needs a choice. True: there is none."""
        events, moves, bits = self._events, self._moves, self._bits
        event, todo, buried, state = self._event, self._todo, self._buried, self._state
        size = len(events)
        while event < size:
            _, kind, number = events[event]
            if number < 0:
                self._maybe_making.setdefault(moves[~number].makes, []).append(len(self._maybe))
                self._maybe.append(~number)
            elif kind == RETURN:
                bit = bits[number]
                if todo & bit:
                    if not buried & bit or self._wanted_after(moves[number]):
                        break
                    todo ^= bit
            else:
                bit, move = bits[number], moves[number]
                self._occupy(bit, number, move)
                buried &= ~bit
                if not move.pure:
                    todo |= bit
                    if move.blind and move.makes == state:
                        buried |= bit
                elif move.apply(state) is ILLEGAL:
                    todo |= bit
            event += 1
        self._event, self._todo, self._buried = event, todo, buried
        return event == size

    def _wanted_after(self, move: Move) -> bool:
        """Whether a move that returns later than this one may need to see what it wrote."""
        return self._watched_until >= move.back or self._wanted_until.get(move.makes, -1) >= move.back

    def _occupy(self, bit: int, number: int, move: Move) -> None:
        """A place has a new move: keep the sets of places by kind."""
        old = self._place.get(bit, -1)
        self._before[number] = old
        self._place[bit] = number
        if old >= 0 and (entry := self._tables[old]) is not None:
            entry[0][entry[1]] &= ~bit
        if (entry := self._tables[number]) is not None:
            table, value = entry
            table[value] = table.get(value, 0) | bit
        others = ~bit
        self._pure = self._pure | bit if move.pure else self._pure & others
        self._loose = self._loose | bit if move.pure and entry is None else self._loose & others
        self._blind = self._blind | bit if move.blind else self._blind & others

    def _go_back(self, to: Situation) -> None:
        """Undo the calls between that situation and now."""
        events, tables = self._events, self._tables
        for event in range(self._event - 1, to.event - 1, -1):
            _, kind, number = events[event]
            if number < 0:
                self._maybe_making[self._moves[~number].makes].pop()
                self._maybe.pop()
            elif kind != RETURN:
                bit, old = self._bits[number], self._before[number]
                if (entry := tables[number]) is not None:
                    entry[0][entry[1]] &= ~bit
                self._place[bit] = old
                if old >= 0 and (entry := tables[old]) is not None:
                    entry[0][entry[1]] |= bit
        self._event, self._todo, self._buried = to.event, to.todo, to.buried
        self._state, self._used = to.state, to.used
        self._pure, self._loose, self._blind = to.sets
