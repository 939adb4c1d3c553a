# SPDX-License-Identifier: Apache-2.0
"""Typed values and sessions through clients of a simulated cluster, over the wire."""

from __future__ import annotations

import pytest

from tricord.base.errors import NotOfThisModel, TokenAhead, TypeMismatch
from tricord.base.levels import Level
from tricord.pytest_plugin import Simulation
from tricord.sim.wide.cluster import Cluster
from tricord.values import add, add_element, put


def test_a_session_sees_at_one_member_what_it_did_at_another(tricord_sim: Simulation) -> None:
    async def story(cluster: Cluster) -> None:
        cluster.delay(0.2)
        async with cluster.client("n1") as one, cluster.client("n2") as two:
            here = one.keyspace("carts", model="causal")
            there = two.keyspace("carts")
            for turn in range(1, 6):
                await here.update([add("visits"), put("name", str(turn)), add_element("tags", "a")])
                carried = there.session(here.token)
                assert await carried.counter("visits").get() == turn
                assert await carried.set("tags").get() == {b"a"}
                found = await carried.get("name")
                assert found is not None and found.text == str(turn)
                await carried.counter("visits").add(0)
                here = here.session(carried.token)

    tricord_sim.run(story)


def test_a_cut_off_member_answers_and_says_what_it_does_not_have(tricord_sim: Simulation) -> None:
    async def story(cluster: Cluster) -> None:
        async with cluster.client("n1") as one, cluster.client("n3", timeout=1.0) as three:
            carts = one.keyspace("carts", model="causal")
            far = three.keyspace("carts")
            await carts.counter("n").add(1)
            assert await far.session(carts.token).counter("n").get() == 1
            cluster.partition(["n3"], ["n1", "n2"])
            await carts.counter("n").add(1)
            await far.counter("n").add(5)
            assert await far.counter("n").get() == 6, "it works on"
            with pytest.raises(TokenAhead):
                await far.session(carts.token).counter("n").get()
            cluster.heal()
            assert await far.session(carts.token).counter("n").get() == 7
            assert await carts.session(far.token).counter("n").get() == 7

    tricord_sim.run(story)


def test_siblings_are_settled_with_what_was_read(tricord_sim: Simulation) -> None:
    async def story(cluster: Cluster) -> None:
        async with cluster.client("n1") as one, cluster.client("n2") as two:
            home, phone = one.keyspace("carts", model="causal"), two.keyspace("carts")
            await home.register("address").put("Elm Street")
            seen = await home.register("address").get()
            await home.register("address").put("Elm Street 1", seen=seen)
            outside = phone.session(home.token)
            await outside.register("address").put("Oak Street", seen=seen)
            home = home.session(outside.token)
            found = await home.fetch("address")
            assert (sorted(found.siblings), found.conflict) == ([b"Elm Street 1", b"Oak Street"], True)
            assert await home.register("address").resolve(lambda values: b"/".join(sorted(values))) is not None
            assert (await home.fetch("address")).text == "Elm Street 1/Oak Street"

    tricord_sim.run(story)


def test_a_watch_of_values_goes_on_at_another_member(tricord_sim: Simulation) -> None:
    async def story(cluster: Cluster) -> None:
        async with cluster.client("n1") as one, cluster.client("n2", "n3") as others:
            carts = one.keyspace("carts", model="causal")
            await carts.counter("a/n").add()
            async with others.keyspace("carts").session(carts.token).watch_values(prefix="a/") as watch:
                told = {found.key: found.value for found in await anext(watch)}
                assert told == {b"a/n": 1}
                for turn, member in enumerate(("n2", "n3"), 1):
                    cluster.kill(member)
                    await carts.update([add("a/n", 4), put("a/r", str(turn)), put("b", "other")])
                    while told.get(b"a/r") != str(turn).encode():
                        told |= {found.key: found.value for found in await anext(watch)}
                    assert told == {b"a/n": 1 + 4 * turn, b"a/r": str(turn).encode()}
                    await cluster.start(member)

    tricord_sim.run(story)


def test_eventual_values_on_several_replicas(tricord_sim: Simulation) -> None:
    async def story(cluster: Cluster) -> None:
        async with cluster.client("n1") as one, cluster.client("n2") as two:
            await one.create_keyspace("likes", model="eventual")
            likes, elsewhere = one.keyspace("likes"), two.keyspace("likes")
            while (await elsewhere.describe_keyspace("likes")).replicas.next_number < 4:
                await cluster.sleep(0.1)
            await likes.counter("post").add(3, acks=1)
            reply = await elsewhere.counter("post").add(4, acks=3)
            assert reply.acks == 3
            assert await likes.counter("post").get(replicas=3) == 7
            await likes.register("presence").put("here", ttl=5.0)
            assert await likes.register("presence").get() is not None
            await cluster.sleep(6.0)
            assert await likes.register("presence").get() is None

    tricord_sim.run(story)


def test_what_is_refused(tricord_sim: Simulation) -> None:
    async def story(cluster: Cluster) -> None:
        async with cluster.client() as store:
            carts = store.keyspace("carts", model="causal")
            await carts.counter("n").add()
            with pytest.raises(NotOfThisModel, match="linearizable"):
                await carts.get("n", at_least=Level.LINEARIZABLE)
            with pytest.raises(NotOfThisModel, match="linearizable"):
                await carts.fetch("n", at_least=Level.LINEARIZABLE)
            with pytest.raises(NotOfThisModel):
                await carts.counter("n").add(acks=2)
            with pytest.raises(TypeMismatch):
                await carts.set("n").add("x")
            with pytest.raises(NotOfThisModel):
                await carts.txn(then=[])
            await carts.update([put(f"k/{n}", str(n)) for n in range(5)])
            assert [kv.text async for kv in carts.scan("k/", page_size=2)] == ["0", "1", "2", "3", "4"]

    tricord_sim.run(story, members=1)
