# SPDX-License-Identifier: Apache-2.0
"""A violation as the checkers of causal and session guarantees hand it about."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Pattern:
    """A bad pattern: its name, its events, and why in words."""

    anomaly: str
    events: list[int]
    reason: str
    steps: list[str] = field(default_factory=list)
