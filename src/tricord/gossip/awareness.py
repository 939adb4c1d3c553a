# SPDX-License-Identifier: Apache-2.0
"""Local health (Lifeguard, section IV.A): how much a member doubts itself.

A member that is slow does not hear answers in time and would suspect everybody. What points at itself raises its score:
a probe that failed while helpers did not answer either, a suspicion of itself that it had to refute, a turn that came
late. A probe that was answered lowers it. Probes take 1 + score times as long.
"""

from __future__ import annotations


class Awareness:
    """The score of one member: 0 is well."""

    __slots__ = ("_enabled", "_score_max", "score")

    def __init__(self, health_max: int, *, enabled: bool) -> None:
        self.score = 0
        self._score_max = health_max - 1
        self._enabled = enabled

    def change(self, by: int) -> None:
        """Something pointed at this member (above 0), or was as it should be (below 0)."""
        if self._enabled:
            self.score = min(max(self.score + by, 0), self._score_max)

    def scaled(self, seconds: float) -> float:
        """A time of probing, as long as it should be now."""
        return seconds * (1 + self.score)
