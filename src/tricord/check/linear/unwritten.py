# SPDX-License-Identifier: Apache-2.0
"""Values that were read and that no write can have left: the violation that is seen at once."""

from __future__ import annotations

from typing import Any

from tricord.check.finding import Finding
from tricord.check.history import FAIL, Operation
from tricord.check.linear.clusters import unwritten
from tricord.check.linear.move import ANYTHING, Move, frozen
from tricord.check.linear.partition import Partition


def unwritten_value(operations: list[Operation], partition: Partition, moves: list[Move]) -> Finding | None:
    """A read of a register's value that no write can have left."""
    if not partition.is_register:
        return None
    made = {move.makes for move in moves if not move.pure} | {None}
    if ANYTHING in made:
        return None
    for move in moves:
        if move.pure and move.wants not in made and move.wants is not ANYTHING:
            failed = [one.index for one in partition.operations if one.status == FAIL and writes(one, move.wants)]
            return unwritten(operations, move.index, failed)
    return None


def writes(operation: Operation, value: Any) -> bool:
    """Whether this put or cas would leave the value."""
    given = operation.input
    if operation.op == "cas" and isinstance(given, dict):
        given = given.get("value")
    return operation.op in ("put", "cas") and frozen(given) == value
