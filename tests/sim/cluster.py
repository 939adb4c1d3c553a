# SPDX-License-Identifier: Apache-2.0
"""Whole members on simulated hosts: disks that survive a process, a network that can be cut, virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tricord import aio
from tricord.api.serving import Serving
from tricord.base.environment import Environment
from tricord.server.bootstrap import invitation
from tricord.server.configuration import Configuration
from tricord.server.founding import Invitation
from tricord.server.peer_links import open_links
from tricord.server.telling import TellsNobody
from tricord.sim.environment import simulated_environment
from tricord.sim.hosts import HostNetwork, PausableTasks, Pause
from tricord.sim.virtual_loop import VirtualLoop
from tricord.storage.memory_disk import MemoryDisk
from tricord.transport.peer.hooks import PeerHooks

PORT = 2379


class Lines:
    """A log that is kept."""

    def __init__(self, lines: list[tuple[str, dict[str, Any]]]) -> None:
        self._lines = lines

    def info(self, event: str, **fields: Any) -> None:
        self._lines.append((event, fields))

    def warning(self, event: str, **fields: Any) -> None:
        self._lines.append((event, fields))


class Host:
    """One machine: its disk outlives the processes on it."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.disk = MemoryDisk(seed=world.seed)
        self.starts = 0
        self.lines: list[tuple[str, dict[str, Any]]] = []
        """What its members said, with fields."""
        self.serving: Serving | None = None

    @property
    def member(self) -> Any:
        assert self.serving is not None
        return self.serving.member

    def environment(self) -> Environment:
        seed = self.world.seed * 1000 + sum(self.name.encode()) * 100 + self.starts
        tasks = PausableTasks(self.world.loop, self.pausing)
        return simulated_environment(self.world.loop, self.disk, seed, self.world.network.at(self.name), tasks)

    @property
    def pausing(self) -> Pause:
        """SIGSTOP and SIGCONT."""
        return self.world.network.pause_of(self.name)

    async def start(self, **settings: Any) -> None:
        """A process starts; it looks for the others after this returns."""
        self.starts += 1
        settings = self.world.settings | settings
        listed = settings.pop("listed", self.world.names)
        configuration = Configuration(
            name=self.name,
            data_dir="/data",
            listen=f"{self.name}:{PORT}",
            insecure=True,
            segment_bytes=8 << 20,
            initial_cluster=",".join(f"{name}={name}:{PORT}" for name in listed),
            **settings,
        )
        environment = self.environment()
        told: Invitation | None = None
        if configuration.initial_cluster_state == "existing" and not self.disk.exists("/data/identity"):
            links = open_links(environment, configuration, PeerHooks())
            told = await invitation(links.query, configuration, TellsNobody())
            links.close()
        self.serving = Serving(environment, configuration, invitation=told, tells=Lines(self.lines))
        await self.serving.start()

    async def stop(self) -> None:
        """SIGTERM."""
        assert self.serving is not None
        await self.serving.stop(1.0)
        self.serving = None

    def kill(self) -> None:
        """SIGKILL, and the kernel closes the sockets."""
        assert self.serving is not None
        self.pausing.forget()
        self.serving.member.abandon()
        self.serving.server.abort()
        self.disk.power_cut()
        self.serving = None


class World:
    """All hosts and one client's side."""

    def __init__(self, seed: int, names: tuple[str, ...] = ("n1", "n2", "n3")) -> None:
        self.seed = seed
        self.settings: dict[str, Any] = {}
        """Of every member that starts."""
        self.loop = VirtualLoop()
        self.network = HostNetwork(self.loop)
        self.names = names
        self.hosts = {name: Host(self, name) for name in names}

    def __getitem__(self, name: str) -> Host:
        if name not in self.hosts:
            self.hosts[name] = Host(self, name)
        return self.hosts[name]

    async def start(self) -> None:
        """All processes start, and have a leader."""
        for host in self.hosts.values():
            await host.start()
        await self.led()

    async def led(self, *, within: float = 3.0) -> str:
        """Wait for a leader that all running members know; its name."""
        async with asyncio.timeout(within):
            while True:
                leaders = {host.member.replica.leader for host in self.running()}
                named = [host.name for host in self.running() if {host.member.identity.member} == leaders]
                if named:
                    return named[0]
                await asyncio.sleep(0.01)

    def running(self) -> list[Host]:
        return [host for host in self.hosts.values() if host.serving is not None]

    def client(self, *names: str) -> aio.AsyncClient:
        """A client of these hosts, or of all."""
        environment = simulated_environment(self.loop, MemoryDisk(seed=0), self.seed + 7, self.network.at("client"))
        return aio.connect([f"{name}:{PORT}" for name in names or self.names], environment=environment)

    def play(self, story: Callable[[World], Coroutine[Any, Any, None]]) -> None:
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
