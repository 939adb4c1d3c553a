# SPDX-License-Identifier: Apache-2.0
"""Three nodes on virtual time and disks of their own: they elect, replicate, and survive the loss of their leader."""

from __future__ import annotations

import asyncio

import pytest

from tests.raft_node.world import Cluster, Journal, name_of, simulate
from tricord.base.environment import Environment
from tricord.base.errors import ConfigurationError, DeadlineExceeded, NoLeader, OutcomeUnknown
from tricord.raft import Role
from tricord.raft_node import (
    Committed,
    LeaderChanged,
    MembersChanged,
    Node,
    NodeConfig,
    Rejected,
    RoleChanged,
    Unknown,
)


def test_every_node_takes_commands_and_answers_with_its_own_machine() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c") as cluster:
            leader = await cluster.leader()
            first = leader.last_index() + 1
            for number, node in enumerate(cluster.nodes.values()):
                assert await node.submit(b"%d" % number) == Committed(first + number, number + 1)
            assert await cluster.settle() == [b"0", b"1", b"2"]
            assert {node.leader for node in cluster.nodes.values()} == {name_of(leader)}

    simulate(story)


def test_many_commands_from_all_nodes_at_once_are_each_carried_out_once() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c") as cluster:
            await cluster.leader()
            futures = [
                node.submit(b"%s%d" % (name.encode(), number))
                for number in range(100)
                for name, node in cluster.nodes.items()
            ]
            outcomes = await asyncio.gather(*futures)
            commands = await cluster.settle()
            assert sorted(outcome.result for outcome in outcomes if isinstance(outcome, Committed)) == [*range(1, 301)]
            assert len(set(commands)) == len(commands) == 300
            for name in cluster.names:
                own = [command for command in commands if command.startswith(name.encode())]
                assert own == [b"%s%d" % (name.encode(), number) for number in range(100)], "in the order of asking"

    simulate(story)


def test_a_lost_leader_is_replaced_and_its_stranded_command_is_carried_out_once_by_the_next() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c") as cluster:
            old = await cluster.leader()
            await old.apply(b"first")
            others = [name for name in cluster.names if name != name_of(old)]
            cluster.network.cut(name_of(old))
            stranded = old.submit(b"stranded", timeout=60)
            new = await cluster.leader(*others)
            await new.apply(b"second")
            cluster.network.heal()
            assert isinstance(await stranded, Committed)
            assert await cluster.settle() == [b"first", b"second", b"stranded"]
            assert old.state is Role.FOLLOWER

    simulate(story)


def test_a_command_whose_fate_nobody_can_tell_in_time_is_said_to_be_unknown() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c") as cluster:
            old = await cluster.leader()
            cluster.network.cut(name_of(old))
            outcome = await old.submit(b"stranded", timeout=0.2)
            assert isinstance(outcome, Unknown) and isinstance(outcome.error, OutcomeUnknown)
            with pytest.raises(OutcomeUnknown):
                await old.apply(b"another", timeout=0.2)
            assert old.stats.waiting == 0

    simulate(story)


def test_without_a_leader_a_command_is_rejected_in_time_and_never_carried_out_later() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c") as cluster:
            await (await cluster.leader()).apply(b"first")
            cluster.network.cut("a", "b", "c")
            await asyncio.sleep(5)
            outcome = await cluster.nodes["a"].submit(b"too late", timeout=1)
            assert isinstance(outcome, Rejected) and isinstance(outcome.error, NoLeader)
            with pytest.raises(DeadlineExceeded):
                await cluster.nodes["b"].barrier(timeout=1)
            patient = cluster.nodes["c"].submit(b"in time", timeout=30)
            cluster.network.heal()
            assert isinstance(await patient, Committed)
            assert await cluster.settle() == [b"first", b"in time"]

    simulate(story)


def test_a_barrier_on_any_node_sees_what_was_acknowledged_anywhere() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c") as cluster:
            leader = await cluster.leader()
            for number in range(10):
                await leader.apply(b"%d" % number)
                for name, node in cluster.nodes.items():
                    assert await node.barrier() >= leader.last_index()
                    assert cluster.machines[name].commands[-1] == b"%d" % number

    simulate(story)


def test_only_a_leader_that_a_majority_confirms_is_verified() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c") as cluster:
            leader = await cluster.leader()
            await leader.barrier()
            await leader.verify_leader()
            for node in cluster.nodes.values():
                if node is not leader:
                    with pytest.raises(NoLeader):
                        await node.verify_leader()
            cluster.network.cut(name_of(leader))
            with pytest.raises((NoLeader, DeadlineExceeded)):
                await leader.verify_leader(timeout=5)

    simulate(story)


def test_the_lead_is_handed_over_on_request() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c") as cluster:
            leader = await cluster.leader()
            await leader.apply(b"first")
            target = next(name for name in cluster.names if name != name_of(leader))
            waiting = [leader.submit(b"%d" % number) for number in range(10)]
            assert await leader.transfer_leadership(target) == target
            assert cluster.nodes[target].state is Role.LEADER
            assert all(isinstance(outcome, Committed) for outcome in await asyncio.gather(*waiting))
            with pytest.raises(NoLeader):
                await leader.transfer_leadership()
            assert await cluster.nodes[target].transfer_leadership() != target
            assert len(await cluster.settle()) == 11

    simulate(story)


def test_a_restart_of_all_goes_on_where_the_disks_are() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c") as cluster:
            for number in range(20):
                await (await cluster.leader()).apply(b"%d" % number)
            for name in cluster.names:
                await cluster.stop(name)
            await cluster.start(*cluster.names)
            await (await cluster.leader()).apply(b"20")
            assert await cluster.settle() == [b"%d" % number for number in range(21)]

    simulate(story)


@pytest.mark.parametrize("seed", range(1, 6))
def test_power_cuts_of_one_two_and_all_nodes_lose_nothing_acknowledged(seed: int) -> None:
    async def story(environment: Environment) -> None:
        async with Cluster("a", "b", "c", seed=seed, snapshot_entries=16, trailing_entries=4) as cluster:
            acknowledged: list[bytes] = []
            unknown: list[bytes] = []

            async def write(number: int) -> None:
                command = b"%d" % number
                name = cluster.names[environment.random.bits(16) % 3]
                outcome = await cluster.nodes[name].submit(command, timeout=5) if name in cluster.nodes else None
                if isinstance(outcome, Committed):
                    acknowledged.append(command)
                elif isinstance(outcome, Unknown):
                    unknown.append(command)

            number = 0
            for _ in range(8):
                writes = [asyncio.ensure_future(write(number + place)) for place in range(30)]
                number += 30
                await asyncio.sleep(environment.random.uniform(0.0, 0.01))
                for name in cluster.names[: 1 + environment.random.bits(16) % 3]:
                    await cluster.crash(name)
                await asyncio.sleep(environment.random.uniform(0.0, 2.0))
                await cluster.start(*(name for name in cluster.names if name not in cluster.nodes))
                await asyncio.gather(*writes)
            commands = await cluster.settle()
            assert len(acknowledged) > 20 and len(set(commands)) == len(commands), "each once"
            assert set(acknowledged) <= set(commands) <= {*acknowledged, *unknown}

    simulate(story)


def test_observers_hear_of_roles_leaders_and_members_until_they_stop() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c") as cluster:
            leader = await cluster.leader()
            await leader.apply(b"first")
            await cluster.settle()
            name = name_of(leader)
            assert RoleChanged(Role.LEADER, leader.stats.term) in cluster.seen[name]
            for seen in cluster.seen.values():
                assert LeaderChanged(name, leader.stats.term) in seen
                members = [one.members for one in seen if isinstance(one, MembersChanged)]
                assert [member.name for member in members[-1]] == ["a", "b", "c"]
            heard: list[object] = []
            stop = leader.observe(heard.append)
            leader.observe(lambda _: 1 / 0)
            stop()
            await leader.transfer_leadership()
            assert heard == []

    simulate(story)


def test_a_node_without_a_cluster_waits_until_it_is_bootstrapped() -> None:
    async def story(_: Environment) -> None:
        cluster = Cluster("a", "b")
        await cluster.join("a", "b")
        await asyncio.sleep(10)
        assert cluster.nodes["a"].members == []
        with pytest.raises(ConfigurationError, match="'a'"):
            await cluster.nodes["a"].bootstrap(["b"])
        for node in cluster.nodes.values():
            await node.bootstrap(["a", "b"])
        await (await cluster.leader()).apply(b"first")
        with pytest.raises(ConfigurationError, match="already"):
            await cluster.nodes["a"].bootstrap(["a"])
        assert await cluster.settle() == [b"first"]
        for name in cluster.names:
            await cluster.stop(name)

    simulate(story)


def test_a_leader_that_stops_in_order_hands_over_and_nobody_waits_for_an_election() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c") as cluster:
            old = await cluster.leader()
            await old.apply(b"first")
            await cluster.settle()
            begun = cluster.loop.time()
            await cluster.stop(name_of(old))
            await (await cluster.leader()).apply(b"second")
            assert cluster.loop.time() - begun < 0.2

    simulate(story)


def test_a_node_that_is_not_alone_says_that_it_needs_a_way_to_the_others() -> None:
    async def story(environment: Environment) -> None:
        for config in (NodeConfig("a", ("a", "b")), NodeConfig("a", join=True)):
            with pytest.raises(ConfigurationError, match="transport"):
                await Node(config, Journal(), environment=environment).start()

    simulate(story)
