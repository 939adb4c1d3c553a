# SPDX-License-Identifier: Apache-2.0
"""What came of one run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from tricord.check.history import History
from tricord.sim.plan import Plan


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was not kept, and who noticed."""

    checker: str
    """One name each: ``election safety``, ``log matching``, ``leader completeness``, ``state machine safety``,
    ``monotone commit``, ``equal hashes``, ``linearizability``, ``watch``, ``leases``, ``read leases``, ``durability``,
    ``progress``, ``invariant`` (an assertion of the product itself), ``real time`` (``watchdog``)."""
    at: float
    """Simulated seconds."""
    words: str
    """What was seen, in a sentence or a few lines."""


@dataclass(slots=True)
class Outcome:
    """Everything that a run says of itself. Two runs of one plan give equal ones."""

    plan: Plan
    trace_hash: int = 0
    """64 bits over every step that was taken."""
    violations: list[Violation] = field(default_factory=list)
    fired: Counter[str] = field(default_factory=Counter)
    """How often each kind of fault took hold (not: was planned)."""
    withheld: Counter[str] = field(default_factory=Counter)
    """How often the atlas held a fault back, since it would have damaged more copies than the promise allows."""
    reached: Counter[str] = field(default_factory=Counter)
    """Points of ``base.reachable``."""
    simulated_seconds: float = 0.0
    turns: int = 0
    """Replica turns (the wide net: of all members)."""
    operations: int = 0
    history: History | None = None
    """What the clients saw."""
    lines: list[str] = field(default_factory=list)
    """The story for people: who led, what was broken, a line each with its simulated time."""


Run: TypeAlias = Callable[[Plan], Outcome]
"""A net: ``sim.fine.run`` and ``sim.wide.run``."""
