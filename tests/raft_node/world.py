# SPDX-License-Identifier: Apache-2.0
"""Nodes on a simulated loop and disk, and the state machine that they replicate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, BinaryIO, TypeVar

from tricord.base.environment import Environment
from tricord.base.log import Entry
from tricord.raft_node import Node, NodeConfig, open_disk_stores
from tricord.sim.environment import simulated_environment
from tricord.sim.virtual_loop import VirtualLoop
from tricord.storage.memory_disk import MemoryDisk

T = TypeVar("T")


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
        # Small log files, so that a short story needs several.
        stores = open_disk_stores(environment.disk, environment.random, directory, "server1", segment_bytes=1 << 14)
    return Node(NodeConfig("server1", **settings), machine, stores=stores, environment=environment)
