# SPDX-License-Identifier: Apache-2.0
"""Whole members on simulated hosts: disks that survive a process, a network that can be cut, virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tricord import aio
from tricord.base.environment import Environment
from tricord.sim.environment import simulated_environment
from tricord.sim.host_network import HostNetwork
from tricord.sim.virtual_loop import VirtualLoop
from tricord.sim.wide.host import PORT, Host
from tricord.storage.memory_disk import MemoryDisk


class World:
    """All hosts and one client's side."""

    def __init__(self, seed: int, names: tuple[str, ...] = ("n1", "n2", "n3"), loop: VirtualLoop | None = None) -> None:
        self.seed = seed
        self.settings: dict[str, Any] = {}
        """Of every member that starts."""
        self.loop = loop or VirtualLoop()
        self.network = HostNetwork(self.loop, seed=seed)
        self.names = names
        self.faulty: Callable[[BaseException, str], None] | None = None
        """Told of what fails behind a door of any member."""
        self.hosts = {name: Host(self, name) for name in names}

    def __getitem__(self, name: str) -> Host:
        if name not in self.hosts:
            self.hosts[name] = Host(self, name)
        return self.hosts[name]

    async def start(self) -> None:
        """All processes start, and have a leader."""
        for host in self.hosts.values():
            await host.start()
        await self.led(within=30.0)  # votes may be split again and again

    async def led(self, *, within: float = 3.0) -> str:
        """Wait for a leader that all running members know; its name."""
        async with asyncio.timeout(within):
            while True:
                leaders = {host.member.replica.leader for host in self.running()}
                named = [host.name for host in self.running() if {host.member.identity.member} == leaders]
                if named:
                    return named[0]
                await asyncio.sleep(0.01)

    async def leader_and_follower(self) -> tuple[str, str]:
        """The names of who leads and of another one, as soon as there is a leader."""
        leader = await self.led()
        return leader, next(name for name in self.names if name != leader)

    def isolate(self, name: str) -> None:
        """Nothing passes between this host and those of the other members."""
        for other in self.names:
            if other != name:
                self.network.cut(name, other)

    def running(self) -> list[Host]:
        return [host for host in self.hosts.values() if host.serving is not None]

    def client_environment(self, host: str, seed: int) -> Environment:
        """The world of a client on a host of its own."""
        return simulated_environment(self.loop, MemoryDisk(seed=0), seed, self.network.at(host))

    def client(
        self, *names: str, host: str = "client", seed: int | None = None, timeout: float = 5.0
    ) -> aio.AsyncClient:
        """A client of these hosts, or of all; ``seed`` draws its choices."""
        environment = self.client_environment(host, self.seed + 7 if seed is None else seed)
        endpoints = [f"{name}:{PORT}" for name in names or self.names]
        return aio.connect(endpoints, environment=environment, timeout=timeout)

    def play(self, story: Callable[[World], Coroutine[Any, Any, None]]) -> None:
        """Run the story, stop who runs then, and close the loop."""

        async def whole() -> None:
            try:
                await story(self)
            finally:
                for host in self.running():
                    await host.stop()

        try:
            self.loop.run_until_complete(whole())
        finally:
            self.loop.close()
