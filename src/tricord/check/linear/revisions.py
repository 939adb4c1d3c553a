# SPDX-License-Identifier: Apache-2.0
"""The store's own revisions as a guess at the order of operations: checked, never trusted.

A write comes right at its revision, all else of that revision after it, the earlier call first: reads, and deletions
that found nothing. Unknown moves without a revision are left out. Where this order does not explain the answers nothing
is known.
"""

from __future__ import annotations

from collections.abc import Hashable
from itertools import groupby
from typing import Any

from tricord.check.history import Operation
from tricord.check.linear.move import ILLEGAL, Move


def explained(operations: list[Operation], moves: list[Move], initial: Hashable) -> bool:
    """Whether the order by revisions gives all answers and keeps to real time. False: nothing is known."""
    known = [move for move in moves if not move.maybe or operations[move.index].revision]
    if not known or any(operations[move.index].revision <= 0 for move in known):
        return False
    known.sort(key=lambda move: (operations[move.index].revision, move.call))
    state: Any = initial
    latest_call = known[0].call
    for _, moves_of_one in groupby(known, key=lambda move: operations[move.index].revision):
        for move in _makers_first(operations, list(moves_of_one), state):
            if move.back < latest_call:
                return False
            latest_call = max(latest_call, move.call)
            state = move.apply(state)
            if state is ILLEGAL:
                return False
    return True


def _makers_first(operations: list[Operation], moves: list[Move], state: Any) -> list[Move]:
    """The moves of one revision: what made it before all others. A deletion did if it finds something in that state."""
    deletes = {move.index for move in moves if operations[move.index].op == "delete"}
    makers = [move for move in moves if not move.pure and move.index not in deletes]
    if not makers:
        makers = [move for move in moves if move.index in deletes and move.apply(state) != state][:1]
    first = {move.index for move in makers}
    return makers + [move for move in moves if move.index not in first]
