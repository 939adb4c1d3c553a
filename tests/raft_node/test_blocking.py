# SPDX-License-Identifier: Apache-2.0
"""The blocking node: the same calls from plain threads, on the real environment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from inspect import signature
from pathlib import Path

import pytest

from tests.peers.ports import free_port
from tests.raft_node.world import Journal
from tricord.base.errors import ConfigurationError, InvalidRequest, MembershipRefused, Stopping
from tricord.base.log import Entry
from tricord.raft import Role
from tricord.raft_node import BlockingNode, Committed, Node, NodeConfig


def test_many_threads_share_one_node() -> None:
    machine = Journal()
    with BlockingNode(NodeConfig("server1"), machine) as node:
        assert node.state is Role.LEADER
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(node.apply, [b"%d" % number for number in range(100)]))
        assert sorted(answers) == list(range(1, 101))
        node.barrier()
        assert node.last_index() == 101
        assert node.stats.applied_index == 101


def test_on_disk_a_restart_finds_the_entry(tmp_path: Path) -> None:
    for start in range(2):
        with BlockingNode(NodeConfig("server1"), Journal(), str(tmp_path / "node")) as node:
            assert node.apply(b"test") == start + 1
            assert node.get_log(2).data == b"test"


def test_calls_outside_its_life_end_with_an_error() -> None:
    node = BlockingNode(NodeConfig("server1"), Journal())
    node.shutdown()
    with pytest.raises(Stopping):
        node.apply(b"early")
    node.start()
    node.shutdown()
    node.shutdown()
    with pytest.raises(Stopping):
        node.apply(b"late")


def test_a_start_that_fails_leaves_no_thread_and_no_lock(tmp_path: Path) -> None:
    with BlockingNode(NodeConfig("server1"), Journal(), str(tmp_path)):
        pass
    with pytest.raises(ConfigurationError):
        BlockingNode(NodeConfig("another"), Journal(), str(tmp_path)).start()
    with BlockingNode(NodeConfig("server1"), Journal(), str(tmp_path)) as node:
        assert node.apply(b"test") == 1


def test_a_state_machine_that_calls_its_own_node_is_told_instead_of_waiting_for_ever() -> None:
    class Recursive(Journal):
        def apply(self, batch: list[Entry]) -> list[int]:
            with pytest.raises(InvalidRequest, match="wait for itself"):
                node.apply(b"again")
            return super().apply(batch)

    with BlockingNode(NodeConfig("server1"), Recursive()) as node:
        assert node.apply(b"once") == 1


def test_it_has_every_call_of_the_node() -> None:
    offered = {name for name in vars(Node) if not name.startswith("_")}
    assert offered - {name for name in vars(BlockingNode) if not name.startswith("_")} == set()
    for name in offered:
        ours, theirs = vars(BlockingNode)[name], vars(Node)[name]
        if not isinstance(theirs, property):
            assert list(signature(ours).parameters) == list(signature(theirs).parameters), name


def test_three_nodes_and_their_members_from_plain_threads() -> None:
    voters = {name: f"127.0.0.1:{free_port()}" for name in "abc"}
    nodes = {name: BlockingNode(NodeConfig(name, voters, tick_seconds=0.02), Journal()) for name in voters}
    for node in nodes.values():
        node.start()
    while not (isinstance(nodes["a"].submit(b"first", 60), Committed) and nodes["a"].leader in nodes):
        pass  # a busy machine may be choosing another leader
    leader = nodes[nodes["a"].leader]
    leader.verify_leader()
    assert [member.name for member in leader.add_learner("d")] == ["a", "b", "c", "d"]
    assert [member.address for member in leader.move("d", "127.0.0.1:1")][3] == "127.0.0.1:1"
    assert [member.name for member in leader.remove("d", joint=False)] == ["a", "b", "c"]
    target = next(name for name in nodes if name != leader.leader)
    assert leader.transfer_leadership(target) == target
    nodes["b"].barrier(60)
    assert nodes["b"].snapshot() >= 2
    assert nodes["b"].call(lambda: nodes["b"].stats.role) is nodes["b"].state
    assert nodes["b"].members == leader.members
    with pytest.raises(MembershipRefused):
        nodes[target].promote("a")
    for node in nodes.values():
        node.shutdown()
