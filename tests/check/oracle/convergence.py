# SPDX-License-Identifier: Apache-2.0
"""Convergence by its definition (tricord.check.convergence): all choices of moments for unknown writes are tried."""

from __future__ import annotations

import random
from itertools import product

from tests.check.oracle.moments import end
from tricord.check.history import FAIL, OK, UNKNOWN, History, Operation

BOUND_NS = 10
WRITES = ("put", "delete")


def history(chance: random.Random) -> History:
    """A few writes, and reads most of which are late."""
    operations = []
    for client in range(chance.randint(2, 8)):
        key = chance.choice("kkl")
        op = chance.choice(("put", "put", "delete", "get", "get", "get", "get"))
        call = chance.randint(0, 12) if op != "get" else chance.randint(5, 70)
        one = Operation(client, op, key, call_ns=call, return_ns=call + chance.randint(0, 8))
        if op == "get":
            one.output = chance.choice(("a", "a", "b", None))
        else:
            one.input = chance.choice("ab") if op == "put" else None
            one.status = chance.choice((OK, OK, UNKNOWN, FAIL))
        if one.status == UNKNOWN:
            one.call_ns = chance.randint(0, 60)
            one.return_ns = chance.choice((None, one.call_ns + 5))
        operations.append(one)
    return History(operations)


def converges(one: History) -> bool:
    """Whether the readers of each key do."""
    keys = {operation.key for operation in one.operations}
    return all(_key([operation for operation in one.operations if operation.key == key]) for key in keys)


def _key(operations: list[Operation]) -> bool:
    acknowledged = [one for one in operations if one.op in WRITES and one.status == OK]
    unknown = [one for one in operations if one.op in WRITES and one.status == UNKNOWN]
    settled = max((end(one) + BOUND_NS for one in acknowledged), default=0)
    late = [one for one in operations if one.op == "get" and one.call_ns >= settled]
    last = {one.input for one in acknowledged if not any(end(one) < other.call_ns for other in acknowledged)}
    for read in late:
        values = (last or {None}) | {one.input for one in unknown if one.call_ns <= end(read)}
        if read.output not in values:
            return False
    times = sorted({end(read) for read in late})
    for moments in product([None, *times], repeat=len(unknown)):
        if all(moment is None or moment >= one.call_ns for moment, one in zip(moments, unknown, strict=True)):
            taken = [moment for moment in moments if moment is not None]
            if all(_explained(one, other, taken) for one in late for other in late):
                return True
    return False


def _explained(one: Operation, other: Operation, moments: list[int]) -> bool:
    first, last = min(one.call_ns, other.call_ns) - BOUND_NS, max(end(one), end(other))
    return one.output == other.output or any(first <= moment <= last for moment in moments)
