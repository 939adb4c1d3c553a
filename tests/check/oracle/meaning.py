# SPDX-License-Identifier: Apache-2.0
"""What one operation means for a map from keys to values: whether its answer is right there, and what it leaves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, TypeAlias

from tricord.check.history import FAIL, OK, UNKNOWN, History, Operation, turn

State: TypeAlias = Mapping[str, Any]


def apply(state: State, operation: Operation) -> State | None:
    """The state after the operation; None where its answer is wrong in this state.

    Of an unknown operation the answer is not known; what it does where it takes effect is.
    """
    known = operation.status == OK
    if operation.op == "txn":
        return _transaction(state, operation)
    key = operation.key
    assert key is not None
    before = state.get(key)
    if operation.op == "get":
        return state if not known or before == operation.output else None
    if operation.op == "put":
        return {**state, key: operation.input}
    if operation.op == "delete":
        return {**state, key: None}
    if operation.op == "cas":
        matches = before == operation.input["expect"]
        if known and matches != operation.output:
            return None
        return {**state, key: operation.input["value"]} if matches else state
    assert operation.op == "append", operation.op
    after = (before or "") + operation.input
    if known and operation.output is not None and operation.output != after:
        return None
    return {**state, key: after}


def _transaction(state: State, operation: Operation) -> State | None:
    answers = operation.output if operation.status == OK else operation.input
    after = dict(state)
    for (kind, key, value), (_, _, answer) in zip(operation.input, answers, strict=True):
        if kind == "r":
            if operation.status == OK and after.get(key) != answer:
                return None
        elif kind == "w":
            after[key] = value
        else:
            after[key] = [*(after.get(key) or []), value]
    return after


def changes(operation: Operation) -> bool:
    """Whether it may leave another state."""
    if operation.op == "txn":
        return any(kind != "r" for kind, _, _ in operation.input)
    return operation.op != "get" and not (operation.op == "cas" and operation.status == OK and not operation.output)


def completions(history: History) -> Iterator[list[Operation]]:
    """The operations that took effect: all that are ok, and any choice of the unknown ones that change something."""
    certain = [one for one in history.operations if one.status == OK]
    maybe = [one for one in history.operations if one.status == UNKNOWN and changes(one)]
    assert all(one.status in (OK, UNKNOWN, FAIL) for one in history.operations)
    for count in range(len(maybe) + 1):
        for chosen in combinations(maybe, count):
            yield sorted([*certain, *chosen], key=lambda one: one.index)


def program_order(operations: list[Operation]) -> set[tuple[int, int]]:
    """Pairs of places in the list: the first came before the second at the same client.

    What is unknown may take effect late, so nothing comes after it.
    """
    return {
        (place, later)
        for place, one in enumerate(operations)
        for later, other in enumerate(operations)
        if one.client == other.client and one.status == OK and (*turn(one), one.index) < (*turn(other), other.index)
    }


def real_time_order(operations: list[Operation]) -> set[tuple[int, int]]:
    """Pairs of places: the first had returned before the second was called."""
    return {
        (place, later)
        for place, one in enumerate(operations)
        for later, other in enumerate(operations)
        if one.status == OK and one.return_ns is not None and one.return_ns < other.call_ns
    }
