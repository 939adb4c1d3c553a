# SPDX-License-Identifier: Apache-2.0
"""What values mean, by definition: a history is the set of writes that a replica knows, each with what it replaced.

No dots, no contexts, no merge: two histories meet as sets. ``value`` says what a reader sees of a key. The types under
test must say the same, whatever way their states and deltas took.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tricord.base.dots import Dot

REGISTER, LAST_WRITER, COUNTER, SET, MAP = "register", "last-writer", "counter", "set", "map"
ORDER = (REGISTER, LAST_WRITER, COUNTER, SET, MAP)

Path = tuple[tuple[str, bytes], ...]
"""Where a write is: (type, name) of each container around it. A map's field, then perhaps a set's element."""


@dataclass(frozen=True)
class Operation:
    """One write: where, of which type, and which writes of that place it replaced. A removal leaves nothing."""

    dot: Dot
    key: bytes
    path: Path
    type: str  # "" for a removal
    value: Any
    stamp: int
    replaces: frozenset[Dot] = frozenset()
    total: int = 0  # of a counter: what this origin added in this run
    expires: int = 0


@dataclass
class History:
    """What one replica knows."""

    operations: dict[Dot, Operation] = field(default_factory=dict)

    def knows(self, other: Iterable[Operation]) -> None:
        self.operations |= {operation.dot: operation for operation in other}

    def standing(self, key: bytes, path: Path = ()) -> list[Operation]:
        """The writes at or under a place that no known write replaced."""
        gone = {dot for operation in self.operations.values() for dot in operation.replaces}
        return [
            operation
            for operation in self.operations.values()
            if operation.type and operation.key == key and operation.path[: len(path)] == path
            if operation.dot not in gone
        ]

    def value(self, key: bytes, now: int) -> Any:
        """(type, value, siblings, others), or None; as a reader sees it."""
        return value_of(self.standing(key), 0, now)


def value_of(standing: list[Operation], depth: int, now: int) -> Any:
    """What writes that stand at one place, or below it, come to."""
    by_type: dict[str, list[Operation]] = {}
    for operation in standing:
        by_type.setdefault(type_at(operation, depth), []).append(operation)
    all_found = [(name, *one_value(name, by_type[name], depth, now)) for name in ORDER if name in by_type]
    found = [(name, value, siblings) for name, value, siblings in all_found if value is not None]
    return (*found[0], tuple(found[1:])) if found else None


def type_at(operation: Operation, depth: int) -> str:
    """The type of the place ``depth`` containers down, on the way to this write."""
    return operation.path[depth][0] if depth < len(operation.path) else operation.type


def one_value(name: str, operations: list[Operation], depth: int, now: int) -> tuple[Any, Any]:
    """The value of one type, and its siblings; None where all of it has ended."""
    ranked = sorted(operations, key=lambda operation: (operation.stamp, operation.dot), reverse=True)
    alive = [operation for operation in ranked if not operation.expires or operation.expires > now]
    if name == REGISTER:
        return (alive[0].value if alive else None), [operation.value for operation in alive]
    if name == LAST_WRITER:
        return (ranked[0].value if ranked[0] in alive else None), [ranked[0].value]
    if name == COUNTER:
        return sum(operation.total for operation in operations), []
    if name == SET:
        return sorted({operation.path[depth][1] for operation in alive}) or None, []
    fields = {}
    for each in sorted({operation.path[depth][1] for operation in operations}):
        inner = [operation for operation in operations if operation.path[depth][1] == each]
        value = value_of(inner, depth + 1, now)
        if value is not None:
            fields[each] = value
    return fields or None, []
