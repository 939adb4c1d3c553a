# SPDX-License-Identifier: Apache-2.0
"""What the catalogue says of one keyspace, through the client of a simulated cluster."""

from __future__ import annotations

import asyncio

import pytest

from tricord.base.errors import InvalidRequest, KeyspaceNotFound
from tricord.base.keyspaces import KeyspaceRecord, Model
from tricord.base.levels import Level
from tricord.base.replica_sets import KeyspaceDescribeResult, MemberReplica, ReplicaSet
from tricord.pytest_plugin import Simulation
from tricord.sim.wide.cluster import Cluster


def test_a_strong_one_has_no_replicas_of_its_own(tricord_sim: Simulation) -> None:
    async def story(cluster: Cluster) -> None:
        async with cluster.client("n1") as one, cluster.client("n2") as two:
            await one.create_keyspace("carts")
            described = KeyspaceDescribeResult(KeyspaceRecord(1, "carts", Model.STRONG), ReplicaSet())
            assert await two.describe_keyspace("carts") == described
            assert await one.describe_keyspace("carts", at_least=Level.ANY) == described
            with pytest.raises(InvalidRequest, match="every member holds it"):
                await two.retire_replica("carts", 1)

    tricord_sim.run(story)


def test_members_attach_by_themselves_and_a_retired_one_comes_back_as_another(tricord_sim: Simulation) -> None:
    async def story(cluster: Cluster) -> None:
        async with cluster.client() as store:
            await store.create_keyspace("carts", model="causal")

            async def replicas(count: int, behind: int = 0) -> ReplicaSet:
                while True:
                    found = (await store.describe_keyspace("carts")).replicas
                    if len(found.active) == count and max(found.active) > behind:
                        return found
                    await asyncio.sleep(0.1)

            first = await replicas(3)
            assert sorted(first.active) == [1, 2, 3]
            assert {holder.member for holder in first.active.values() if isinstance(holder, MemberReplica)} == {
                member.id for member in await store.members()
            }
            await store.retire_replica("carts", 2)
            again = await replicas(3, behind=3)
            assert (sorted(again.active), again.retired) == ([1, 3, 4], [2])
            assert again.active[4] == first.active[2]

    tricord_sim.run(story)


def test_one_that_is_not_there(tricord_sim: Simulation) -> None:
    async def story(cluster: Cluster) -> None:
        async with cluster.client() as store:
            for level in (Level.LINEARIZABLE, Level.ANY):
                with pytest.raises(KeyspaceNotFound, match="no keyspace is called 'nobody'"):
                    await store.describe_keyspace("nobody", at_least=level)
            with pytest.raises(KeyspaceNotFound):
                await store.retire_replica("nobody", 1)
            with pytest.raises(InvalidRequest, match="begins with a letter"):
                await store.describe_keyspace("Nobody!")

    tricord_sim.run(story)
