# SPDX-License-Identifier: Apache-2.0
"""Leases: none ends before its time, all its keys end with it and no others do, and none lives for ever.

A lease has its time from when its last answered renewal was sent: the answer may be slow, another in charge by then.
Times are true ones. A leader's clock may run fast or jump, where a fault lets it: a lease may end so much sooner.
"""

from __future__ import annotations

from tricord.base.errors import TricordError
from tricord.base.leases import LeaseExpireResult, LeaseGrantResult
from tricord.base.operations import EventKind
from tricord.sim.invariants.broken import Broken
from tricord.statemachine.machine import Applied

CHECKER = "leases"
SLACK_SECONDS = 0.01
SECOND = 1_000_000_000

_DELETE = EventKind.DELETE


class LeaseTimes:
    """What was promised of each lease, and the keys that are on it."""

    __slots__ = ("_began", "_fastest", "_jumped", "_keys", "applied_index", "ttls")

    def __init__(self) -> None:
        self.ttls: dict[int, int] = {}
        """Of the leases that there are, by id."""
        self._began: dict[int, int] = {}
        self._keys: dict[bytes, int] = {}
        self._fastest = 1.0
        self._jumped: list[tuple[int, float]] = []
        self.applied_index = 0

    def clock_runs(self, rate: float) -> None:
        """Some member's clock runs at another speed from now on."""
        self._fastest = max(self._fastest, rate)

    def clock_jumped(self, now: int, seconds: float) -> None:
        """Some member's clock was set forward."""
        self._jumped.append((now, seconds))

    def renewed(self, lease: int, sent: int) -> None:
        """A holder was told that the lease is renewed, as it had asked at ``sent``."""
        if lease in self.ttls:
            self._began[lease] = sent

    def applied(self, applied: list[Applied], now: int) -> None:
        """A member applied these; the first to do so counts. Raises Broken."""
        for one in applied:
            if one.index <= self.applied_index:
                continue
            self.applied_index = one.index
            outcome = one.outcome
            if isinstance(outcome, TricordError):
                continue
            if type(outcome) is LeaseExpireResult:
                self._expired(outcome.ids, one, now)
            elif type(outcome) is LeaseGrantResult:
                self.ttls[outcome.id] = outcome.ttl
                self._began[outcome.id] = now
            for event in one.events:
                self._keys[event.key] = 0 if event.kind == _DELETE else event.kv.lease

    def _expired(self, ids: list[int], one: Applied, now: int) -> None:
        gone = {event.key for event in one.events}
        for key in sorted(gone):
            if self._keys.get(key, 0) not in ids:
                raise Broken(CHECKER, f"{key!r} went with lease {ids}, on which it was not")
        for lease in ids:
            began = self._began.pop(lease, None)
            ttl = self.ttls.pop(lease, 0)
            if began is None:
                continue
            lived = (now - began) / SECOND * self._fastest + SLACK_SECONDS
            lived += sum(seconds for at, seconds in self._jumped if at >= began)
            if lived < ttl:
                raise Broken(CHECKER, f"lease {lease} ended {lived:.3f} s after it was granted or renewed for {ttl} s")
            left = sorted(key for key, on in self._keys.items() if on == lease and key not in gone)
            if left:
                raise Broken(CHECKER, f"lease {lease} ended, and its keys {left} did not")
