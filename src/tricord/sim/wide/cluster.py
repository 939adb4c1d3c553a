# SPDX-License-Identifier: Apache-2.0
"""A simulated cluster in the hands of a test: clients, time, and what goes wrong (docs/testing.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from tricord.aio import AsyncClient
from tricord.base.errors import TricordError
from tricord.sim.host_network import Condition
from tricord.sim.wide.cluster_run import ClusterRun
from tricord.sim.wide.keeper import Keeper
from tricord.sim.wide.settling import settle


class Cluster:
    """Members ``n1``, ``n2``, ... that run, with a leader. Time passes only while something is awaited."""

    def __init__(self, run: ClusterRun) -> None:
        self._run = run
        self._clients = 0

    @property
    def members(self) -> list[str]:
        """Their names, of those that are dead too."""
        return list(self._run.keepers)

    @property
    def leader(self) -> str | None:
        """Who leads now; None: nobody."""
        leader = self._run.leader()
        return leader.host.name if leader is not None else None

    @property
    def now(self) -> float:
        """Seconds since the cluster first had a leader."""
        return self._run.now()

    @property
    def lines(self) -> list[str]:
        """What happened so far, a line each."""
        return [f"{at - self._run.zero:.3f} {what}" for at, what in self._run.story]

    def client(self, *members: str, host: str = "", timeout: float = 5.0) -> AsyncClient:
        """A client of these members, or of all, on a host of its own: by its name it can be cut off."""
        self._clients += 1
        seed = self._run.plan.seed * 1000 + self._clients
        return self._run.world.client(*members, host=host or f"client{self._clients}", seed=seed, timeout=timeout)

    async def sleep(self, seconds: float) -> None:
        """Let time pass. An hour of an idle member takes about a second."""
        await asyncio.sleep(seconds)

    async def until_led(self, within: float = 10.0) -> str:
        """Wait for a leader that all running members know; its name. Raises TimeoutError."""
        return await self._run.world.led(within=within)

    async def settle(self) -> None:
        """Heal all, start all, and demand that the cluster elects, serves and agrees. What it breaks fails the test."""
        await settle(self._run)

    # --- processes -----------------------------------------------------------------------------------------

    def kill(self, member: str) -> None:
        """The process dies at once, with all that it had not synced. It stays dead until ``start``."""
        keeper = self._held(member)
        if keeper.host.serving is not None:
            keeper.kill()

    async def start(self, member: str) -> None:
        """Start a process that was killed or stopped."""
        keeper = self._run.keepers[member]
        keeper.held_down = 0
        await keeper.start()

    async def stop(self, member: str) -> None:
        """Stop in order, as by SIGTERM. It stays down until ``start``."""
        await self._held(member).stop()

    def pause(self, member: str) -> None:
        """Nothing runs on the host until ``resume``; its clocks go on."""
        self._run.keepers[member].host.pausing.begin()

    def resume(self, member: str) -> None:
        """It goes on."""
        self._run.keepers[member].host.pausing.end()

    async def move_leader(self, member: str) -> bool:
        """Ask the leader to hand over to this member; whether it did."""
        leader = self._run.leader()
        if leader is None:
            return False
        try:
            await leader.host.member.engine.move_leader(self._run.keepers[member].member)
        except TricordError:
            return False
        return True

    # --- network and clocks --------------------------------------------------------------------------------

    def partition(self, some: Iterable[str], others: Iterable[str]) -> None:
        """Nothing passes between these and those (members, or hosts of clients), until ``heal``."""
        there = list(others)
        for one in some:
            for other in there:
                self._run.world.network.cut(one, other)

    def isolate(self, host: str) -> None:
        """Nothing passes between the member, or a client's host, and any member."""
        self.partition([host], [other for other in self.members if other != host])

    def delay(self, seconds: float, *members: str) -> None:
        """What these members (or all) send to each other takes up to so much longer, until ``heal``."""
        chosen = list(members) or self.members
        routes = [(one, other) for one in chosen for other in self.members if one != other]
        self._run.world.network.impose([*routes, *((b, a) for a, b in routes)], Condition(delay=seconds))

    def break_connections(self, *members: str) -> None:
        """Connections of these members (or all) break in the middle of what they carry next."""
        self._run.world.network.reset(members or self.members, self._run.chance.random())

    def heal(self) -> None:
        """The network is as it should be; what was held up arrives."""
        self._run.world.network.heal()

    def jump_wall_clock(self, member: str, seconds: float) -> None:
        """The member's wall clock is suddenly so far ahead, or behind."""
        self._run.keepers[member].host.clock.wall_offset += seconds

    def run_clock_at(self, member: str, rate: float) -> None:
        """The member's clocks run so fast; 1.0 is right."""
        self._run.keepers[member].host.clock.run_at(rate)

    def fill_disk(self, member: str, *, full: bool = True) -> None:
        """The member's disk has no room, or has again."""
        keeper = self._run.keepers[member]
        keeper.may_fail += full - bool(keeper.may_fail and not full)
        keeper.host.disk.is_full = full

    def _held(self, member: str) -> Keeper:
        keeper = self._run.keepers[member]
        keeper.held_down = max(1, keeper.held_down)
        return keeper
