# SPDX-License-Identifier: Apache-2.0
"""Models that ask for one order of all operations: linearizable, sequential, serializable."""

from __future__ import annotations

from collections.abc import Callable

from tests.check.oracle.meaning import State, apply, completions, program_order, real_time_order
from tricord.check.history import History, Operation

Order = set[tuple[int, int]]


def linearizable(history: History) -> bool:
    """Herlihy and Wing 1990: an order that keeps the order of time."""
    return _explained(history, real_time_order)


def sequential(history: History) -> bool:
    """Lamport 1979: an order that keeps each client's own."""
    return _explained(history, program_order)


def serializable(history: History) -> bool:
    """Papadimitriou 1979: any order of whole transactions."""
    return _explained(history, lambda operations: set())


def _explained(history: History, order: Callable[[list[Operation]], Order]) -> bool:
    for operations in completions(history):
        before = order(operations)
        needs = [{one for one, other in before if other == place} for place in range(len(operations))]
        if _extends(operations, needs, set(), {}):
            return True
    return False


def _extends(operations: list[Operation], needs: list[set[int]], done: set[int], state: State) -> bool:
    if len(done) == len(operations):
        return True
    for place, operation in enumerate(operations):
        if place not in done and needs[place] <= done:
            after = apply(state, operation)
            if after is not None and _extends(operations, needs, done | {place}, after):
                return True
    return False
