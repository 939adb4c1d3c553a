# SPDX-License-Identifier: Apache-2.0
"""The blocking node: the same calls from plain threads, on the real environment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.raft_node.world import Journal
from tricord.base.errors import ConfigurationError, InvalidRequest, Stopping
from tricord.base.log import Entry
from tricord.raft import Role
from tricord.raft_node import BlockingNode, NodeConfig


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
