# SPDX-License-Identifier: Apache-2.0
"""What operators and clients do while all the rest goes wrong: changes of members, transfers, compactions, snapshots,
leases, upgrades.
"""

from __future__ import annotations

from tricord.base.errors import TricordError
from tricord.base.operations import Compact
from tricord.replica import ReplicaConfig
from tricord.sim.fine.fault import Active, Handler
from tricord.sim.fine.host import Host
from tricord.statemachine.command import encode_command
from tricord.statemachine.machine import Applied

CUT_SECONDS = 0.5


class _Done:
    """Counts a fault that was answered well."""

    def __init__(self, active: Active) -> None:
        self._active = active

    def applied(self, host: Host, applied: Applied) -> None:
        """The command took effect."""
        if not isinstance(applied.outcome, TricordError):
            self._active.took_hold()

    def readable(self, host: Host) -> None:
        """Not of these."""

    def dropped(self, host: Host, error: TricordError) -> None:
        """It did nothing."""

    def gone(self, host: Host) -> None:
        """The member died."""

    def ended(self, host: Host) -> None:
        """Another leads."""
        self._active.took_hold()


def _is_held_back(active: Active) -> bool:
    """One change of members at a time: what is under way counts for the promise only when it is done."""
    is_busy = active.cluster.operator.is_busy
    if is_busy:
        active.cluster.faults.withhold(active.kind)
    return is_busy


def add_member(active: Active) -> None:
    """A new one joins."""
    if _is_held_back(active):
        return
    active.cluster.operator.add(learner=active.amount >= 0.5)
    active.took_hold()


def remove_member(active: Active) -> None:
    """The target leaves."""
    if _is_held_back(active):
        return
    active.cluster.operator.remove(active.host)
    active.took_hold()


def replace_member(active: Active) -> None:
    """A new one joins in the target's place."""
    if _is_held_back(active):
        return
    active.cluster.operator.replace(active.host)
    active.took_hold()


def transfer(active: Active) -> None:
    """The leader hands over."""
    leader = active.cluster.leader()
    if leader is not None:
        leader.transfer(_Done(active), active.host.identity)


def compaction(active: Active) -> None:
    """History goes."""
    leader = active.cluster.leader()
    if leader is None:
        return
    newest, oldest = leader.machine.revision(), max(leader.machine.compacted(), 1)
    revision = newest - int(active.amount * (newest - oldest))
    leader.propose(_Done(active), encode_command(Compact(revision), None))


def snapshot(active: Active) -> None:
    """Logs are cut as far as they may be."""
    for host in active.hosts or list(active.cluster.hosts.values()):
        if not host.up or host.snapshots.installing is not None:
            continue
        usual = host.replica.limits
        host.replica.limits = ReplicaConfig(kept_entries=0, kept_bytes=1, lagging_bytes=1)
        host.drain()
        host.disk.held.cut_before(host.durable_index + 1)
        host.wake()
        active.took_hold()
        active.later(CUT_SECONDS, _keep_again, host, host.life, usual)


def _keep_again(host: Host, life: int, usual: ReplicaConfig) -> None:
    if host.life == life:
        host.replica.limits = usual


def lease_burst(active: Active) -> None:
    """Leases with keys on them, which nobody renews."""
    active.cluster.leases.burst(max(int(active.amount), 1), active.took_hold)


def upgrade(active: Active) -> None:
    """All are stopped in order and started again, one after the other."""
    keeper = active.cluster.operator
    hosts = list(active.cluster.hosts.values())
    active.took_hold()

    def next_one() -> None:
        while hosts and not active.cluster.faults.are_over:
            host = hosts.pop(0)
            if host.up and active.cluster.atlas.permits("stop", [host.name]):
                keeper.stop(host)
                active.later(active.amount, started, host)
                return

    def started(host: Host) -> None:
        keeper.bring_back(host)
        active.later(active.amount, next_one)

    next_one()


def client_gone(active: Active) -> None:
    """Clients give up what they wait for."""
    if active.cluster.clients.go_away(active.amount, active.random):
        active.took_hold()


HANDLERS: dict[str, Handler] = {
    "add-member": add_member,
    "remove-member": remove_member,
    "replace-member": replace_member,
    "transfer": transfer,
    "compaction": compaction,
    "snapshot": snapshot,
    "lease-burst": lease_burst,
    "upgrade": upgrade,
    "client-gone": client_gone,
}
