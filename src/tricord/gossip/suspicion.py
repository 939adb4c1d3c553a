# SPDX-License-Identifier: Apache-2.0
"""How long a suspected member has to refute (SWIM, section 4.2; Lifeguard, section IV.B).

It has the more time the fewer suspect it: one slow member that suspects everybody finds nobody to agree, while one that
is dead is soon confirmed by others. Each independent confirmation takes off less than the one before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log


@dataclass(slots=True)
class Suspicion:
    """One suspected member, in the incarnation in which it is known."""

    began_at: float
    least: float
    most: float
    confirmations_max: int
    sources: list[int] = field(default_factory=list)
    """Who suspects it; the first one does not confirm."""

    def confirm(self, source: int) -> bool:
        """One more says so; True: it counts, and is worth telling."""
        if source in self.sources or len(self.sources) > self.confirmations_max:
            return False
        self.sources.append(source)
        return True

    @property
    def ends_at(self) -> float:
        """It is dead then, unless it refutes."""
        confirmations = len(self.sources) - 1
        if not self.confirmations_max or confirmations >= self.confirmations_max:
            return self.began_at + self.least
        share = log(confirmations + 1) / log(self.confirmations_max + 1)
        return self.began_at + max(self.least, self.most - (self.most - self.least) * share)
