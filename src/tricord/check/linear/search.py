# SPDX-License-Identifier: Apache-2.0
"""A search for an order that explains all answers of one object.

It is the search of Wing and Gong with Lowe's memory of what was tried, made lazy: events (calls and returns) are walked
in time order, and only the return of an operation that has no place yet forces a choice. A situation is (event,
operations that were called and have no place yet, state); each is looked at once. So the cost of a step depends on how
many operations run at once, not on how long the history is.

What never needs a choice:

- A pure move (a read) takes its place as soon as it is legal: moving it to the front disturbs nobody.
- A blind write that nobody sees may go right before another blind write that took its place while it ran. This is
  settled at its return; there is a choice only if somebody may still want to see it.
- Of moves that do the same, the one that returns first goes first.
- An unknown move takes its place only where it changes the state, and only if an open move could see that.

The choices of a situation are tried by urgency: first what lets the returning operation or a waiting read
find its place.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Final

from tricord.check.finding import Limits, Verdict
from tricord.check.linear.events import CALL, RETURN, events_of, place_bits, wanted_until
from tricord.check.linear.move import ANYTHING, ILLEGAL, NEVER, Move

MOST_REMEMBERED: Final = 4_000_000
"""Situations: about a gigabyte."""
LOOK_AT_CLOCK: Final = 1023


@dataclass(slots=True)
class Searched:
    """What a search found."""

    verdict: Verdict
    steps: int
    stuck: Move | None = None
    """Violated: the return that no order of operations got past."""
    beside: list[Move] = field(default_factory=list)
    """The moves that ran at that return."""
    why: str = ""
    """Undecided: what ran out."""


@dataclass(slots=True)
class Situation:
    """Where a choice was made, and which are left."""

    event: int
    todo: int
    buried: int
    state: Any
    used: int
    sets: tuple[int, int, int]
    choices: list[tuple[int, Any, int, bool]]
    """Place bit (0: an unknown move), state after, unknown moves used after, whether it is blind; the next one last."""


class Search:
    """One object's moves, and the walk over their events."""

    def __init__(self, moves: list[Move], initial: Hashable, limits: Limits) -> None:
        self._moves = moves
        self._events = events_of(moves)
        self._limits = limits
        self._state: Any = initial
        self._event = 0
        self._todo = 0
        self._buried = 0
        self._used = 0
        self._pure = self._loose = self._blind = 0
        """Places taken by pure moves, by pure moves that are legal in several states, by blind ones."""
        self._bits = place_bits(len(moves), self._events)
        self._place: dict[int, int] = {}
        """Place bit -> the move that has it, since its call until another's."""
        self._before = [-1] * len(moves)
        """Which move had the place before."""
        self._wanting: dict[Any, int] = {}
        """State -> places of the pure moves that are legal in it alone."""
        self._maybe: list[int] = []
        """Unknown moves called so far."""
        self._wanted_until, self._watched_until = wanted_until(moves)
        self._stack: list[Situation] = []
        self._seen: set[tuple[int, int, int, Any, int]] = set()
        self.steps = 0
        self._furthest = -1
        self._indexed = [move.wants if move.pure else ANYTHING for move in moves]

    def run(self) -> Searched:
        """Walk until all events are behind, or no choice is left, or the limits are reached."""
        while not self._walk():
            self.steps += 1
            if self.steps & LOOK_AT_CLOCK == 0 and self._limits.expired():
                return Searched(Verdict.UNDECIDED, self.steps, why="the time was up")
            if self.steps > self._limits.steps or len(self._seen) > MOST_REMEMBERED:
                return Searched(Verdict.UNDECIDED, self.steps, why=f"{self.steps} steps were not enough")
            self._furthest = max(self._furthest, self._event)
            self._open_situation()
            if not self._take_choice():
                return self._violated()
        return Searched(Verdict.HOLDS, self.steps)

    def _walk(self) -> bool:
        """On to the next return that needs a choice. True: there is none."""
        events, moves, bits, place = self._events, self._moves, self._bits, self._place
        event, todo, buried, state = self._event, self._todo, self._buried, self._state
        try:
            while event < len(events):
                _, kind, number = events[event]
                if number < 0:
                    self._maybe.append(~number)
                elif kind == RETURN:
                    bit = bits[number]
                    if todo & bit:
                        if not buried & bit or self._wanted_after(moves[number]):
                            return False
                        todo ^= bit
                else:
                    bit = bits[number]
                    move = moves[number]
                    old = place.get(bit, -1)
                    self._before[number] = old
                    place[bit] = number
                    self._occupy(bit, old, move)
                    buried &= ~bit
                    if not move.pure:
                        todo |= bit
                        if move.blind and move.makes == state:
                            buried |= bit
                    elif move.apply(state) is ILLEGAL:
                        todo |= bit
                event += 1
            return True
        finally:
            self._event, self._todo, self._buried = event, todo, buried

    def _occupy(self, bit: int, old: int, move: Move) -> None:
        """A place has a new move: keep the sets of places by kind."""
        wanting = self._wanting
        if old >= 0:
            before = self._indexed[old]
            if before is not ANYTHING:
                wanting[before] &= ~bit
        wants = move.wants if move.pure else ANYTHING
        if wants is not ANYTHING:
            wanting[wants] = wanting.get(wants, 0) | bit
        others = ~bit
        self._pure = self._pure | bit if move.pure else self._pure & others
        self._loose = self._loose | bit if move.pure and wants is ANYTHING else self._loose & others
        self._blind = self._blind | bit if move.blind else self._blind & others

    def _open_situation(self) -> None:
        """Remember where we are with its choices; none where this was looked at before."""
        buried = self._buried & self._todo
        key = (self._event, self._todo, buried, self._state, self._used)
        choices: list[tuple[int, Any, int, bool]] = []
        if key not in self._seen:
            self._seen.add(key)
            choices = self._choices()
        sets = (self._pure, self._loose, self._blind)
        self._stack.append(Situation(self._event, self._todo, buried, self._state, self._used, sets, choices))

    def _choices(self) -> list[tuple[int, Any, int, bool]]:
        """What may take its place now, the best last."""
        state, todo = self._state, self._todo
        returning = self._moves[self._events[self._event][2]]
        best: dict[Hashable, tuple[int, int, Any, Move]] = {}
        rest = todo & ~self._pure
        while rest:
            bit = rest & -rest
            rest ^= bit
            move = self._moves[self._place[bit]]
            known = best.get(move.same)
            if known is not None and known[0] <= move.back:
                continue
            after = move.apply(state)
            if after is not ILLEGAL:
                best[move.same] = (move.back, bit, after, move)
        ranked = []
        for back, bit, after, move in best.values():
            urgent = min(back, self._first_reader(after, todo))
            ranked.append((-urgent, (bit, after, self._used, move.blind)))
        ranked.sort(key=lambda one: one[0])
        choices = self._unknown_choices() + [choice for _, choice in ranked]
        if returning.pure and returning.wants is not ANYTHING and not self._reachable(returning.wants, choices):
            return []
        bit = self._bits[self._events[self._event][2]]
        if self._buried & bit:
            unseen = (bit, state, self._used, False)
            choices.insert(0 if self._wanting.get(returning.makes, 0) & todo else len(choices), unseen)
        return choices

    def _wanted_after(self, move: Move) -> bool:
        """Whether a move that returns later than this one may need to see what it wrote."""
        return self._watched_until >= move.back or self._wanted_until.get(move.makes, -1) >= move.back

    def _reachable(self, wanted: Any, choices: list[tuple[int, Any, int, bool]]) -> bool:
        """Whether an open move could still leave the state that the returning one wants."""
        if any(after == wanted for _, after, _, _ in choices):
            return True
        rest = self._todo & ~self._pure
        while rest:
            bit = rest & -rest
            rest ^= bit
            makes = self._moves[self._place[bit]].makes
            if makes is ANYTHING or makes == wanted:
                return True
        return any(
            not self._used >> number & 1 and self._moves[number].makes in (ANYTHING, wanted) for number in self._maybe
        )

    def _first_reader(self, state: Any, todo: int) -> int:
        """When the first open read that waits for this state returns."""
        waiting = self._wanting.get(state, 0) & todo
        first = NEVER
        while waiting:
            bit = waiting & -waiting
            waiting ^= bit
            first = min(first, self._moves[self._place[bit]].back)
        return first

    def _unknown_choices(self) -> list[tuple[int, Any, int, bool]]:
        """Unknown moves that change the state in a way that somebody could see."""
        choices = []
        tried = set()
        for number in self._maybe:
            move = self._moves[number]
            if self._used >> number & 1 or move.same in tried:
                continue
            tried.add(move.same)
            after = move.apply(self._state)
            if after is ILLEGAL or after == self._state or not self._seen_by_somebody(after, number):
                continue
            choices.append((0, after, self._used | 1 << number, move.blind))
        return choices

    def _seen_by_somebody(self, state: Any, besides: int) -> bool:
        """Whether an open move that looks at the state may come next in this one."""
        if self._wanting.get(state, 0) & self._todo:
            return True
        rest = self._todo & ~self._blind & ~(self._pure & ~self._loose)
        while rest:
            bit = rest & -rest
            rest ^= bit
            if self._moves[self._place[bit]].apply(state) is not ILLEGAL:
                return True
        return any(
            number != besides and not self._used >> number & 1 and not self._moves[number].blind
            for number in self._maybe
        )

    def _take_choice(self) -> bool:
        """Go back to the last situation with a choice left and take it. False: there is none."""
        while self._stack:
            top = self._stack[-1]
            if top.choices:
                break
            self._stack.pop()
        else:
            return False
        self._go_back(top)
        bit, after, used, blind = top.choices.pop()
        self._todo, self._state, self._used = top.todo & ~bit, after, used
        self._buried = top.buried | self._blind if blind else top.buried
        self._todo &= ~self._wanting.get(after, 0)
        loose = self._todo & self._loose
        while loose:
            one = loose & -loose
            loose ^= one
            if self._moves[self._place[one]].apply(after) is not ILLEGAL:
                self._todo ^= one
        return True

    def _go_back(self, to: Situation) -> None:
        """Undo the calls between that situation and now."""
        events, indexed = self._events, self._indexed
        for event in range(self._event - 1, to.event - 1, -1):
            _, kind, number = events[event]
            if number < 0:
                self._maybe.pop()
            elif kind == CALL:
                bit, old = self._bits[number], self._before[number]
                wants = indexed[number]
                if wants is not ANYTHING:
                    self._wanting[wants] &= ~bit
                self._place[bit] = old
                if old >= 0 and indexed[old] is not ANYTHING:
                    self._wanting[indexed[old]] |= bit
        self._event = to.event
        self._pure, self._loose, self._blind = to.sets

    def _violated(self) -> Searched:
        at, _, number = self._events[self._furthest]
        stuck = self._moves[number]
        beside = [move for move in self._moves if move.call <= at and move.back >= stuck.call and move is not stuck]
        return Searched(Verdict.VIOLATED, self.steps, stuck, beside)
