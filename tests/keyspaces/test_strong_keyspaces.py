# SPDX-License-Identifier: Apache-2.0
"""Strong keyspaces through the client of a simulated cluster: each is a store of its own, on every member."""

from __future__ import annotations

import pytest

from tricord.base.errors import InvalidRequest, KeyspaceExists, KeyspaceNotFound, NotFound
from tricord.base.keyspaces import DEFAULT_RECORD, KeyspaceRecord, Model
from tricord.base.levels import Level
from tricord.pytest_plugin import Simulation
from tricord.sim.wide.cluster import Cluster


def test_a_keyspace_is_a_store_of_its_own(tricord_sim: Simulation) -> None:
    async def story(cluster: Cluster) -> None:
        async with cluster.client() as store:
            await store.put("a", "in default")
            carts = store.keyspace("carts", model="strong")
            assert await carts.get("a") is None
            assert (await carts.put("a", "in carts")).revision == 2
            assert (await carts.put("b", "too")).revision == 3
            found = await store.get("a")
            assert found is not None
            assert (found.text, found.mod_revision) == ("in default", 2)
            assert [kv.key async for kv in carts.scan()] == [b"a", b"b"]
            assert (await carts.txn(then=[])).stamp.revision == 3
            assert await store.keyspaces() == [DEFAULT_RECORD, KeyspaceRecord(1, "carts", Model.STRONG)]
            await carts.close()
            assert await store.get("a") == found, "closing one leaves the other open"

    tricord_sim.run(story)


def test_another_member_knows_it_at_once(tricord_sim: Simulation) -> None:
    """A follower that has not heard of a keyspace yet asks, before it says that there is none."""

    async def story(cluster: Cluster) -> None:
        cluster.delay(0.05)
        async with cluster.client("n1") as one, cluster.client("n2") as two, cluster.client("n3") as three:
            for turn in range(5):
                await one.create_keyspace(f"k{turn}")
                assert await two.keyspace(f"k{turn}").get("a") is None
                bound = three.keyspace(f"k{turn}")
                async with bound.watch("a") as watch:
                    await one.keyspace(f"k{turn}").put("a", "1")
                    event = await anext(aiter(watch))
                    assert (event.text, event.revision) == ("1", 2)

    tricord_sim.run(story)


def test_what_a_drop_ends(tricord_sim: Simulation) -> None:
    async def story(cluster: Cluster) -> None:
        async with cluster.client() as store:
            carts = store.keyspace("carts", model="strong")
            lease = await store.lease(60)
            await carts.put("a", "1", lease=lease)
            await store.put("mine", "1", lease=lease)
            async with carts.watch("a", from_revision=1) as watch:
                told = aiter(watch)
                assert (await anext(told)).text == "1"
                await store.drop_keyspace("carts")
                with pytest.raises(KeyspaceNotFound):
                    await anext(told)
            with pytest.raises(KeyspaceNotFound):
                await carts.put("a", "2")
            with pytest.raises(KeyspaceNotFound):
                await carts.get("a", at_least=Level.ANY)
            again = store.keyspace("carts", model="strong")
            assert await again.count() == 0
            assert [record.id for record in await store.keyspaces()] == [0, 2]
            assert await store.get("mine") is not None
            await lease.revoke()
            assert await store.get("mine") is None

    tricord_sim.run(story)


def test_it_outlives_every_member(tricord_sim: Simulation) -> None:
    async def story(cluster: Cluster) -> None:
        async with cluster.client() as store:
            carts = store.keyspace("carts", model="strong")
            await carts.put("a", "1")
            for member in ("n1", "n2", "n3"):
                cluster.kill(member)
            for member in ("n1", "n2", "n3"):
                await cluster.start(member)
            await cluster.until_led()
            found = await carts.get("a")
            assert found is not None and found.text == "1"
            await cluster.settle()

    tricord_sim.run(story)


def test_a_lease_ends_its_keys_in_all_keyspaces_and_watches_hear_of_it(tricord_sim: Simulation) -> None:
    async def story(cluster: Cluster) -> None:
        async with cluster.client() as store:
            carts = store.keyspace("carts", model="strong")
            lease = await store.lease(10)
            await carts.put("a", "1", lease=lease)
            await store.put("b", "1", lease=lease)
            async with carts.watch("a") as watch:
                lease.abandon()
                event = await anext(aiter(watch))
                assert (event.deleted, event.revision) == (True, 3)
            assert await store.get("b") is None

    tricord_sim.run(story, members=1)


def test_locks_of_two_keyspaces_are_two_locks(tricord_sim: Simulation) -> None:
    async def story(cluster: Cluster) -> None:
        async with cluster.client() as store:
            carts = store.keyspace("carts", model="strong")
            async with store.lock("job", ttl=30) as mine, carts.lock("job", ttl=30) as other:
                await carts.put("by", "lock", guarded_by=other)
                await store.put("by", "lock", guarded_by=mine)

    tricord_sim.run(story, members=1)


def test_what_is_refused(tricord_sim: Simulation) -> None:
    async def story(cluster: Cluster) -> None:
        async with cluster.client() as store:
            with pytest.raises(InvalidRequest, match="begins with a letter or a digit"):
                store.keyspace("Not A Name")
            with pytest.raises(InvalidRequest, match="strong, causal or eventual, not 'weak'"):
                store.keyspace("a", model="weak")
            with pytest.raises(KeyspaceNotFound, match="no keyspace is called 'nobody'"):
                await store.keyspace("nobody").get("a")
            await store.create_keyspace("carts")
            with pytest.raises(KeyspaceExists, match="it is strong"):
                await store.create_keyspace("carts")
            with pytest.raises(KeyspaceExists, match="it is strong"):
                await store.keyspace("carts", model="causal")
            with pytest.raises(InvalidRequest, match="always there"):
                await store.drop_keyspace("default")
            with pytest.raises(NotFound):
                await store.drop_keyspace("nobody")

    tricord_sim.run(story, members=1)
