# SPDX-License-Identifier: Apache-2.0
"""Copies of disks as they were: taken when the plan has a fault that will need one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tricord.sim.fine.disk import Image
from tricord.sim.fine.schedule import SECOND
from tricord.sim.plan import Fault

if TYPE_CHECKING:
    from tricord.sim.fine.cluster import Cluster
    from tricord.sim.fine.host import Host


class Images:
    """Of all members, at the times that faults go back to."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._taken: list[tuple[int, dict[int, Image]]] = []

    def plan(self, faults: tuple[Fault, ...]) -> None:
        """Take one for each stale disk, so long before it."""
        for fault in faults:
            if fault.kind == "stale-disk":
                self._cluster.schedule.after(max(fault.at - fault.amount, 0.0), self._take)

    def of(self, host: Host, now: int, age: float) -> Image | None:
        """The member's disk as it was so many seconds ago, about; None where no copy was made then."""
        wanted = now - int(age * SECOND)
        best: Image | None = None
        for time, images in self._taken:
            if time <= wanted + SECOND // 100 and host.identity in images:
                best = images[host.identity]
        return best

    def _take(self) -> None:
        hosts = self._cluster.hosts.values()
        images = {host.identity: host.disk.held.copy() for host in hosts if not host.wiped and not host.disk.synced}
        self._taken.append((self._cluster.schedule.now, images))
