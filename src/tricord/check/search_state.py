# SPDX-License-Identifier: Apache-2.0
"""What a search among a few transactions has decided so far, and how much work it may do."""

from __future__ import annotations

from dataclasses import dataclass, field

from tricord.check.finding import Limits
from tricord.check.reachability import Reachability

BEGIN = 0
"""The transaction that wrote what was there at first."""


Pair = tuple[int, int, int]
"""A key and two writers."""


AS_READ = "as the list was read"


class OutOfSteps(Exception):
    """The search took more steps than allowed."""


@dataclass(slots=True)
class Budget:
    """Steps left for all searches of a check. A step takes a microsecond or two."""

    limits: Limits
    taken: int = 0

    def spend(self, steps: int) -> None:
        """Raises OutOfSteps."""
        self.taken += steps
        if self.taken > self.limits.steps or self.limits.expired():
            raise OutOfSteps


@dataclass(slots=True)
class Asked:
    """A read among the few: the reader, its place among the reader's reads, key and possible writers."""

    reader: int
    place: int
    key: int
    writers: list[int]
    far: int
    """How far in the order the nearest writer is that is not assumed now."""


Answer = tuple[Asked | Pair, int]
"""A question, and the transaction that wrote what was read, or that wrote first."""


@dataclass(slots=True)
class State:
    """What is decided so far. Sets of transactions are bits, at their starting points or at their commits."""

    reach: Reachability
    active: set[int] = field(default_factory=set)
    open_reads: list[Asked] = field(default_factory=list)
    open: dict[tuple[int, int], int] = field(default_factory=dict)
    """By key and writer: the commits of writers that it is in no order with."""
    later: dict[tuple[int, int], int] = field(default_factory=dict)
    """By key and writer: the commits of writers that came later."""
    readers: dict[tuple[int, int], int] = field(default_factory=dict)
    """By key and writer: the starts of its readers."""
    key_readers: dict[int, int] = field(default_factory=dict)
    looked_at: dict[tuple[int, int], int] = field(default_factory=dict)
    """By key and writer: the starts of readers after it whose versions have been put after it."""
    chosen: dict[tuple[int, int], int] = field(default_factory=dict)
    version: dict[tuple[int, int], int] = field(default_factory=dict)
    """By key and reader: whose write it read."""

    def copy(self) -> State:
        """To try an answer with."""
        return State(
            self.reach.copy(), set(self.active), self.open_reads[:], self.open.copy(), self.later.copy(),
            self.readers.copy(), self.key_readers.copy(), self.looked_at.copy(), self.chosen.copy(),
            self.version.copy(),
        )  # fmt: skip
