# SPDX-License-Identifier: Apache-2.0
"""A majority is lost for good, and the member that is left goes on alone with all that it holds."""

from __future__ import annotations

import asyncio

from tricord.base.context import Context
from tricord.base.levels import Level
from tricord.base.operations import Range
from tricord.sim.wide.world import World


def test_the_survivor_keeps_everything_and_takes_new_members_while_the_old_ones_are_refused() -> None:
    async def story(world: World) -> None:
        await world.start()
        async with world.client() as store:
            for number in range(20):
                await store.put(f"before/{number}", "x")
        await asyncio.sleep(1)
        for name in world.names:
            world[name].kill()
        await world["n1"].start(force_new_cluster=True)
        await world.led()
        members = world["n1"].member.engine.members()
        assert [(record.name, record.peer_urls) for record in members] == [("n1", ["http://n1:2379"])]
        async with world.client("n1") as store:
            assert len((await store.prefix("before/")).kvs) == 20
            await store.put("after", "x")
        # A restart without the flag goes on alone as well; one with it changes nothing.
        for forced in (False, True):
            await world["n1"].stop()
            await world["n1"].start(force_new_cluster=forced)
            await world.led()
        # The old ones elect among themselves and get no hearing here.
        await world["n2"].start()
        await world["n3"].start()
        await asyncio.sleep(10)
        assert [record.name for record in world["n1"].member.engine.members()] == ["n1"]
        assert world["n1"].member.replica.leader == world["n1"].member.identity.member
        for name in ("n2", "n3"):
            world[name].kill()
        # New ones come as to any cluster.
        await world["n1"].member.engine.add_member(["http://n4:2379"])
        await world["n4"].start(listed=("n1", "n4"), initial_cluster_state="existing")
        await asyncio.sleep(3)
        result, _ = await world["n4"].member.engine.ask(Range(b"before/", b"before0"), Context(level=Level.ANY))
        assert result.count == 20

    World(seed=31).play(story)


def test_a_member_that_was_alone_all_the_time_is_left_as_it_is() -> None:
    async def story(world: World) -> None:
        await world["n1"].start(force_new_cluster=True)
        term = world["n1"].member.replica.term
        await world["n1"].stop()
        await world["n1"].start(force_new_cluster=True)
        assert world["n1"].member.replica.term == term + 1

    World(seed=32, names=("n1",)).play(story)
