# SPDX-License-Identifier: Apache-2.0
"""Carries out a plan's faults on whole members: when each comes, on whom, and whether it may."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tricord.sim.fault_kinds import KINDS, WIDE, Cost, Targets
from tricord.sim.plan import Fault
from tricord.sim.plan_text import format_fault
from tricord.sim.wide import strikes_disk, strikes_host, strikes_network, strikes_operation
from tricord.sim.wide.cluster_run import ClusterRun

Strike = Callable[[ClusterRun, Fault, list[str]], Awaitable[None]]

STRIKES: dict[str, Strike] = {
    "partition": strikes_network.partition,
    "one-way": strikes_network.one_way,
    "bridge": strikes_network.bridge,
    "flapping": strikes_network.flapping,
    "majority-ring": strikes_network.majority_ring,
    "isolate-leader": strikes_network.isolate_leader,
    "loss": strikes_network.loss,
    "delay": strikes_network.delay,
    "slow-link": strikes_network.slow_link,
    "clog": strikes_network.clog,
    "reset": strikes_network.reset,
    "drift": strikes_host.drift,
    "jump-forward": strikes_host.jump,
    "jump-back": strikes_host.jump,
    "freeze": strikes_host.freeze,
    "noise": strikes_host.noise,
    "crash-mid-write": strikes_disk.crash_mid_write,
    "torn-write": strikes_disk.torn_write,
    "lost-fsync": strikes_disk.lost_fsync,
    "fsync-error": strikes_disk.fsync_error,
    "disk-full": strikes_disk.disk_full,
    "slow-disk": strikes_disk.slow_disk,
    "read-rot": strikes_disk.read_rot,
    "write-rot": strikes_disk.write_rot,
    "misdirected-write": strikes_disk.write_rot,
    "stale-disk": strikes_disk.stale_disk,
    "crash": strikes_host.crash,
    "power-cut": strikes_host.power_cut,
    "pause": strikes_host.pause,
    "wipe": strikes_host.wipe,
    "restart-loop": strikes_host.restart_loop,
    "stop": strikes_host.stop,
    "upgrade": strikes_host.upgrade,
    "add-member": strikes_operation.add_member,
    "remove-member": strikes_operation.remove_member,
    "replace-member": strikes_operation.replace_member,
    "transfer": strikes_operation.transfer,
    "compaction": strikes_operation.compaction,
    "snapshot": strikes_operation.snapshot,
    "lease-burst": strikes_operation.lease_burst,
    "client-gone": strikes_operation.client_gone,
}
assert STRIKES.keys() == {kind.name for kind in KINDS.values() if WIDE in kind.nets}

CHANGES = frozenset(("add-member", "remove-member", "replace-member"))
NEEDS_A_PROCESS = frozenset(("lost-fsync", "read-rot", "write-rot", "misdirected-write"))


async def strike(run: ClusterRun, fault: Fault) -> None:
    """Wait for the fault's time and carry it out; returns when it is over."""
    early = fault.amount if fault.kind == "stale-disk" else 0.0
    await asyncio.sleep(max(0.0, fault.at - early - run.now()))
    targets = await _targets(run, fault)
    if targets is None or not _may(run, fault, targets):
        return
    run.tell(format_fault(fault) + (f" ({', '.join(targets)})" if targets else ""))
    await STRIKES[fault.kind](run, fault, targets)


async def _targets(run: ClusterRun, fault: Fault) -> list[str] | None:
    """Who is meant now; None: nobody of them is there."""
    found: list[str] = []
    for name in fault.targets:
        leader = run.leader()
        if name == "leader":
            if leader is None:
                return None
            name = leader.host.name
        elif name == "follower":
            others = [keeper.host.name for keeper in run.up() if keeper is not leader]
            if not others:
                return None
            name = run.chance.choice(others)
        if name in run.keepers and name not in found:
            found.append(name)
    wanted = KINDS[fault.kind].targets
    if (fault.targets and not found) or (wanted is Targets.PAIR and len(found) < 2):
        return None
    return found


def _may(run: ClusterRun, fault: Fault, targets: list[str]) -> bool:
    kind = KINDS[fault.kind]
    struck = [run.keepers[name] for name in targets]
    is_frail = kind.cost is not Cost.NOTHING and any(keeper.is_frail or keeper.has_left for keeper in struck)
    if kind.name in NEEDS_A_PROCESS and not run.keepers[targets[0]].is_up:
        return False
    # A copy that is lost, or one more that leaves, while somebody leaves, may be one of fewer than the atlas counts.
    comes_in_between = (kind.cost is Cost.LOST or kind.name in CHANGES) and any(
        keeper.has_left for keeper in run.keepers.values()
    )
    if is_frail or comes_in_between or not run.atlas.permits(fault.kind, targets):
        run.outcome.withheld[fault.kind] += 1
        return False
    return True
