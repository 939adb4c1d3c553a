# SPDX-License-Identifier: Apache-2.0
"""A fault under way, as those who carry it out see it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, TypeAlias

from tricord.sim.plan import Fault

if TYPE_CHECKING:
    from tricord.sim.fine.cluster import Cluster
    from tricord.sim.fine.host import Host


class Active:
    """One fault, with the members that its targets meant when it began, and randomness of its own."""

    __slots__ = ("_counted", "amount", "cluster", "hosts", "kind", "random", "seconds")

    def __init__(self, cluster: Cluster, fault: Fault, hosts: list[Host], random: Random) -> None:
        self.cluster = cluster
        self.kind = fault.kind
        self.seconds = fault.seconds
        self.amount = fault.amount
        self.hosts = hosts
        self.random = random
        self._counted = False

    def took_hold(self) -> None:
        """It did something. Counted once."""
        if not self._counted:
            self._counted = True
            self.cluster.outcome.fired[self.kind] += 1

    @property
    def others(self) -> list[Host]:
        """All members but the targets."""
        return [host for host in self.cluster.hosts.values() if host not in self.hosts]

    @property
    def host(self) -> Host:
        """Its one target."""
        return self.hosts[0]

    def later(self, seconds: float, action: Callable[..., object], *arguments: object) -> None:
        """Do something then."""
        self.cluster.schedule.after(seconds, action, *arguments)


Handler: TypeAlias = Callable[[Active], Callable[[], None] | None]
"""Begins a fault; what ends it, or None when it is over at once."""
