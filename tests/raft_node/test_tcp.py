# SPDX-License-Identifier: Apache-2.0
"""Nodes over TCP: links and codec on a simulated network, then real sockets, plain, with TLS, and with a secret."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
import uvloop

from tests.peers.ports import free_port
from tests.raft_node.test_snapshots import SETTINGS, leave_behind
from tests.raft_node.world import Cluster, Journal, name_of, simulate
from tricord.base.environment import Environment
from tricord.base.errors import ConfigurationError, NoLeader
from tricord.raft import Role
from tricord.raft_node import Committed, Node, NodeConfig, PeerTls, TcpTransport
from tricord.raft_node.tcp_transport import address

Loop = Callable[[], asyncio.AbstractEventLoop]


def test_over_links_nodes_elect_forward_and_survive_the_loss_of_their_leader() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c", over_tcp=True) as cluster:
            await cluster.leader()
            for number, node in enumerate(cluster.nodes.values()):
                assert await node.apply(b"%d" % number) == number + 1
            old = await cluster.leader()
            await cluster.crash(name_of(old))
            await (await cluster.leader()).apply(b"3")
            await cluster.start(name_of(old))
            assert await cluster.settle() == [b"0", b"1", b"2", b"3"]

    simulate(story)


def test_over_links_a_snapshot_reaches_a_node_that_lags() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c", over_tcp=True, **SETTINGS) as cluster:
            behind, commands = await leave_behind(cluster)
            await cluster.start(behind)
            assert await cluster.settle() == commands
            assert cluster.machines[behind].restored == 1

    simulate(story)


def test_over_links_a_node_finds_the_cluster_by_any_of_its_addresses_and_is_added() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c", over_tcp=True) as cluster:
            leader = await cluster.leader()
            await leader.apply(b"first")
            contact = next(name for name in cluster.names if name != name_of(leader))
            await cluster.start("d", join=True, voters={contact: cluster.address(contact)})
            await asyncio.sleep(5)
            assert cluster.nodes["d"].members == []
            await leader.add_voter("d", cluster.address("d"))
            assert await cluster.nodes["d"].apply(b"second") == 2
            assert len(cluster.nodes["d"].members) == 4

    simulate(story)


def test_over_links_another_cluster_is_not_listened_to() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c", over_tcp=True) as cluster:
            leader = await cluster.leader()
            name = next(name for name in cluster.names if name != name_of(leader))
            await cluster.stop(name)
            del cluster.disks[name]
            await cluster.start(name, cluster="another")
            with pytest.raises(NoLeader):
                await cluster.nodes[name].apply(b"stray", timeout=20)
            await leader.apply(b"first")
            assert cluster.machines[name].commands == []
            assert leader.state is Role.LEADER

    simulate(story)


def test_an_address_is_a_host_and_a_port() -> None:
    assert address("[::1]:80") == ("::1", 80)
    assert address("node.example:7000") == ("node.example", 7000)
    for text in ("", "host", "host:", ":80", "host:x", "host:65536"):
        with pytest.raises(ConfigurationError, match="HOST:PORT"):
            address(text)


async def until_committed(node: Node, command: bytes) -> None:
    """Submit it until it is known to be committed: what goes to a leader that is lost has an unknown outcome."""
    while not isinstance(await node.submit(command, 60), Committed):
        pass


def run_three(loop: Loop, folder: Path, transport: Callable[[], TcpTransport]) -> None:
    """A cluster on real sockets and a real disk, that loses its leader."""
    voters = {name: f"127.0.0.1:{free_port()}" for name in "abc"}

    def node(name: str) -> Node:
        config = NodeConfig(name, voters, tick_seconds=0.02)
        return Node(config, Journal(), str(folder / name), transport=transport())

    async def story() -> None:
        nodes = {name: node(name) for name in voters}
        await asyncio.gather(*(one.start() for one in nodes.values()))
        await asyncio.gather(*(until_committed(one, name.encode()) for name, one in nodes.items()))
        while (lost := nodes["a"].leader) not in nodes:  # a busy machine may be choosing another one
            await until_committed(nodes["a"], b"who leads")
        await nodes.pop(lost).shutdown()
        for name, one in nodes.items():
            await until_committed(one, name.encode())
        nodes[lost] = node(lost)
        await nodes[lost].start()
        await nodes[lost].barrier(60)
        assert nodes[lost].stats.applied_index >= 5
        for one in nodes.values():
            await one.shutdown()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(story())


@pytest.mark.slow
@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_on_real_sockets(loop: Loop, tmp_path: Path) -> None:
    run_three(loop, tmp_path, TcpTransport)


@pytest.mark.slow
@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_with_tls(loop: Loop, tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "node.pem"))
    own = str(tmp_path / "node.pem")
    run_three(loop, tmp_path, lambda: TcpTransport(tls=PeerTls(own, own, str(tmp_path / "ca.pem"))))


@pytest.mark.slow
def test_with_a_secret(tmp_path: Path) -> None:
    run_three(uvloop.new_event_loop, tmp_path, lambda: TcpTransport(secret=b"of all nodes"))


def test_a_node_over_tcp_needs_an_address() -> None:
    async def story() -> None:
        with pytest.raises(ConfigurationError, match="HOST:PORT"):
            await Node(NodeConfig("a"), Journal(), transport=TcpTransport()).start()

    asyncio.run(story())
