# SPDX-License-Identifier: Apache-2.0
"""An operation as the search sees it: an interval, and what it does to the state of its object."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final

from tricord.check.history import UNKNOWN, BadHistory, Operation

NEVER: Final = 1 << 62
"""The time of a return that was not seen."""


class Mark:
    """A value that no history has."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


ILLEGAL: Final = Mark("illegal")
"""The answer of ``apply`` where the operation cannot have answered as it did in that state."""
ANYTHING: Final = Mark("anything")

State = Hashable
Apply = Callable[[Any], Any]


@dataclass(slots=True, eq=False)
class Move:
    """One operation on one object."""

    index: int
    """In the history."""
    call: int
    back: int
    """When it returned; ``NEVER`` for an unknown one."""
    same: Hashable
    """Moves of one object with equal ``same`` do and answer the same."""
    apply: Apply
    """State before -> state after, or ``ILLEGAL``."""
    pure: bool = False
    """It never changes the state: a read, a refusal."""
    blind: bool = False
    """It leaves the same state whatever there was before, and its answer says nothing of it."""
    wants: Any = ANYTHING
    """The one state in which it is legal (an unknown move: in which it has an effect), where there is just one."""
    makes: Any = ANYTHING
    """The one state that it leaves (an unknown move: if it has an effect), where that is known."""

    @property
    def maybe(self) -> bool:
        """Whether it may have no effect."""
        return self.back == NEVER


def line(operation: Operation) -> str:
    """Where a bad operation stands."""
    return f"line {operation.index + 1}"


def returned(operation: Operation) -> int:
    """The time of its return. Raises BadHistory where that lies before its call."""
    if operation.status == UNKNOWN or operation.return_ns is None:
        return NEVER
    if operation.return_ns < operation.call_ns:
        raise BadHistory(f"{line(operation)}: it returned before it was called")
    return operation.return_ns


def frozen(value: Any) -> Any:
    """A JSON value as one that can be hashed. Lists become tuples, objects sorted tuples of pairs."""
    if isinstance(value, list):
        return tuple(frozen(one) for one in value)
    if isinstance(value, dict):
        return tuple(sorted((key, frozen(one)) for key, one in value.items()))
    return value
