# SPDX-License-Identifier: Apache-2.0
"""One simulated machine: its disk outlives the processes on it, its clock may be wrong, its processes die."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from tricord.api.serving import Serving
from tricord.base.environment import Disk, Environment
from tricord.server.bootstrap import invitation
from tricord.server.configuration import Configuration
from tricord.server.founding import Invitation
from tricord.server.peer_links import open_links
from tricord.server.telling import TellsNobody
from tricord.sim.environment import LANE_SECONDS, simulated_environment
from tricord.sim.hosts import HostTasks, Pause
from tricord.sim.wide.host_clock import HostClock
from tricord.sim.wide.host_disk import HostDisk, ProcessDisk
from tricord.transport.peer.hooks import PeerHooks

if TYPE_CHECKING:
    from tricord.sim.wide.world import World

PORT = 2379
SEGMENT_BYTES = 8 << 20


class Lines:
    """A log that is kept."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def info(self, event: str, **fields: Any) -> None:
        self._host.said(event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._host.said(event, fields)


class Host:
    """One machine."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.disk = HostDisk(seed=world.seed)
        self.clock = HostClock(world.loop, world.seed)
        self.starts = 0
        self.lines: list[tuple[str, dict[str, Any]]] = []
        """What its members said, with fields."""
        self.serving: Serving | None = None
        self.lane_seconds: Callable[[], float] = lambda: LANE_SECONDS
        """How long each piece of work with the disk takes."""
        self.started: Callable[[Serving], None] = lambda serving: None
        """Told of each process before it decides anything."""
        self.lost_power: Callable[[], None] = self.kill
        """Called when the disk's power goes in the middle of a call."""
        self._tasks: HostTasks | None = None

    @property
    def member(self) -> Any:
        """The member of the process that runs here."""
        assert self.serving is not None
        return self.serving.member

    @property
    def pausing(self) -> Pause:
        """SIGSTOP and SIGCONT."""
        return self.world.network.pause_of(self.name)

    def said(self, event: str, fields: dict[str, Any]) -> None:
        """The member writes a line to its log."""
        self.lines.append((event, fields))

    def environment(self) -> Environment:
        """The world of a new process on this host."""
        seed = self.world.seed * 1000 + sum(self.name.encode()) * 100 + self.starts
        tasks = HostTasks(self.world.loop, self.pausing)
        tasks.rate = self._rate
        tasks.lane_seconds = self._lane_seconds
        tasks.died_within = self._died_within
        self._tasks = tasks
        disk = cast(Disk, ProcessDisk(self.disk, tasks))
        return simulated_environment(
            self.world.loop, disk, seed, self.world.network.at(self.name), tasks, clock=self.clock
        )

    async def start(self, **settings: Any) -> None:
        """A process starts; it looks for the others after this returns."""
        self.starts += 1
        self.world.network.power(self.name, on=True)
        settings = self.world.settings | settings
        listed = settings.pop("listed", self.world.names)
        defaults: dict[str, Any] = {"listen": f"{self.name}:{PORT}", "segment_bytes": SEGMENT_BYTES}
        configuration = Configuration(
            name=self.name,
            data_dir="/data",
            insecure=True,
            initial_cluster=",".join(f"{name}={name}:{PORT}" for name in listed),
            **defaults | settings,
        )
        environment = self.environment()
        told: Invitation | None = None
        if configuration.initial_cluster_state == "existing" and not self.disk.exists("/data/identity"):
            links = open_links(environment, configuration, PeerHooks())
            told = await invitation(links.query, configuration, TellsNobody())
            links.close()
        serving = Serving(environment, configuration, invitation=told, tells=Lines(self), on_fault=self.world.faulty)
        self.serving = serving
        self.started(serving)
        await serving.start()

    async def stop(self) -> None:
        """SIGTERM."""
        assert self.serving is not None
        serving = self.serving
        await serving.stop(1.0)
        if self.serving is serving:
            self.serving = None

    def kill(self) -> None:
        """SIGKILL on a machine that forgets what it had not synced; the kernel closes the sockets."""
        self._die()
        self.world.network.drop(self.name)
        self.disk.power_cut()

    def exit(self) -> None:
        """The process ends by itself; what it wrote stays in the kernel's cache."""
        self._die()
        self.world.network.drop(self.name)
        self.disk.kill()

    def lose_power(self) -> None:
        """All at once, without a word to anybody."""
        self._die()
        self.world.network.power(self.name, on=False)
        self.world.network.drop(self.name)
        self.disk.power_cut()

    def _rate(self) -> float:
        return self.clock.rate

    def _lane_seconds(self) -> float:
        return self.lane_seconds()

    def _died_within(self) -> None:
        self.lost_power()

    def _die(self) -> None:
        self.pausing.forget()
        if self._tasks is not None:
            self._tasks.die()
        if self.serving is not None:
            self.serving.member.abandon()
        self.serving = None
