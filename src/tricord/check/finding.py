# SPDX-License-Identifier: Apache-2.0
"""What a checker found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Verdict(Enum):
    """Whether the history is one that the model allows. The value is what the last line of ``tricord check`` says."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNDECIDED = "undecided"


@dataclass(slots=True)
class Finding:
    """A verdict, and where it is not ``holds`` the reason."""

    verdict: Verdict
    reason: str = ""
    """In words that name operations as ``#index``: what was violated, or why it could not be decided."""
    steps: list[str] = field(default_factory=list)
    """The argument of a violation, a sentence each, in order."""
    operations: list[int] = field(default_factory=list)
    """Indexes of the operations that make up the violation: the counter-example. A checker gives as few as it can."""
    anomaly: str = ""
    """The violation's name in the literature (``G1c``, ``CyclicCO``, ``stale read``)."""
    statistics: dict[str, Any] = field(default_factory=dict)
    """What the checker counted: partitions, steps, the path that it took."""


def never() -> bool:
    """No time limit."""
    return False


@dataclass(frozen=True, slots=True)
class Limits:
    """How much work a checker may do before it says undecided."""

    steps: int = 20_000_000
    """Of a search, in states looked at."""
    expired: Callable[[], bool] = never
    """Asked now and then: whether the time is up."""
    bound_ns: int = 10_000_000_000
    """Of convergence: how long after the last write replicas may differ."""
    level: str = ""
    """Of a model that has several: which of them (causal: ``cc``, ``ccv`` or ``cm``). Empty: the model's usual one."""
