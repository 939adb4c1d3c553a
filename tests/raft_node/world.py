# SPDX-License-Identifier: Apache-2.0
"""Nodes on a simulated loop and disk, and the state machine that they replicate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, BinaryIO, TypeVar

from tricord.base.environment import Environment
from tricord.base.log import Entry
from tricord.raft import Role
from tricord.raft_node import MemoryNetwork, Node, NodeConfig, Observation, TcpTransport, open_disk_stores
from tricord.sim import network as sim
from tricord.sim.environment import simulated_environment
from tricord.sim.virtual_loop import VirtualLoop
from tricord.storage.memory_disk import MemoryDisk

T = TypeVar("T")

SEGMENT_BYTES = 1 << 14
"""Small log files, so that a short story needs several."""


class Journal:
    """Keeps all commands; answers with their number. ``broken`` makes it fail."""

    def __init__(self) -> None:
        self.commands: list[bytes] = []
        self.batches: list[int] = []
        self.restored = 0
        self.broken = False

    def apply(self, batch: list[Entry]) -> list[int]:
        if self.broken:
            raise ValueError("cannot apply")
        self.batches.append(len(batch))
        answers = []
        for entry in batch:
            self.commands.append(entry.data)
            answers.append(len(self.commands))
        return answers

    def snapshot(self, stream: BinaryIO) -> None:
        stream.write(b"\n".join(self.commands))

    def restore(self, stream: BinaryIO) -> None:
        self.restored += 1
        self.commands = stream.read().splitlines()


def simulate(main: Callable[[Environment], Coroutine[Any, Any, T]], disk: MemoryDisk | None = None) -> T:
    """Run in virtual time; nothing waits."""
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main(simulated_environment(loop, disk or MemoryDisk(), seed=1)))


def node_on(environment: Environment, machine: Journal, directory: str | None = None, **settings: Any) -> Node:
    """A node named ``server1``, alone."""
    stores = None
    if directory is not None:
        stores = open_disk_stores(
            environment.disk, environment.random, directory, "server1", segment_bytes=SEGMENT_BYTES
        )
    return Node(NodeConfig("server1", **settings), machine, stores=stores, environment=environment)


class Cluster:
    """Nodes in one simulation, each with a disk of its own that a power cut hits alone. Needs a running loop."""

    def __init__(self, *names: str, seed: int = 1, over_tcp: bool = False, **settings: Any) -> None:
        """``over_tcp``: through the links and their codec, on a network that is simulated."""
        self.network = MemoryNetwork()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.loop = loop
        self.wires = sim.MemoryNetwork(loop) if over_tcp else None
        self.names = names
        self.seed = seed
        self.settings = settings
        self.disks: dict[str, MemoryDisk] = {}
        self.machines: dict[str, Journal] = {}
        self.nodes: dict[str, Node] = {}
        """Those that run."""
        self.seen: dict[str, list[Observation]] = {}

    async def __aenter__(self) -> Cluster:
        await self.start(*self.names)
        return self

    async def __aexit__(self, *_: object) -> None:
        for name in list(self.nodes):
            await self.stop(name)

    async def start(self, *names: str, directory: str = "/data", **settings: Any) -> None:
        """Begin, or go on from their disks."""
        for name in names:
            self.seed += 1
            disk = self.disks.setdefault(name, MemoryDisk(seed=self.seed))
            environment = simulated_environment(self.loop, disk, seed=self.seed, network=self.wires)
            voters: Any = {one: self.address(one) for one in self.names} if self.wires else self.names
            config = NodeConfig(name, **{"voters": voters, **self.settings, **settings})
            stores = open_disk_stores(
                disk,
                environment.random,
                directory,
                name,
                cluster=config.cluster,
                snapshots_kept=config.snapshots_kept,
                segment_bytes=SEGMENT_BYTES,
            )
            machine = self.machines[name] = Journal()
            transport = TcpTransport(self.address(name)) if self.wires else self.network.transport()
            node = Node(config, machine, stores=stores, transport=transport, environment=environment)
            node.observe(self.seen.setdefault(name, []).append)
            await node.start()
            self.nodes[name] = node

    def address(self, name: str) -> str:
        """Where it listens."""
        return f"127.0.0.1:{7000 + ord(name[0])}"

    async def join(self, *names: str, **settings: Any) -> None:
        """New nodes that wait to be added."""
        await self.start(*names, join=True, **settings)

    async def stop(self, name: str) -> None:
        """In order."""
        await self.nodes.pop(name).shutdown()

    async def crash(self, name: str) -> None:
        """The power goes: what was not synced is lost."""
        node = self.nodes.pop(name)
        host = node._host
        assert host is not None
        self.disks[name].power_cut()
        host.fail(OSError("the power went"))
        await host.close()

    async def leader(self, *among: str) -> Node:
        """Wait until one of these leads, of several the one of the highest term."""
        while True:
            leading = [
                node for name, node in self.nodes.items() if node.state is Role.LEADER and (not among or name in among)
            ]
            if leading:
                return max(leading, key=lambda node: node.stats.term)
            await asyncio.sleep(0.05)

    async def settle(self, *names: str) -> list[bytes]:
        """Wait until these, or all that run, have applied the same; the commands."""
        await (await self.leader(*names)).barrier()
        while True:
            nodes = [self.nodes[name] for name in names or self.nodes]
            if len({(node.stats.applied_index, node.stats.commit_index, node.last_index()) for node in nodes}) == 1:
                break
            await asyncio.sleep(0.05)
        found = [self.machines[name].commands for name in names or self.nodes]
        assert all(commands == found[0] for commands in found)
        return found[0]


def name_of(node: Node) -> str:
    """Its local id."""
    return node._config.local_id
