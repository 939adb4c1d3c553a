# SPDX-License-Identifier: Apache-2.0
"""Three nodes in one process, on virtual time: they elect, replicate, and survive the loss of their leader."""

from __future__ import annotations

import asyncio

from tests.raft_node.world import Journal, simulate
from tricord.base.environment import Environment
from tricord.base.errors import NoLeader
from tricord.raft import Role
from tricord.raft_node import MemoryNetwork, Node, NodeConfig

NAMES = ("a", "b", "c")


class Trio:
    """The nodes a, b and c."""

    def __init__(self, environment: Environment) -> None:
        self.network = MemoryNetwork()
        self.machines = {name: Journal() for name in NAMES}
        self.nodes = {
            name: Node(
                NodeConfig(name, NAMES),
                self.machines[name],
                transport=self.network.transport(name),
                environment=environment,
            )
            for name in NAMES
        }

    async def leader(self, *among: str) -> str:
        """Wait until one of these leads."""
        while True:
            leading = [name for name in among or NAMES if self.nodes[name].state is Role.LEADER]
            if leading:
                return max(leading, key=lambda name: self.nodes[name].stats.term)
            await asyncio.sleep(0.1)

    async def apply(self, command: bytes, *among: str) -> None:
        """Through whoever leads, until it is done."""
        while True:
            try:
                await self.nodes[await self.leader(*among)].apply(command)
            except NoLeader:
                continue
            return


def test_three_nodes_elect_replicate_and_survive_the_loss_of_their_leader() -> None:
    async def story(environment: Environment) -> None:
        trio = Trio(environment)
        for node in trio.nodes.values():
            await node.start()
        await trio.apply(b"first")
        old = await trio.leader()
        others = [name for name in NAMES if name != old]
        await trio.nodes[others[0]].apply(b"at a follower")

        trio.network.cut(old)
        stranded = asyncio.ensure_future(trio.nodes[old].apply(b"stranded", timeout=60))
        await trio.apply(b"second", *others)
        trio.network.heal()
        # It could never be committed where it was, so it was proposed again.
        await stranded
        await asyncio.sleep(1)
        commands = [b"first", b"at a follower", b"second", b"stranded"]
        assert [machine.commands for machine in trio.machines.values()] == [commands] * 3
        await trio.nodes[await trio.leader()].barrier()
        for node in trio.nodes.values():
            await node.shutdown()

    simulate(story)
