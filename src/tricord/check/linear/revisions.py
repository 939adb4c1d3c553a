# SPDX-License-Identifier: Apache-2.0
"""The store's own revisions as a guess at the order of operations: checked, never trusted.

A write comes right at its revision, what only reads after it, and among those the earlier call goes first. Unknown
moves have no revision and are left out. Where this order does not explain the answers nothing is known.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from tricord.check.history import Operation
from tricord.check.linear.move import ILLEGAL, Move


def explained(operations: list[Operation], moves: list[Move], initial: Hashable) -> bool:
    """Whether the order by revisions gives all answers and keeps to real time. False: nothing is known."""
    known = [move for move in moves if not move.maybe]
    if not known or any(operations[move.index].revision <= 0 for move in known):
        return False
    known.sort(key=lambda move: (operations[move.index].revision, move.pure, move.call))
    state: Any = initial
    latest_call = known[0].call
    for move in known:
        if move.back < latest_call:
            return False
        latest_call = max(latest_call, move.call)
        state = move.apply(state)
        if state is ILLEGAL:
            return False
    return True
