# SPDX-License-Identifier: Apache-2.0
"""Operations and violations in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from tricord.check.finding import Finding, Verdict
from tricord.check.history import FAIL, UNKNOWN, Operation
from tricord.check.linear.move import Move

MOST_SHOWN: Final = 40
"""Operations of a counter-example that was not made small."""


def said(value: Any) -> str:
    """A value as JSON, shortened."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:40]}...{text[-16:]}"


def told(operation: Operation) -> str:
    """``#4 (client 2): put k1 "v7", called at 10, returned at 25``."""
    words = [operation.op] if operation.key is None else [operation.op, str(operation.key)]
    if operation.input is not None:
        words.append(said(operation.input))
    if operation.output is not None or operation.op in ("get", "dequeue"):
        words.append(f"answered {said(operation.output)}")
    if operation.status == FAIL:
        end = "failed"
    elif operation.status == UNKNOWN or operation.return_ns is None:
        end = "outcome unknown"
    else:
        end = f"returned at {operation.return_ns}"
    return f"#{operation.index} (client {operation.client}): {' '.join(words)}, called at {operation.call_ns}, {end}"


def violation(
    operations: list[Operation], indexes: Iterable[int], anomaly: str, reason: str, argument: Iterable[str] = ()
) -> Finding:
    """A finding that tells each operation first, in the order of their calls, and then the argument."""
    shown = sorted(set(indexes), key=lambda index: (operations[index].call_ns, index))
    steps = [told(operations[index]) for index in shown] + list(argument)
    return Finding(Verdict.VIOLATED, reason, steps, sorted(shown), anomaly)


def stuck_at(operations: list[Operation], name: str, stuck: Move, beside: list[Move]) -> Finding:
    """A finding for a search that found no order."""
    near = sorted(beside, key=lambda move: move.call)[-MOST_SHOWN:]
    one = operations[stuck.index]
    reason = f"no order of the operations on {name} explains the answer of #{stuck.index}"
    argument = [
        f"Every order of what was called before #{stuck.index} returned was tried: none gives all answers so far, "
        f"and a place to #{stuck.index} between its call at {one.call_ns} and its return at {one.return_ns}."
    ]
    return violation(operations, [stuck.index, *(move.index for move in near)], "no order", reason, argument)


def proved(operations: list[Operation], name: str, indexes: list[int]) -> Finding:
    """A finding for a few operations on a register that have no order."""
    reads = [index for index in indexes if operations[index].op == "get"]
    last = max(reads or indexes, key=lambda index: (operations[index].call_ns, index))
    reason = f"no order of these {len(indexes)} operations on {name} explains the answer of #{last}"
    argument = [
        f"Every order was tried, with any value of {name} before them: each contradicts an answer, or puts an "
        "operation after its return or before its call. No other write can have left a value that is read here."
    ]
    return violation(operations, indexes, "no order", reason, argument)
