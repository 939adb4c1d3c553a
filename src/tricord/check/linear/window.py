# SPDX-License-Identifier: Apache-2.0
"""Proving a register's violation from a few operations around the place where a search got stuck.

A search that is stuck would have to try all that could have happened before. Most often what happened shortly before is
enough: a window of operations has no order *whatever* the register held at its begin, and whichever of the writes that
ran across its begin or its end took effect within it. Both only give more freedom than there was, so a window
without an order proves that the whole history has none. The same freedom makes the window smaller: a read that is not
needed for the proof is left out, a write that is not needed becomes one that may or may not have taken effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

import numpy

from tricord.check.finding import Limits, Verdict
from tricord.check.linear.move import ANYTHING, ILLEGAL, NEVER, Mark, Move
from tricord.check.linear.search import Search
from tricord.check.linear.zones import Numbers

WIDTHS: Final = (16, 64, 256, 1024)
"""Operations called in a window, tried in this order."""
STEPS: Final = 20_000
"""Of the searches for an order of one window from every state."""
SOMETHING_ELSE: Final = Mark("something else")
"""A state that no operation of the window looks for."""


class Windows:
    """The moves of one register, to be looked at in windows."""

    def __init__(self, moves: Iterable[Move], expired: Callable[[], bool]) -> None:
        self._moves = list(moves)
        self._expired = expired

    @cached_property
    def _usable(self) -> bool:
        """Whether each state is one that some move names: not where strings are appended to."""
        return all(move.blind or move.pure or move.wants is not ANYTHING for move in self._moves)

    @cached_property
    def _times(self) -> tuple[Numbers, Numbers]:
        """Calls and returns of the moves, which are put into the order of their calls."""
        self._moves.sort(key=lambda move: move.call)
        calls = numpy.array([move.call for move in self._moves], numpy.int64)
        return calls, numpy.array([move.back for move in self._moves], numpy.int64)

    def proof(self, stuck: Move) -> list[Move] | None:
        """As few moves as were found that have no order, in the order of their calls. None: no window is a proof."""
        if not self._usable:
            return None
        end = int(numpy.searchsorted(self._times[0], stuck.back, side="right"))
        for width in WIDTHS:
            begin = max(end - width, 0)
            exact, perhaps = self._window(begin, end, stuck.back)
            if self._without_order(exact, perhaps, begin):
                return self._smaller(exact, perhaps, begin)
            if begin == 0:
                break
        return None

    def _window(self, begin: int, end: int, until: int) -> tuple[list[Move], list[Move]]:
        """Those that were called and returned within, and those that may have taken effect within."""
        moves = self._moves[begin:end]
        exact = [move for move in moves if move.back <= until]
        calls, returns = self._times
        across = numpy.flatnonzero(returns[:begin] >= calls[begin]) if begin else ()
        others = [self._moves[int(number)] for number in across] + [move for move in moves if move.back > until]
        return exact, [perhaps(move) for move in others if not move.pure]

    def _without_order(self, exact: list[Move], others: list[Move], begin: int) -> bool:
        """Whether no order explains the exact ones from any state (from the beginning: from null)."""
        states: set[Any] = {None}
        if begin:
            states = {move.wants for move in exact if move.wants is not ANYTHING} | {SOMETHING_ELSE}
        left = STEPS
        for state in sorted(states, key=repr):
            searched = Search([*exact, *others], state, Limits(steps=left, expired=self._expired)).run()
            left -= searched.steps
            if searched.verdict is not Verdict.VIOLATED or left <= 0:
                return False
        return True

    def _smaller(self, exact: list[Move], others: list[Move], begin: int) -> list[Move]:
        """Leave out what the proof can do without, in ever smaller pieces."""
        size = len(exact) // 2
        while size:
            at = 0
            while at < len(exact):
                piece = exact[at : at + size]
                kept = exact[:at] + exact[at + size :]
                loosened = others + [perhaps(move) for move in piece if not move.pure]
                if self._without_order(kept, loosened, begin):
                    exact, others = kept, loosened
                else:
                    at += size
            size //= 2
        wanted = {move.wants for move in exact}
        while needed := {move.wants for move in others if move.makes in wanted} - wanted:
            wanted |= needed
        seen = [move for move in others if move.makes in wanted]
        return sorted([*exact, *seen], key=lambda move: move.call)


def perhaps(move: Move) -> Move:
    """A write that may have taken effect at some time after its call, or not."""
    if move.maybe:
        return move
    apply = move.apply

    def apply_or_not(state: Any) -> Any:
        after = apply(state)
        return state if after is ILLEGAL else after

    return replace(move, back=NEVER, same=("perhaps", move.same), apply=apply if move.blind else apply_or_not)
