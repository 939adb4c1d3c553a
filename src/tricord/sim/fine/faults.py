# SPDX-License-Identifier: Apache-2.0
"""Carries out the faults of a plan: begins each at its time, ends it when its time is over, and counts those that took
hold. What the promise does not cover is held back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from tricord.sim.fault_kinds import KINDS, Cost
from tricord.sim.fine import clock_faults, disk_faults, network_faults, operations, process_faults
from tricord.sim.fine.fault import Active, Handler
from tricord.sim.fine.schedule import SECOND
from tricord.sim.plan import Fault

if TYPE_CHECKING:
    from tricord.sim.fine.cluster import Cluster
    from tricord.sim.fine.host import Host

HANDLERS: dict[str, Handler] = {
    **network_faults.HANDLERS,
    **clock_faults.HANDLERS,
    **disk_faults.HANDLERS,
    **process_faults.HANDLERS,
    **operations.HANDLERS,
}


@dataclass(slots=True)
class _Ending:
    active: Active
    undo: Callable[[], None]


class Faults:
    """Of one run."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._active: list[Active] = []
        self._endings: list[_Ending] = []
        self._awaited: set[str] = set()
        self._disk_failures: dict[int, Callable[[], None]] = {}
        self.are_over = False

    def plan(self, faults: tuple[Fault, ...]) -> None:
        """Begin each at its time from now."""
        schedule = self._cluster.schedule
        for fault in faults:
            schedule.after(fault.at, self.begin, fault)

    def begin(self, fault: Fault) -> None:
        """Its time has come."""
        cluster = self._cluster
        if self.are_over:
            return
        random = Random(f"{cluster.plan.seed} {fault.kind} {fault.at} {fault.targets}")
        hosts = self._resolve(fault.targets, random)
        if fault.targets and not hosts:
            return
        # A copy that is lost while the members change may be one of fewer than the atlas counts.
        loses_in_between = KINDS[fault.kind].cost is Cost.LOST and cluster.operator.is_busy
        if loses_in_between or not cluster.atlas.permits(fault.kind, [host.name for host in hosts]):
            self.withhold(fault.kind)
            return
        active = Active(cluster, fault, hosts, random)
        self._active.append(active)
        self._awaited.add(fault.kind)
        names = ", ".join(host.name for host in hosts)
        cluster.say(f"fault: {fault.kind} {names} for {fault.seconds:g} amount {fault.amount:g}")
        undo = HANDLERS[fault.kind](active)
        if undo is None:
            self._active.remove(active)
            return
        ending = _Ending(active, undo)
        self._endings.append(ending)
        cluster.schedule.at(cluster.schedule.now + int(fault.seconds * SECOND), self._end, ending)

    def end_all(self) -> None:
        """The trouble is over: end what is under way, begin nothing new."""
        self.are_over = True
        for ending in list(self._endings):
            self._end(ending)

    def withhold(self, kind: str) -> None:
        """It would have damaged more than the promise allows."""
        self._cluster.outcome.withheld[kind] += 1

    def took_hold(self, kind: str) -> None:
        """What is under way of the kind did something."""
        if kind not in self._awaited:
            return
        self._awaited.discard(kind)
        for active in self._active:
            if active.kind == kind:
                active.took_hold()

    def on_disk_failure(self, host: Host, then: Callable[[], None]) -> None:
        """What happens when the member's next write fails."""
        self._disk_failures[host.identity] = then

    def disk_failed(self, host: Host) -> None:
        """A member's write failed."""
        self._disk_failures.pop(host.identity, host.die)()

    def _end(self, ending: _Ending) -> None:
        if ending in self._endings:
            self._endings.remove(ending)
            ending.undo()
            self._active.remove(ending.active)
            self._cluster.say(f"over: {ending.active.kind}")

    def _resolve(self, targets: tuple[str, ...], random: Random) -> list[Host]:
        """The members that these names mean now."""
        cluster = self._cluster
        found: list[Host] = []
        leader = cluster.leader()
        for name in targets:
            if name == "leader":
                candidates = [leader] if leader is not None else []
            elif name == "follower":
                candidates = [host for host in cluster.hosts.values() if host is not leader and host.up]
            else:
                candidates = [host for host in cluster.hosts.values() if host.name == name]
            if candidates:
                chosen = random.choice(candidates)
                if chosen not in found:
                    found.append(chosen)
        return found
