# SPDX-License-Identifier: Apache-2.0
"""What the catalogue says of one keyspace, through the client of a simulated cluster."""

from __future__ import annotations

import pytest

from tricord.base.errors import InvalidRequest, KeyspaceNotFound
from tricord.base.keyspaces import KeyspaceRecord, Model
from tricord.base.levels import Level
from tricord.base.replica_sets import KeyspaceDescribeResult, ReplicaSet
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
