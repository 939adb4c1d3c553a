# SPDX-License-Identifier: Apache-2.0
"""Holders of leases in the fine net: what they were promised, and from when on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from tricord.sim.fine.leases import Holder
from tricord.sim.invariants.lease_times import SECOND


class Scene:
    """A cluster as one holder sees it, whose leader renews at once when it is asked to answer."""

    def __init__(self) -> None:
        self.schedule = SimpleNamespace(now=0, after=self._after)
        self.faults = SimpleNamespace(are_over=False)
        self.watcher = SimpleNamespace(leases=self)
        self.leases = SimpleNamespace(in_charge=True, renew=lambda _: 3)
        self.later: list[Any] = []
        self.asked: list[Holder] = []
        self.renewals: list[tuple[int, int]] = []

    def leader(self) -> Scene:
        return self

    def read(self, holder: Holder) -> None:
        self.asked.append(holder)

    def renewed(self, lease: int, sent: int) -> None:
        self.renewals.append((lease, sent))

    def _after(self, _: float, action: Any) -> None:
        self.later.append(action)


def test_a_renewal_counts_from_when_it_was_sent() -> None:
    """Its round was answered at once, and the leader, paused, said so only when another was in charge."""
    scene = Scene()
    holder = Holder(cast(Any, scene), 7, 3, [0.5], [b"k"], False, lambda: None)
    holder._requests = []
    holder.applied(cast(Any, scene), cast(Any, SimpleNamespace(outcome=None)))
    scene.schedule.now = SECOND
    scene.later.pop()()
    scene.schedule.now = 5 * SECOND
    scene.asked.pop().readable(cast(Any, scene))
    assert scene.renewals == [(7, SECOND)]
