# SPDX-License-Identifier: Apache-2.0
"""The frame budget: frames that make work without use cost credits, useful work and time earn them.

A flood of any kind (rapid reset, resets provoked from us, PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty or tiny
DATA, CONTINUATION) drains the credits and ends the connection; a busy, honest client earns more than it spends.
grpc-go, as an example, sends a PING for about each DATA frame it gets while it estimates bandwidth, and a client that
is out of time resets all its calls at once. CVE-2023-44487, CVE-2025-8671, CVE-2019-9511 to 9518.
"""

from __future__ import annotations

COST_RESET = 4
"""A stream reset before anything was answered on it: work for nothing."""
COST_LATE_RESET = 1
COST_PROVOKED_RESET = 4
"""The peer made us reset a stream."""
COST_PING = 1
COST_SETTINGS = 8
COST_PRIORITY = 1
COST_WINDOW_UPDATE = 1
COST_EMPTY_DATA = 2
COST_TINY_DATA = 1
COST_CONTINUATION = 2
COST_UNKNOWN = 1
TINY = 32
"""DATA of fewer bytes that does not end its stream is tiny."""

EARN_REPLY = 8
EARN_DATA = 3


class Budget:
    """Credits of one connection. ``credit`` is raised in place by the hot path and capped when it is next spent."""

    __slots__ = ("_per_second", "_refilled_at", "burst", "credit")

    def __init__(self, burst: int, per_second: int, now: float) -> None:
        self.burst = burst
        self.credit = burst
        self._per_second = per_second
        self._refilled_at = now

    def spend(self, cost: int, now: float) -> bool:
        """Take ``cost``; False when there is not so much left, also with what time has brought."""
        credit = self.credit
        if credit > self.burst:
            credit = self.burst
            self._refilled_at = now
        credit -= cost
        if credit < 0:
            credit = min(credit + int((now - self._refilled_at) * self._per_second), self.burst)
            self._refilled_at = now
        self.credit = credit
        return credit >= 0
