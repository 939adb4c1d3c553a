# SPDX-License-Identifier: Apache-2.0
"""Three members in network namespaces under mixed load, broken in every way that real processes can be broken.

Links are cut by blackhole routes, one way too, and slow, lossy, narrow, stalled and reset in mid-frame by relays;
members are killed, stopped and paused, one or all; disks are slow, fail, or are full; wall clocks jump. Which, whose
and how long is drawn from the seed; two may go on at once.

Clients of every kind go on the whole time: writers of unique keys in Go; reads, writes, deletes, compare-and-swaps and
appends of a few keys; watchers of everything through one member each; holders of leases; adders under a lock. In the
end everything is mended, and the accounts are checked: no acknowledged write is lost, all members hold the same, each
read was right and fresh, each watcher was told everything once and in order, no lease ended early, none is left over,
and the lock's counter has every increment once. The history and, on a failure, data and logs are kept.

python -m tests.e2e.faults [--seconds 300] [--seed 1] [--kinds killed,disk-full] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.faults.clients import Clients
from tests.e2e.faults.cluster import HostCluster
from tests.e2e.faults.history import Recorder, States, check_registers
from tests.e2e.faults.judging import judge
from tests.e2e.faults.namespaces import Network
from tests.e2e.faults.register_clients import RegisterClient
from tests.e2e.faults.strikes import HARD, SOFT, Faults
from tests.e2e.faults.told import write_watch_history
from tests.e2e.soak_raft import assert_hashes_alike
from tests.peers import paths
from tests.peers.clusters import eventually
from tests.peers.load import Load, assert_nothing_lost
from tricord import aio
from tricord.base.operations import Event

WHOLE_SECONDS = 2.0
"""Between two faults."""
REGISTER_CLIENTS = 5
TOLD_SECONDS = 60.0
"""So soon after the last fault each watcher is told what is new, whatever the machine does besides."""
LEFTOVER_SECONDS = 30.0
"""A lease that nobody renews is gone so long after the last fault."""


async def break_on(faults: Faults, load: Load, seconds: float) -> int:
    """One fault after another. How many."""
    ends, count = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        told = await asyncio.to_thread(faults.strike)
        count += 1
        await asyncio.sleep(WHOLE_SECONDS)
        tally = await asyncio.to_thread(load.mark)
        outcome = f"{tally.acknowledged} writes, {tally.gap_ms / 1000:.1f} s without"
        print(f"{max(ends - time.monotonic(), 0):6.0f} s left, {told}: {outcome}", file=sys.stderr, flush=True)
    return count


async def run_clients(
    cluster: HostCluster, clients: Clients, recorder: Recorder, faults: Faults, load: Load, seconds: float
) -> int:
    """All clients beside the faults; returns when the clients have ended."""
    members = list(cluster.members.values())
    async with asyncio.TaskGroup() as group:
        for number in range(REGISTER_CLIENTS):
            one = RegisterClient(number, cluster.endpoints, recorder, clients.seed, clients.errors)
            group.create_task(one.run(clients.stopping))
        for number in range(3):
            group.create_task(clients.lease_holder(number))
            group.create_task(clients.adder(number))
            group.create_task(clients.watcher(f"through {members[number].name}", members[number].endpoint, 1))
        count = await break_on(faults, load, seconds / 2)
        # One that comes late, and has all of the past before it.
        group.create_task(clients.watcher("late", members[0].endpoint, 1))
        count += await break_on(faults, load, seconds / 2)
        await until_all_are_told(cluster, clients)
        clients.stopping.set()
    return count


async def until_all_are_told(cluster: HostCluster, clients: Clients) -> None:
    """Now that all is mended: until each watcher knows of a write that is made now."""
    async with aio.connect(cluster.endpoints, timeout=TOLD_SECONDS) as store:
        revision = (await store.put("mended", "")).revision
    deadline = time.monotonic() + TOLD_SECONDS
    while late := [
        name for name, told in clients.told.items() if not told or told[-1].event.kv.mod_revision < revision
    ]:
        assert time.monotonic() < deadline, f"watchers {late} were not told in {TOLD_SECONDS} s what is new"
        await asyncio.sleep(0.05)


async def whole_history(endpoint: str) -> list[Event]:
    """Every event there was, by a watch from the beginning."""
    events: list[Event] = []
    async with aio.connect(endpoint) as store:
        newest = (await store.put("the end", "")).revision
        async with store.watch(prefix="", from_revision=1) as watch:
            async for event in watch:
                events.append(event)
                if event.revision == newest:
                    return events
    raise AssertionError("the watch ended")


def check_watchers(clients: Clients, history: list[Event]) -> int:
    """Each was told the history, from its beginning, without a hole. How many events in all."""
    places = [(event.kind, event.kv) for event in history]
    total = 0
    for name, events in clients.told.items():
        own = [(one.event.kind, one.event.kv) for one in events]
        wrong = next((at for at, (one, other) in enumerate(zip(own, places, strict=False)) if one != other), None)
        assert wrong is None, f"watcher {name}: event {wrong} is {own[wrong]}, not {places[wrong]}"
        total += len(own)
    return total


def check_leases(clients: Clients) -> int:
    """None ended before its time. How many there were."""
    for account in clients.leases.values():
        lived = (account.gone_at or float("inf")) - account.renewed_at
        assert lived >= account.ttl, f"{account.key} ended {lived:.2f} s after a renewal that gave it {account.ttl} s"
    return len(clients.leases)


async def no_lease_is_left(endpoint: str) -> None:
    """Keys of leases that nobody renews go."""
    async with aio.connect(endpoint) as store:
        deadline = time.monotonic() + LEFTOVER_SECONDS
        while left := await store.count("lease/"):
            assert time.monotonic() < deadline, f"{left} keys outlived their leases"
            await asyncio.sleep(0.2)


async def counted(endpoint: str) -> int:
    """What the adders' counter says."""
    async with aio.connect(endpoint) as store:
        found = await store.get("counter")
        return int(found.text) if found else 0


@dataclass
class Plan:
    """How long, and which faults."""

    seconds: float = 300
    seed: int = 1
    kinds: frozenset[str] | None = None
    """None: all."""


def survive(folder: Path, plan: Plan) -> str:
    """The whole story. Says in a line what was survived; raises AssertionError otherwise."""
    names = ["n1", "n2", "n3"]
    roomy = names[plan.seed % len(names)]
    clocks = paths.find("faketime") is not None and (plan.kinds is None or "clock-wrong" in plan.kinds)
    clocked = names[(plan.seed + 1) % len(names)] if clocks else None
    cluster = HostCluster(folder / "cluster", network := Network(names), roomy=roomy, clocked=clocked)
    with network, cluster:
        recorder = Recorder(folder / "history.jsonl")
        promises = Recorder(folder / "promises.jsonl")
        clients = Clients(cluster.endpoints, promises, plan.seed)
        faults = Faults(cluster, network, plan.seed, plan.kinds)
        record = folder / "acknowledged"
        flags = ["--reads", "--timeout=2s", "--redial=200ms", "--writers=2", "--rate=50"]
        with Load(cluster.endpoints, *flags, record=record) as load:
            count = asyncio.run(run_clients(cluster, clients, recorder, faults, load, plan.seconds))
            load.mark()
            eventually(lambda: load.mark().acknowledged > 0, "a write after the last fault")
            load.finish()
        recorder.close()
        promises.close()
        endpoint = cluster.members["n1"].endpoint
        asyncio.run(no_lease_is_left(endpoint))
        history = asyncio.run(whole_history(endpoint))
        cluster.wait_until_level()
        assert_nothing_lost(record, cluster.endpoints)
        content = assert_hashes_alike(cluster.endpoints)
        assert not load.total.wrong, f"{len(load.total.wrong)} reads lacked a write: {load.total.wrong[:5]}"
        counter = asyncio.run(counted(endpoint))
    check_registers(recorder.operations, States(history))
    judged = judge(recorder.path, "linearizable")
    told = check_watchers(clients, history)
    write_watch_history(folder / "watch.jsonl", recorder.operations, clients.told)
    judge(folder / "watch.jsonl", "watch")
    judge(promises.path, "locks")
    leases = check_leases(clients)
    assert clients.added <= counter <= clients.added + clients.maybe_added, (
        f"{clients.added} increments were acknowledged, {clients.maybe_added} more may have been made: {counter}"
    )
    struck = ", ".join(f"{kind} {number}" for kind, number in sorted(faults.counts.items()))
    return (
        f"seed {plan.seed}: {count} strikes ({struck}); {load.total.acknowledged:,} writes acknowledged, all there and "
        f"alike on every member, hash {content}; {judged:,} operations on registers and strings linearizable; "
        f"{told:,} events told, each once and in order; {leases:,} leases, none ended early or is left; {counter:,} "
        f"increments under the lock, each once; the longest time without an acknowledged write "
        f"{load.total.gap_ms / 1000:.1f} s; errors {dict(clients.errors)}"
    )


def main() -> None:
    """Parse the flags, run, print."""
    plan = Plan()
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.faults", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=plan.seconds)
    parser.add_argument("--seed", type=int, default=plan.seed)
    parser.add_argument("--kinds", help=f"of these alone, by commas: {', '.join((*HARD, *SOFT))}")
    parser.add_argument("--keep", type=Path, help="where to put history, data and logs, and leave them")
    options = parser.parse_args()
    kinds = frozenset(options.kinds.split(",")) if options.kinds else None
    if kinds and (unknown := kinds - {*HARD, *SOFT}):
        parser.error(f"no such kind of fault: {', '.join(sorted(unknown))}")
    folder = options.keep or Path(tempfile.mkdtemp(prefix="tricord-faults-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        print(survive(folder, Plan(options.seconds, options.seed, kinds)))
    except BaseException:
        print(f"faults: seed {options.seed}; history, data and logs are kept in {folder}", file=sys.stderr)
        raise
    if options.keep is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
