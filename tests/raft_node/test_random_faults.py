# SPDX-License-Identifier: Apache-2.0
"""Clusters under random faults: power cuts, cut networks, hand-overs, members that come and go, snapshots on the way.

Afterwards all is mended, and what callers were told must be true: acknowledged commands are there, once, in an order
that agrees with time; rejected ones are not; reads behind a barrier saw what was acknowledged before.
"""

from __future__ import annotations

import asyncio
import errno
import random
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.raft_node.world import Cluster, simulate
from tricord.base.environment import Environment
from tricord.base.errors import TricordError
from tricord.raft_node import Committed, Rejected

NAMES = ("a", "b", "c")
STEPS = 60


class Chaos:
    """One run, drawn from a seed."""

    def __init__(self, seed: int, over_tcp: bool) -> None:
        self.choices = random.Random(seed)
        self.cluster = Cluster(
            *NAMES, seed=seed * 1000, over_tcp=over_tcp, snapshot_entries=24, trailing_entries=6, timeout_seconds=5.0
        )
        self.times: dict[bytes, tuple[float, float, int]] = {}
        """Of acknowledged commands: when they were given and answered, and their index."""
        self.rejected: set[bytes] = set()
        self.sent: list[bytes] = []
        self.joined = False
        self.calls: set[asyncio.Task[None]] = set()

    def spawn(self, call: Awaitable[Any]) -> None:
        """Let it run beside the faults; a typed error is a fine answer."""

        async def run() -> None:
            try:
                await call
            except TricordError:
                pass

        task = asyncio.ensure_future(run())
        self.calls.add(task)
        task.add_done_callback(self.calls.discard)

    def some_node(self) -> Any:
        names = sorted(self.cluster.nodes)
        return self.cluster.nodes[self.choices.choice(names)] if names else None

    async def write(self) -> None:
        node, command = self.some_node(), b"%d" % len(self.sent)
        if node is None:
            return
        self.sent.append(command)
        begun = self.cluster.loop.time()
        outcome = await node.submit(command)
        if isinstance(outcome, Committed):
            self.times[command] = (begun, self.cluster.loop.time(), outcome.index)
        elif isinstance(outcome, Rejected):
            self.rejected.add(command)

    async def read(self) -> None:
        names = sorted(self.cluster.nodes)
        if not names:
            return
        name = self.choices.choice(names)
        node, machine = self.cluster.nodes[name], self.cluster.machines[name]
        known = set(self.times)
        await node.barrier()
        assert known <= set(machine.commands), "a read behind a barrier sees what was acknowledged before"

    async def crash_or_start(self) -> None:
        name = self.choice_of_all()
        if name in self.cluster.nodes:
            await self.cluster.crash(name)
        else:
            await self.start(name)

    async def start(self, name: str) -> None:
        """A disk that fails meanwhile is replaced by nothing: the next start has to do."""
        try:
            await self.cluster.start(name, join=name == "d")
        except (TricordError, OSError):
            self.cluster.disks[name].power_cut()

    async def break_disk(self) -> None:
        """One of the next calls fails, and its node with it; a full disk is one failure, or a snapshot less."""
        disk = self.cluster.disks[self.choice_of_all()]
        disk.fail_at[disk.calls + self.choices.randrange(1, 60)] = self.choices.choice([errno.EIO, errno.ENOSPC])

    def choice_of_all(self) -> str:
        return self.choices.choice([*NAMES, "d"] if self.joined else NAMES)

    async def cut_or_heal(self) -> None:
        wires = self.cluster.network
        wires.heal() if self.choices.randrange(2) else wires.cut(self.choice_of_all())

    async def change(self) -> None:
        node = self.some_node()
        if node is None:
            return
        if not self.joined:
            self.joined = True
            await self.start("d")
        address = self.cluster.address("d")
        calls: list[Callable[[], Awaitable[Any]]] = [
            lambda: node.add_learner("d", address),
            lambda: node.promote("d"),
            lambda: node.demote("d"),
            node.transfer_leadership,
            node.snapshot,
        ]
        self.spawn(self.choices.choice(calls)())

    async def run(self) -> None:
        """The faults, then the mending."""
        await self.cluster.start(*NAMES)
        steps = [self.write] * 6 + [self.read] * 2 + [self.change] * 2
        for _ in range(STEPS):
            for _ in range(self.choices.randrange(6)):
                step = self.choices.choice(steps)
                if step is self.change:
                    await step()
                else:
                    self.spawn(step())
            if self.choices.randrange(4) == 0:
                await self.crash_or_start()
            if self.choices.randrange(5) == 0:
                await self.cut_or_heal()
            if self.choices.randrange(8) == 0:
                await self.break_disk()
            await asyncio.sleep(self.choices.choice([0.0, 0.001, 0.05, 0.3, 2.0]))
        self.cluster.network.heal()
        for name in [*NAMES, "d"] if self.joined else NAMES:
            self.cluster.disks[name].fail_at.clear()
            if name in self.cluster.nodes and self.cluster.nodes[name].failure is not None:
                await self.cluster.crash(name)
            if name not in self.cluster.nodes:
                await self.start(name)
        await asyncio.gather(*self.calls)

    async def check(self) -> None:
        """Everything that was said is true."""
        leader = await self.cluster.leader()
        members = [member.name for member in leader.members]
        commands = await self.cluster.settle(*members)
        assert len(set(commands)) == len(commands), "each at most once"
        assert set(self.times) <= set(commands), "acknowledged commands are there"
        assert not self.rejected & set(commands), "rejected ones are not"
        places = {command: place for place, command in enumerate(commands)}
        by_index = sorted(self.times, key=lambda command: self.times[command][2])
        assert by_index == sorted(self.times, key=places.__getitem__), "the index is the place"
        ends: float = -1
        for command, following in pairwise(by_index):
            ends = max(ends, self.times[command][0])
            assert self.times[following][1] >= ends, "what came later in time is not earlier in the log"
        for name in list(self.cluster.nodes):
            await self.cluster.stop(name)


@pytest.mark.slow
@pytest.mark.parametrize("over_tcp", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_what_callers_were_told_is_true(seed: int, over_tcp: bool) -> None:
    async def story(_: Environment) -> None:
        chaos = Chaos(seed, over_tcp)
        await chaos.run()
        await chaos.check()

    simulate(story)
