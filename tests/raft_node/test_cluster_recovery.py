# SPDX-License-Identifier: Apache-2.0
"""A cluster that lost its majority for good: what a recovery takes over, what it refuses, and who is kept out."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from tests.raft_node.world import Cluster, name_of, simulate
from tricord.base.environment import Environment
from tricord.base.errors import ConfigurationError
from tricord.raft_node import Committed, RecoveryReport, recover_cluster
from tricord.sim.environment import SeededRandom
from tricord.storage.memory_disk import PowerLost


def recover(nodes: Cluster, name: str, survivors: list[str], given_up: list[str], **changed: Any) -> RecoveryReport:
    arguments: dict[str, Any] = {
        "source": "/data",
        "target": "/recovered",
        "local_id": name,
        "cluster": "raft",
        "new_cluster": "raft-2",
        "survivors": survivors,
        "given_up": given_up,
        "disk": nodes.disks[name],
        "random": SeededRandom(1),
    }
    return recover_cluster(**(arguments | changed))


async def lose_two(cluster: Cluster, **settings: Any) -> list[bytes]:
    """Some commands, and then only a is left; what it holds."""
    for number in range(20):
        await (await cluster.leader()).apply(b"%d" % number)
    commands = await cluster.settle()
    for name in cluster.names:
        await cluster.stop(name)
    return commands


@pytest.mark.parametrize("settings", [{}, {"snapshot_entries": 8, "trailing_entries": 2}])
def test_one_survivor_goes_on_alone_and_those_given_up_stay_out(
    settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async def story(_: Environment) -> None:
        cluster = Cluster("a", "b", "c", **settings)
        await cluster.start(*cluster.names)
        commands = await lose_two(cluster)
        report = recover(cluster, "a", ["a"], ["b", "c"])
        assert (report.members, report.given_up, report.dropped_changes) == (["a"], ["b", "c"], [])
        assert report.committed_index <= report.last_index
        assert [record.levelno for record in caplog.records if "forcing a new cluster" in record.message] == [
            logging.CRITICAL
        ]

        await cluster.start("a", directory="/recovered", cluster="raft-2")
        alone = cluster.nodes["a"]
        assert await alone.apply(b"alone") == len(commands) + 1
        assert [member.name for member in alone.members] == ["a"]
        assert alone.stats.term >= 1 << 32, "above any term of the old cluster"
        # Those that were given up come back after all, and even elect a leader: nobody meets.
        await cluster.start("b", "c")
        await (await cluster.leader("b", "c")).apply(b"apart")
        assert cluster.machines["a"].commands == [*commands, b"alone"]
        assert await cluster.settle("b", "c") == [*commands, b"apart"]

        await cluster.join("d", cluster="raft-2")
        await alone.add_voter("d")
        assert await cluster.nodes["d"].apply(b"both") == len(commands) + 2
        for name in list(cluster.nodes):
            await cluster.stop(name)

    simulate(story)


def test_the_survivor_with_more_of_the_log_decides_and_nothing_that_it_has_is_lost() -> None:
    async def story(_: Environment) -> None:
        cluster = Cluster("a", "b", "c", "d", "e")
        await cluster.start(*cluster.names)
        leader = await cluster.leader()
        await leader.apply(b"known to all")
        await cluster.settle()
        ahead, behind = [name for name in cluster.names if name != name_of(leader)][:2]
        cluster.network.cut(behind)
        assert isinstance(await leader.submit(b"not known to one"), Committed)
        await asyncio.sleep(1)
        await leader.add_learner("nobody")
        for name in cluster.names:
            await cluster.stop(name)
        cluster.network.heal()
        given_up = sorted({*cluster.names, "nobody"} - {ahead, behind})
        reports = {}
        for name in (ahead, behind):
            known = given_up if name == ahead else [one for one in given_up if one != "nobody"]
            reports[name] = recover(cluster, name, [ahead, behind], known)
        assert len(reports[ahead].dropped_changes) == 1
        await cluster.start(ahead, behind, directory="/recovered", cluster="raft-2")
        await (await cluster.leader()).apply(b"on")
        assert await cluster.settle() == [b"known to all", b"not known to one", b"on"]
        assert [member.name for member in cluster.nodes[ahead].members] == sorted([ahead, behind])
        for name in list(cluster.nodes):
            await cluster.stop(name)

    simulate(story)


def test_it_is_refused_where_it_is_not_meant_and_makes_nothing() -> None:
    async def story(_: Environment) -> None:
        cluster = Cluster("a", "b", "c")
        await cluster.start(*cluster.names)
        await lose_two(cluster)
        for survivors, given_up, changed, word in (
            (["a", "b"], ["c"], {}, "majority"),
            (["a"], ["b"], {}, "b, c"),
            (["a"], ["b", "c", "d"], {}, "b, c"),
            (["a", "d"], ["b", "c"], {}, "d did not belong"),
            (["b"], ["a", "c"], {}, "none of the survivors"),
            (["a"], ["b", "c"], {"new_cluster": "raft"}, "another name"),
            (["a"], ["b", "c"], {"cluster": "other"}, "another cluster"),
            (["a"], ["b", "c"], {"source": "/nothing"}, "no node's data"),
            (["a"], ["b", "c"], {"target": "/data"}, "already"),
        ):
            with pytest.raises(ConfigurationError, match=word):
                recover(cluster, "a", survivors, given_up, **changed)
        assert not cluster.disks["a"].exists("/recovered")

    simulate(story)


def test_a_recovery_that_is_cut_short_is_not_taken_for_one_and_can_be_run_again() -> None:
    async def story(_: Environment) -> None:
        cluster = Cluster("a", "b", "c", snapshot_entries=8, trailing_entries=2)
        await cluster.start(*cluster.names)
        commands = await lose_two(cluster)
        disk = cluster.disks["a"]
        cuts = 0
        while True:
            disk.cut_at = disk.calls + cuts * 7 + 1
            try:
                recover(cluster, "a", ["a"], ["b", "c"])
                break
            except PowerLost:
                disk.power_cut()
                cuts += 1
                if disk.exists("/recovered"):
                    break
        disk.cut_at = None
        assert cuts > 5
        await cluster.start("a", directory="/recovered", cluster="raft-2")
        assert await cluster.settle() == commands
        await cluster.stop("a")

    simulate(story)
