# SPDX-License-Identifier: Apache-2.0
"""Several keys at once: a store whose transactions read and write some of its keys in one moment.

The state is a tuple, a value for each key of the partition. Operations on one key are those of a register. A ``txn`` is
a list of micro-operations, in order: ``["r", key, null]``, ``["w", key, value]``, ``["append", key, element]``; its
output repeats them with what the reads saw. ``append`` in a transaction builds a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tricord.check.history import BadHistory, Operation
from tricord.check.linear.move import ANYTHING, ILLEGAL, NEVER, Move, frozen, line, returned
from tricord.check.linear.objects import REGISTER

Micro = tuple[str, int, Any]
"""What, the key's place in the state, the value (of a read: what it saw)."""


def micro_operations(operation: Operation) -> list[list[Any]]:
    """Those of a transaction: with its answers where it has them. Raises BadHistory where they make no sense."""
    asked, answered = operation.input, operation.output
    for given in (asked, answered) if answered is not None else (asked,):
        if not isinstance(given, list) or not all(
            isinstance(one, list) and len(one) == 3 and one[0] in ("r", "w", "append") and isinstance(one[1], str)
            for one in given
        ):
            raise BadHistory(f'{line(operation)}: a transaction is a list of ["r"|"w"|"append", key, value]')
    if answered is None:
        return list(asked)
    if [(one[0], one[1]) for one in asked] != [(one[0], one[1]) for one in answered]:
        raise BadHistory(f"{line(operation)}: the output of a transaction repeats its micro-operations")
    for one, other in zip(asked, answered, strict=True):
        if one[0] != "r" and one[2] != other[2]:
            raise BadHistory(f"{line(operation)}: the output of a transaction repeats what it wrote")
    return list(answered)


def store_move(operation: Operation, places: Mapping[str, int]) -> Move:
    """An operation on the keys that have these places."""
    if operation.op == "txn":
        return _transaction(operation, places)
    single = REGISTER[operation.op](operation)
    place = places[str(operation.key)]
    apply_one = single.apply

    def apply(state: Any) -> Any:
        after = apply_one(state[place])
        if after is ILLEGAL or after == state[place]:
            return after if after is ILLEGAL else state
        return (*state[:place], after, *state[place + 1 :])

    single.apply = apply
    single.same = (place, single.same)
    single.wants = single.makes = ANYTHING
    single.blind = False  # of one key only: what went before on another is still to be seen
    return single


def _transaction(operation: Operation, places: Mapping[str, int]) -> Move:
    back = returned(operation)
    known = back != NEVER
    steps: list[Micro] = [(one[0], places[one[1]], frozen(one[2])) for one in micro_operations(operation)]
    if known and operation.output is None and any(what == "r" for what, _, _ in steps):
        raise BadHistory(f"{line(operation)}: the output of a transaction says what its reads saw")

    def apply(state: Any) -> Any:
        after = list(state)
        for what, place, value in steps:
            if what == "w":
                after[place] = value
            elif what == "append":
                before = after[place]
                after[place] = (value,) if before is None else (*before, value)
            elif known and after[place] != value:
                return ILLEGAL
        return tuple(after)

    pure = all(what == "r" for what, _, _ in steps)
    return Move(operation.index, operation.call_ns, back, ("txn", tuple(steps), known), apply, pure=pure)
