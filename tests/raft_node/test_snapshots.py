# SPDX-License-Identifier: Apache-2.0
"""Snapshots: when they are taken, how one reaches a node that needs entries which are gone, and what damage does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, BinaryIO

import pytest

from tests.raft_node.world import Cluster, Journal, name_of, node_on, simulate
from tricord.base.environment import Environment
from tricord.raft_node import MemoryNetwork, SnapshotDamaged, SnapshotReceived, SnapshotTaken
from tricord.raft_node.memory_transport import MemoryTransport
from tricord.storage.memory_disk import PowerLost
from tricord.wire.peer.snapshot import SnapshotOffer

SETTINGS: dict[str, Any] = {"snapshot_entries": 10, "trailing_entries": 2}


async def leave_behind(cluster: Cluster, commands: int = 600) -> tuple[str, list[bytes]]:
    """One node is down while the others go on, far enough that the leader's log lacks what it needs."""
    leader = await cluster.leader()
    behind = next(name for name in cluster.names if name != name_of(leader))
    await cluster.settle()
    await cluster.crash(behind)
    for first in range(0, commands, 50):
        await asyncio.gather(*(leader.apply(b"%d" % (first + number)) for number in range(50)))
    return behind, [b"%d" % number for number in range(commands)]


def test_a_node_that_lags_too_far_is_brought_a_snapshot_and_goes_on_behind_it() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c", **SETTINGS) as cluster:
            behind, commands = await leave_behind(cluster)
            await cluster.start(behind)
            assert await cluster.settle() == commands
            machine, node = cluster.machines[behind], cluster.nodes[behind]
            assert machine.restored == 1
            received = [one for one in cluster.seen[behind] if isinstance(one, SnapshotReceived)]
            assert [one.leader for one in received] == [node.leader]
            await node.apply(b"more")
            await cluster.crash(behind)
            await cluster.start(behind)
            assert await cluster.settle() == [*commands, b"more"]

    simulate(story)


def test_a_power_cut_at_every_call_of_the_disk_while_a_snapshot_is_installed_loses_nothing() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c", **SETTINGS) as cluster:
            behind, commands = await leave_behind(cluster)
            disk = cluster.disks[behind]
            cuts = 0
            while disk.power_cuts == cuts + 1:
                cuts += 1
                disk.cut_at = disk.calls + cuts
                try:
                    await cluster.start(behind)
                    await asyncio.sleep(0.5)
                except PowerLost:
                    disk.power_cut()
                    continue
                if disk.calls < disk.cut_at:
                    break
                await cluster.crash(behind)
            assert cuts > 30
            disk.cut_at = None
            assert await cluster.settle() == commands

    simulate(story)


def test_a_snapshot_on_request_cuts_the_log() -> None:
    async def story(environment: Environment) -> None:
        async with node_on(environment, Journal(), "/data", trailing_entries=0, snapshots_kept=1) as node:
            seen: list[object] = []
            node.observe(seen.append)
            for number in range(5):
                await node.apply(b"%d" % number)
            assert await node.snapshot() == 6
            assert await node.snapshot() == 6, "nothing is new"
            assert seen == [SnapshotTaken(6)]
            assert (node.stats.snapshot_index, node.last_index()) == (6, 6)
            await node.apply(b"5")
            assert node.get_log(7).data == b"5"

    simulate(story)


def test_many_bytes_are_a_reason_too() -> None:
    async def story(environment: Environment) -> None:
        async with node_on(environment, Journal(), "/data", snapshot_bytes=1000) as node:
            for _ in range(3):
                await node.apply(bytes(400))
            await asyncio.sleep(1)
            assert node.stats.snapshot_index == 4

    simulate(story)


def test_a_machine_that_gives_a_view_of_itself_goes_on_while_the_view_is_written() -> None:
    class Viewed(Journal):
        def capture(self) -> Callable[[BinaryIO], object]:
            commands = list(self.commands)
            return lambda stream: stream.write(b"\n".join(commands))

        def snapshot(self, stream: BinaryIO) -> None:
            raise AssertionError("the view is used in its place")

    async def story(environment: Environment) -> None:
        async with node_on(environment, Viewed(), "/data") as node:
            await node.apply(b"a")
            taking = asyncio.ensure_future(node.snapshot())
            await node.apply(b"b")
            assert await taking == 2
        again = Viewed()
        async with node_on(environment, again, "/data"):
            assert (again.restored, again.commands) == (1, [b"a", b"b"])

    simulate(story)


class DamagingNetwork(MemoryNetwork):
    """Turns a bit around in the first few snapshots that are sent."""

    damages = 2

    def transport(self) -> MemoryTransport:
        return DamagingTransport(self)


class DamagingTransport(MemoryTransport):
    async def send_snapshot(self, member: int, offer: SnapshotOffer, read: Callable[[int, int], bytes]) -> bool:
        network = self._network
        assert isinstance(network, DamagingNetwork)
        if not network.damages:
            return await super().send_snapshot(member, offer, read)
        network.damages -= 1
        return await super().send_snapshot(
            member, offer, lambda offset, size: bytes([read(offset, size)[0] ^ 1]) + read(offset, size)[1:]
        )


def test_a_snapshot_that_is_damaged_on_its_way_is_refused_and_sent_again() -> None:
    async def story(_: Environment) -> None:
        cluster = Cluster("a", "b", "c", **SETTINGS)
        network = cluster.network = DamagingNetwork()
        async with cluster:
            behind, commands = await leave_behind(cluster)
            await cluster.start(behind)
            assert await cluster.settle() == commands
            assert network.damages == 0

    simulate(story)


def test_a_snapshot_that_is_damaged_on_the_leaders_disk_is_not_sent_but_another_one() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c", **SETTINGS) as cluster:
            behind, commands = await leave_behind(cluster)
            leader = await cluster.leader()
            disk = cluster.disks[name_of(leader)]
            for name in disk.list("/data/snapshots"):
                disk.flip(f"/data/snapshots/{name}", 500)
            await cluster.start(behind)
            assert await cluster.settle() == commands
            damaged = [one for one in cluster.seen[name_of(leader)] if isinstance(one, SnapshotDamaged)]
            assert damaged

    simulate(story)


@pytest.mark.parametrize("seed", range(3))
def test_a_snapshot_holds_the_configuration(seed: int) -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c", seed=seed, **SETTINGS) as cluster:
            leader = await cluster.leader()
            await cluster.settle()
            await cluster.join("d")
            await leader.add_learner("d")
            for number in range(600):
                await leader.apply(b"%d" % number)
            await cluster.join("e")
            await leader.add_learner("e")
            assert len(await cluster.settle()) == 600
            assert cluster.nodes["e"].members == leader.members
            assert cluster.machines["e"].restored == 1
            for name in ("d", "e"):
                await cluster.crash(name)
                await cluster.join(name)
                assert cluster.nodes[name].members == leader.members

    simulate(story)
