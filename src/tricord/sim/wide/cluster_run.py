# SPDX-License-Identifier: Apache-2.0
"""One run's state: the cluster, who keeps it, what was decided and seen, and what of it was wrong."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

from tricord.check.history import Operation
from tricord.sim.atlas import Atlas
from tricord.sim.outcome import Outcome, Violation
from tricord.sim.plan import Plan
from tricord.sim.wide.clients import Worker
from tricord.sim.wide.host import Host
from tricord.sim.wide.keeper import Keeper
from tricord.sim.wide.operator import Operator
from tricord.sim.wide.record import Record
from tricord.sim.wide.traced_loop import TracedLoop
from tricord.sim.wide.world import World

REQUEST_BYTES = 16 << 10
SEGMENT_BYTES = 64 << 10
SNAPSHOT_ENTRIES = 200
CORRUPT_CHECK_SECONDS = 5.0
VIOLATIONS_MAX = 20
CAUGHT_UP_SECONDS = 0.1


class ClusterRun:
    """What all parts of a run share."""

    def __init__(self, plan: Plan, outcome: Outcome) -> None:
        self.plan = plan
        self.outcome = outcome
        self.loop = TracedLoop()
        self.chance = random.Random(f"wide run {plan.seed}")
        """For what faults draw while they happen."""
        self.kept_bytes = random.Random(f"wide log {plan.seed}").choice((0, 4 << 10, 32 << 10))
        """How much of its log a member keeps for those that lag; 0: as much as it likes."""
        self.watch_bytes = random.Random(f"wide watches {plan.seed}").choice((0, 0, 4 << 10, 64 << 10))
        """How much the watches of a member may have queued; 0: as usual. Who has more is told from history."""
        names = tuple(f"n{number}" for number in range(1, plan.members + 1))
        self.world = World(plan.seed, names, loop=self.loop)
        self.world.settings = {
            "max_request_bytes": REQUEST_BYTES,
            "segment_bytes": SEGMENT_BYTES,
            "log_slack_entries": int(plan.options.get("snapshot_entries", SNAPSHOT_ENTRIES)),
            "corrupt_check_seconds": CORRUPT_CHECK_SECONDS,
        }
        self.world.network.set_latency(plan.options.get("latency_ms", 0.5) / 1000)
        self.world.network.sent = self.loop.sent
        self.world.faulty = self._door_failed
        self.story: list[tuple[float, str]] = []
        """What happened, with the loop's time."""
        self.zero = 0.0
        """When the cluster first had a leader."""
        self.clocks_are_wrong = any(fault.kind == "drift" for fault in plan.faults)
        """Then a time to live may be over for a member before it is for others."""
        self.record = Record(self.violate, self.loop.time, self.tell)
        self.operator = Operator(self.world)
        self.atlas = Atlas(names)
        self.history: list[Operation] = []
        self.workers: list[Worker] = []
        self.compacted = 0
        """The revision of the last compaction that was asked for."""
        self._numbers = plan.members
        self.keepers: dict[str, Keeper] = {}
        self.unfinished: dict[asyncio.Task[None], None] = {}
        """What must end before the cluster is whole."""
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self.loop.set_exception_handler(self._loop_failed)
        for name in names:
            self.keep(name)

    def now(self) -> float:
        """Simulated seconds since the cluster first had a leader."""
        return self.loop.time() - self.zero

    def tell(self, what: str) -> None:
        """A line of the story."""
        self.story.append((self.loop.time(), what))

    def violate(self, checker: str, words: str) -> None:
        """A promise was not kept."""
        if len(self.outcome.violations) < VIOLATIONS_MAX:
            self.outcome.violations.append(Violation(checker, round(self.now(), 6), words))

    def fired(self, kind: str, count: int = 1) -> None:
        """A fault took hold."""
        if count:
            self.outcome.fired[kind] += count

    def keep(self, name: str) -> Keeper:
        """A new host."""
        host = self.world[name]
        self.prepare(host)
        self.keepers[name] = keeper = Keeper(self, host)
        return keeper

    def next_number(self) -> int:
        """Of a host that comes new."""
        self._numbers += 1
        return self._numbers

    def prepare(self, host: Host) -> None:
        """A host has a new disk."""

        def wrote(data: bytes, offset: int) -> None:
            self.loop.note(data)

        host.disk.wrote = wrote

    def forget(self, keeper: Keeper) -> None:
        """A host is gone for good."""
        name = keeper.host.name
        self.atlas.leave(name)
        self.keepers.pop(name, None)
        self.world.hosts.pop(name, None)
        self.world.names = tuple(other for other in self.world.names if other != name)

    def up(self) -> list[Keeper]:
        """Whose processes run."""
        return [keeper for keeper in self.keepers.values() if keeper.is_up]

    def leader(self) -> Keeper | None:
        """Who leads, in the newest term."""
        leading = [keeper for keeper in self.up() if keeper.host.member.replica.is_leader]
        return max(leading, key=lambda keeper: keeper.host.member.replica.term, default=None)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Something that goes on beside; what goes wrong in it ends the run."""
        task = self.loop.create_task(work, name=name)
        self._tasks[task] = None
        task.add_done_callback(self._ended)
        return task

    def beside(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """As ``spawn``: something that has to end well before the cluster is whole again."""
        task = self.spawn(work, name)
        self.unfinished[task] = None
        task.add_done_callback(lambda done: self.unfinished.pop(done, None))
        return task

    async def finish(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Wait for it; it goes on when the waiting is given up."""
        await asyncio.shield(self.beside(work, name))

    async def until_caught_up(self, keeper: Keeper) -> None:
        """Return when the member has what the leader had decided by now."""
        while True:
            leader = self.leader()
            if leader is not None:
                wanted = leader.host.member.replica.commit_index
                break
            await asyncio.sleep(CAUGHT_UP_SECONDS)
        while not (keeper.is_up and keeper.host.member.machine.applied_index >= wanted):
            if not keeper.is_wanted:
                return
            await asyncio.sleep(CAUGHT_UP_SECONDS)
        if not keeper.is_frail:
            self.atlas.whole(keeper.host.name)

    def close(self) -> None:
        """End what still runs."""
        for task in list(self._tasks):
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.violate("invariant", f"{task.get_name()}: {type(error).__name__}: {error}")

    def _door_failed(self, error: BaseException, where: str) -> None:
        self.violate("invariant", f"behind a door, {where}: {type(error).__name__}: {error}")

    def _loop_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.violate("invariant", f"{context.get('message')}: {type(error).__name__}: {error}")
