# SPDX-License-Identifier: Apache-2.0
"""Members come, are promoted, demoted and leave: through a joint configuration, or one step at a time."""

from __future__ import annotations

import asyncio

import pytest

from tests.raft_node.world import Cluster, name_of, simulate
from tricord.base.environment import Environment
from tricord.base.errors import InvalidRequest, MembershipRefused, NoLeader, OutcomeUnknown
from tricord.base.membership import AddVoter, Remove
from tricord.raft_node import Member, Node, Suffrage, member_number
from tricord.raft_node.members import member_info


def names(members: list[Member], suffrage: Suffrage = Suffrage.VOTER) -> list[str]:
    return [member.name for member in members if member.suffrage is suffrage]


async def promote(leader: Node, name: str) -> list[Member]:
    """As soon as the learner has caught up."""
    while True:
        try:
            return await leader.promote(name)
        except MembershipRefused as error:
            assert error.reason == "learner_behind"
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("joint", [True, False])
def test_a_learner_catches_up_is_promoted_demoted_and_removed(joint: bool) -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c") as cluster:
            leader = await cluster.leader()
            for number in range(10):
                await leader.apply(b"%d" % number)
            await cluster.join("d")
            members = await leader.add_learner("d", "d.example:7000", joint=joint)
            assert members[-1] == Member("d", "d.example:7000", Suffrage.LEARNER)
            assert names(await promote(leader, "d")) == ["a", "b", "c", "d"]
            assert await cluster.nodes["d"].apply(b"from d") == 11
            assert names(await leader.demote("d", joint=joint)) == ["a", "b", "c"]
            assert names(await leader.remove("d", joint=joint), Suffrage.LEARNER) == []
            await cluster.stop("d")
            assert len(await cluster.settle()) == 11
            assert leader.members == cluster.nodes["a"].members

    simulate(story)


def test_a_cluster_grows_from_one_to_three_and_moves_to_three_others() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a") as cluster:
            await cluster.nodes["a"].apply(b"first")
            await cluster.join("b", "c")
            await cluster.nodes["a"].add_voter("b")
            assert names(await cluster.nodes["a"].add_voter("c")) == ["a", "b", "c"]
            await cluster.nodes["b"].apply(b"second")

            await cluster.join("d", "e", "f")
            leader = await cluster.leader()
            number = {name: member_number("raft", name) for name in "abcdef"}
            added = [AddVoter(number[name], member_info(name, "")) for name in "def"]
            members = await leader.change([*added, *(Remove(number[name]) for name in "abc")])
            assert names(members) == ["d", "e", "f"]
            for name in "abc":
                await cluster.stop(name)
            await (await cluster.leader()).apply(b"third")
            assert await cluster.settle() == [b"first", b"second", b"third"]

    simulate(story)


def test_a_leader_that_removes_itself_leads_until_that_is_committed_and_another_follows() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c") as cluster:
            old = await cluster.leader()
            name = name_of(old)
            rest = [other for other in cluster.names if other != name]
            assert names(await old.remove(name)) == rest
            new = await cluster.leader(*rest)
            await new.apply(b"on")
            assert await cluster.settle(*rest) == [b"on"]

    simulate(story)


def test_changes_that_the_cluster_forbids_say_why_and_do_nothing() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c") as cluster:
            leader = await cluster.leader()
            await leader.barrier()
            before = leader.members
            for change, reason in (
                (leader.remove("nobody"), "unknown_member"),
                (leader.promote("a"), "not_a_learner"),
                (leader.add_learner("a"), "known_member"),
                (leader.transfer_leadership("nobody"), "unknown_member"),
            ):
                with pytest.raises(MembershipRefused) as refused:
                    await change
                assert refused.value.reason == reason
            with pytest.raises(InvalidRequest):
                await leader.change([])
            follower = next(node for node in cluster.nodes.values() if node is not leader)
            with pytest.raises(NoLeader):
                await follower.remove("a")
            assert leader.members == before

    simulate(story)


def test_the_last_voter_stays() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a") as cluster:
            for change in (cluster.nodes["a"].remove("a"), cluster.nodes["a"].demote("a")):
                with pytest.raises(MembershipRefused) as refused:
                    await change
                assert refused.value.reason == "last_voter"

    simulate(story)


def test_one_change_at_a_time() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c") as cluster:
            leader = await cluster.leader()
            await leader.barrier()
            outcomes = await asyncio.gather(leader.add_learner("d"), leader.add_learner("e"), return_exceptions=True)
            assert isinstance(outcomes[0], list)
            assert isinstance(outcomes[1], MembershipRefused) and outcomes[1].reason == "change_pending"

    simulate(story)


def test_a_change_that_finds_no_majority_ends_in_time_with_an_unknown_outcome() -> None:
    async def story(_: Environment) -> None:
        async with Cluster("a", "b", "c") as cluster:
            leader = await cluster.leader()
            await leader.barrier()
            cluster.network.cut(name_of(leader))
            with pytest.raises((OutcomeUnknown, NoLeader)):
                await leader.add_learner("d", timeout=0.5)

    simulate(story)


def test_an_address_is_changed_and_survives_a_restart() -> None:
    async def story(_: Environment) -> None:
        async with Cluster(
            "a", "b", "c", voters={"a": "a.example:1", "b": "b.example:1", "c": "c.example:1"}
        ) as cluster:
            leader = await cluster.leader()
            assert (await leader.move("b", "b.example:2"))[1].address == "b.example:2"
            await leader.snapshot()
            await cluster.stop("b")
            await cluster.start("b")
            assert [member.address for member in cluster.nodes["b"].members][1] == "b.example:2"

    simulate(story)
