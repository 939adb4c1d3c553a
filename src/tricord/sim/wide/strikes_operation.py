# SPDX-License-Identifier: Apache-2.0
"""What people do to a cluster while it runs (``fault_kinds`` says what each is)."""

from __future__ import annotations

import asyncio

from tricord.aio import AsyncClient
from tricord.base.errors import TricordError
from tricord.sim.plan import Fault
from tricord.sim.wide.cluster_run import ClusterRun

VOTERS_MIN = 3
MEMBERS_MAX = 7
LEASE_SECONDS = 2
GONE_SECONDS = 2.0


async def add_member(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    if len(run.keepers) >= MEMBERS_MAX:
        run.outcome.withheld[fault.kind] += 1
        return
    name = f"n{run.next_number()}"
    run.world.names = (*run.world.names, name)
    keeper = run.keep(name)
    keeper.is_wanted = False
    await run.finish(keeper.join(as_learner=fault.amount >= 0.5), f"{name} joins")
    run.fired(fault.kind)


async def remove_member(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    keeper = run.keepers[targets[0]]
    if len(run.atlas.voters) <= VOTERS_MIN or not keeper.is_wanted or keeper.has_left or keeper.is_spoiled:
        run.outcome.withheld[fault.kind] += 1
        return
    await run.finish(keeper.leave(), f"{targets[0]} leaves")
    run.fired(fault.kind)


async def replace_member(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    keeper = run.keepers[targets[0]]
    if not keeper.is_wanted or keeper.has_left or keeper.is_spoiled:
        run.outcome.withheld[fault.kind] += 1
        return
    run.atlas.lose(targets[0])
    await run.finish(keeper.replace(), f"replace {targets[0]}")
    run.fired(fault.kind)


async def transfer(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    leader = run.leader()
    if leader is None or not run.keepers[targets[0]].is_up:
        return
    target = run.keepers[targets[0]].member
    try:
        await leader.host.member.engine.move_leader(target)
        run.fired(fault.kind)
    except TricordError:
        return


async def compaction(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    newest, last = run.record.history.newest, run.compacted
    revision = newest - int((newest - last) * fault.amount)
    if revision <= last:
        return
    run.compacted = revision

    async def compact(store: AsyncClient) -> bool:
        await store.compact(revision)
        return True

    run.fired(fault.kind, bool(await run.operator.once(compact)))


async def snapshot(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    for name in targets or list(run.keepers):
        keeper = run.keepers[name]
        if keeper.is_up:
            member = keeper.host.member
            member.replica.limits.kept_entries = 0
            member.replica.limits.kept_bytes = 1
            member.housekeeping._log_slack = 0
            run.fired(fault.kind)
    await asyncio.sleep(0)


async def lease_burst(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    async def grant(store: AsyncClient) -> int:
        leases = [await store.lease(LEASE_SECONDS) for _ in range(int(fault.amount))]
        for number, lease in enumerate(leases):
            await store.put(f"burst/{number}", "x", lease=lease)
        for lease in leases:
            lease.abandon()
        return len(leases)

    run.fired(fault.kind, bool(await run.operator.once(grant)))


async def client_gone(run: ClusterRun, fault: Fault, targets: list[str]) -> None:
    if not run.workers:
        return
    wanted = max(1, round(len(run.workers) * fault.amount))
    chosen = run.chance.sample(run.workers, wanted)
    before = sum(worker.given_up for worker in chosen)
    for worker in chosen:
        worker.gives_up = True
    await asyncio.sleep(GONE_SECONDS)
    run.fired(fault.kind, sum(worker.given_up for worker in chosen) - before)
