# SPDX-License-Identifier: Apache-2.0
"""What many runs came to together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from tricord.sim.outcome import Outcome


@dataclass(slots=True)
class Tally:
    """Sums over outcomes."""

    runs: int = 0
    simulated_seconds: float = 0.0
    turns: int = 0
    operations: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    withheld: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    failures: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """One more run."""
        self.runs += 1
        self.simulated_seconds += outcome.simulated_seconds
        self.turns += outcome.turns
        self.operations += outcome.operations
        self.fired += outcome.fired
        self.withheld += outcome.withheld
        self.reached += outcome.reached
        if outcome.violations:
            self.failures.append(outcome)

    def line(self, seconds: float, kinds: int, points: Collection[str]) -> str:
        """The progress after so many real seconds, of so many kinds and of these points."""
        reached = sum(1 for point in points if self.reached[point])
        minutes = max(seconds, 0.001) / 60
        return (
            f"{_clock(seconds)}  {self.runs} seeds ({self.runs / minutes:.0f} a minute), "
            f"{self.simulated_seconds / 3600:.1f} simulated hours, {self.turns / minutes / 60:,.0f} turns a second, "
            f"{self.fired.total()} faults of {len(self.fired)}/{kinds} kinds, {reached}/{len(points)} points, "
            f"{len(self.failures)} failures"
        )

    def document(self) -> dict[str, Any]:
        """For the JSON of the last line."""
        return {
            "runs": self.runs,
            "simulated_seconds": round(self.simulated_seconds, 1),
            "turns": self.turns,
            "operations": self.operations,
            "faults": dict(sorted(self.fired.items())),
            "withheld": dict(sorted(self.withheld.items())),
            "points_reached": len(self.reached),
        }


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"
