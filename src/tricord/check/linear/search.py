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
from tricord.check.linear.move import ANYTHING, ILLEGAL, NEVER, Move
from tricord.check.linear.walk import Choice, Situation, Walk

MOST_REMEMBERED: Final = 4_000_000
"""Situations: about a gigabyte."""
LOOK_AT_CLOCK: Final = 1023


@dataclass(slots=True)
class Searched:
    """What a search found."""

    verdict: Verdict
    steps: int
    stuck: Move | None = None
    """The return that no order tried so far got past."""
    beside: list[Move] = field(default_factory=list)
    """Violated: the moves that ran while the stuck one did."""
    why: str = ""
    """Undecided: what ran out."""


class Search(Walk):
    """One object's moves, and the walks over their events that were tried. ``run`` goes on where it stopped."""

    def __init__(self, moves: list[Move], initial: Hashable, limits: Limits) -> None:
        super().__init__(moves, initial)
        self._limits = limits
        self._stack: list[Situation] = []
        self._seen: set[tuple[int, int, int, Any, int]] = set()
        self._furthest = -1
        self.steps = 0

    def run(self, steps: int | None = None) -> Searched:
        """Walk until all events are behind, no choice is left, or limits (or that many steps in all) are reached."""
        most = self._limits.steps if steps is None else min(steps, self._limits.steps)
        while not self._walk():
            self.steps += 1
            self._furthest = max(self._furthest, self._event)
            self._open_situation()
            if not self._take_choice():
                return self._violated()
            if self.steps & LOOK_AT_CLOCK == 0 and self._limits.expired():
                return self._undecided("the time was up")
            if self.steps >= most or len(self._seen) > MOST_REMEMBERED:
                return self._undecided(f"{self.steps} steps were not enough")
        return Searched(Verdict.HOLDS, self.steps)

    def _open_situation(self) -> None:
        """Remember where we are, with the obvious choice; with none where this was looked at before."""
        buried = self._buried & self._todo
        key = (self._event, self._todo, buried, self._state, self._used)
        sets = (self._pure, self._loose, self._blind)
        situation = Situation(self._event, self._todo, buried, self._state, self._used, sets, [], None)
        if key not in self._seen:
            self._seen.add(key)
            situation.tried = self._obvious()
            situation.choices = self._choices() if situation.tried is None else [situation.tried]
        self._stack.append(situation)

    def _obvious(self) -> Choice | None:
        """What gives the returning move its place at once, if one move does: what ``_choices`` would put first."""
        number = self._events[self._event][2]
        move, bit = self._moves[number], self._bits[number]
        if move.pure:
            makers = 0 if move.wants is ANYTHING else self._making.get(move.wants, 0) & self._todo
            if not makers:
                return None
            bit = self._first_back(makers)
            move = self._moves[self._place[bit]]
        elif self._buried & bit and not self._wanting.get(move.makes, 0) & self._todo:
            return bit, self._state, self._used, False
        after = move.apply(self._state)
        return None if after is ILLEGAL else (bit, after, self._used, move.blind)

    def _first_back(self, places: int) -> int:
        """The place whose move returns first."""
        best, first = 0, NEVER
        while places:
            bit = places & -places
            places ^= bit
            back = self._moves[self._place[bit]].back
            if back < first:
                best, first = bit, back
        return best

    def _choices(self) -> list[Choice]:
        """What may take its place now, the best last."""
        state, todo = self._state, self._todo
        number = self._events[self._event][2]
        returning = self._moves[number]
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
        ranked: list[tuple[int, Choice]] = []
        for back, bit, after, move in best.values():
            waiting = self._wanting.get(after, 0) & todo
            if waiting:
                back = min(back, self._moves[self._place[self._first_back(waiting)]].back)
            ranked.append((-back, (bit, after, self._used, move.blind)))
        ranked.sort(key=lambda one: one[0])
        choices = self._unknown_choices() + [choice for _, choice in ranked]
        if returning.pure and returning.wants is not ANYTHING and not self._reachable(returning.wants, choices):
            return []
        bit = self._bits[number]
        if self._buried & bit:
            choices.insert(
                0 if self._wanting.get(returning.makes, 0) & todo else len(choices), (bit, state, self._used, False)
            )
        return choices

    def _reachable(self, wanted: Any, choices: list[Choice]) -> bool:
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
        return any(self._unused(wanted)) or any(self._unused(ANYTHING))

    def _unused(self, makes: Any) -> list[int]:
        """Places in ``_maybe`` of the unknown moves that leave this state and were not used, plus one each."""
        return [place + 1 for place in self._maybe_making.get(makes, ()) if not self._used >> place & 1]

    def _unknown_choices(self) -> list[Choice]:
        """Unknown moves that change the state in a way that an open move, or another unknown one, could see."""
        choices: list[Choice] = []
        tried = set()
        for place in self._worth_trying():
            move = self._moves[self._maybe[place]]
            if self._used >> place & 1 or move.same in tried:
                continue
            tried.add(move.same)
            after = move.apply(self._state)
            if after is not ILLEGAL and after != self._state:
                choices.append((0, after, self._used | 1 << place, move.blind))
        return choices

    def _worth_trying(self) -> list[int]:
        """Unknown moves (places in ``_maybe``) that lead to a state that an open move looks for, perhaps by others."""
        if not self._maybe:
            return []
        wanted: list[Any] = []
        rest = self._todo & ~self._blind
        while rest:
            bit = rest & -rest
            rest ^= bit
            wants = self._moves[self._place[bit]].wants
            if wants is ANYTHING:
                return list(range(len(self._maybe)))
            wanted.append(wants)
        known = set(wanted)
        found = list(self._maybe_making.get(ANYTHING, ()))
        if found:
            return list(range(len(self._maybe)))
        while wanted:
            for place in self._maybe_making.get(wanted.pop(), ()):
                found.append(place)
                wants = self._moves[self._maybe[place]].wants
                if wants is not ANYTHING and wants not in known:
                    known.add(wants)
                    wanted.append(wants)
        return sorted(found)

    def _take_choice(self) -> bool:
        """Go back to the last situation with a choice left and take it. False: there is none."""
        while self._stack:
            top = self._stack[-1]
            self._go_back(top)
            if not top.choices and top.tried is not None:
                top.choices = [choice for choice in self._choices() if choice != top.tried]
                top.tried = None
            if top.choices:
                self._take(top.choices.pop())
                return True
            self._stack.pop()
        return False

    def _take(self, choice: Choice) -> None:
        """Give a move its place, and all pure ones that are legal then."""
        bit, after, self._used, blind = choice
        self._state = after
        if blind:
            self._buried |= self._blind
        self._todo &= ~bit & ~self._wanting.get(after, 0)
        loose = self._todo & self._loose
        while loose:
            one = loose & -loose
            loose ^= one
            if self._moves[self._place[one]].apply(after) is not ILLEGAL:
                self._todo ^= one

    def _stuck(self) -> Move | None:
        return self._moves[self._events[self._furthest][2]] if self._furthest >= 0 else None

    def _undecided(self, why: str) -> Searched:
        return Searched(Verdict.UNDECIDED, self.steps, self._stuck(), why=why)

    def _violated(self) -> Searched:
        at, _, number = self._events[self._furthest]
        stuck = self._moves[number]
        beside = [move for move in self._moves if move.call <= at and move.back >= stuck.call and move is not stuck]
        return Searched(Verdict.VIOLATED, self.steps, stuck, beside)
