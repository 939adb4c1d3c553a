# SPDX-License-Identifier: Apache-2.0
"""Read committed, after Adya (1999, PL-2): no G0, G1a, G1b, G1c, over every choice of what nobody can see.

What cannot be seen: which unknown transactions committed, whom a read took its value from where values repeat, and the
order of a key's versions. A history is allowed where some choice shows none of the phenomena.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise, permutations, product
from typing import Any

from tests.check.oracle.causality import closure
from tests.check.oracle.meaning import completions
from tricord.check.history import OK, History, Operation


@dataclass
class Transaction:
    """What it read of others, and what it left."""

    reads: list[tuple[str, Any, bool]] = field(default_factory=list)
    """(key, value, whether it read this value; else: another one)."""
    writes: dict[str, Any] = field(default_factory=dict)
    """The last value of each key."""


def read_committed(history: History) -> bool:
    """Whether no phenomenon is there, for some choice."""
    for operations in completions(history):
        built = [transaction(one) for one in operations]
        transactions = [one for one in built if one is not None]
        if len(transactions) == len(built) and _allowed(transactions):
            return True
    return False


def transaction(operation: Operation) -> Transaction | None:
    """None where it contradicts itself: it did not read what it had written, or its own part of a whole is missing."""
    if operation.op == "append" and operation.output is not None and not operation.output.endswith(operation.input):
        return None
    one = Transaction()
    for kind, key, value in _steps(operation):
        if kind == "w":
            one.writes[key] = value
        elif key in one.writes:
            if (one.writes[key] == value) != (kind == "r"):
                return None
        else:
            one.reads.append((key, value, kind == "r"))
    return one


def _steps(operation: Operation) -> list[tuple[str, str, Any]]:
    known = operation.status == OK
    if operation.op == "txn":
        answers = operation.output if known else [step for step in operation.input if step[0] != "r"]
        assert all(kind != "append" for kind, _, _ in answers), "lists have an oracle of their own"
        return [(kind, key, value) for kind, key, value in answers]
    key = operation.key
    assert key is not None
    if operation.op == "get":
        return [("r", key, operation.output)] if known else []
    if operation.op == "put":
        return [("w", key, operation.input)]
    if operation.op == "delete":
        return [("w", key, None)]
    if operation.op == "cas":
        if known and not operation.output:
            return [("not", key, operation.input["expect"])]
        return [("r", key, operation.input["expect"]), ("w", key, operation.input["value"])]
    whole = operation.output
    assert operation.op == "append" and whole is not None, "its effect must be known"
    return [("r", key, whole[: len(whole) - len(operation.input)] or None), ("w", key, whole)]


def _allowed(transactions: list[Transaction]) -> bool:
    for sources in _sources(transactions):
        for versions in _version_orders(transactions):
            if closure(sources | versions, len(transactions)) is not None:
                return True
    return False


def _sources(transactions: list[Transaction]) -> Iterator[set[tuple[int, int]]]:
    choices: list[list[tuple[int, int] | None]] = []
    for place, one in enumerate(transactions):
        for key, value, same in one.reads:
            found: list[tuple[int, int] | None] = [
                (other, place)
                for other, writer in enumerate(transactions)
                if other != place and key in writer.writes and (writer.writes[key] == value) == same
            ]
            if (value is None) == same:
                found.append(None)
            choices.append(found)
    for chosen in product(*choices):
        yield {pair for pair in chosen if pair is not None}


def _version_orders(transactions: list[Transaction]) -> Iterator[set[tuple[int, int]]]:
    keys = sorted({key for one in transactions for key in one.writes})
    writers = [[place for place, one in enumerate(transactions) if key in one.writes] for key in keys]
    for orders in product(*(list(permutations(some)) for some in writers)):
        yield {(one, other) for order in orders for one, other in pairwise(order)}
