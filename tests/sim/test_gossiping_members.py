# SPDX-License-Identifier: Apache-2.0
"""Whole members that gossip, in virtual time: they know who can be reached, with a majority or without."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tricord.base.keyspaces import KeyspaceCreate, Model
from tricord.gossip import Delivery, Standing
from tricord.server.member_gossip import AGAIN_SECONDS
from tricord.sim.wide.world import World


def sees(world: World, one: str, other: str) -> Standing | None:
    core = world[one].member.gossip.driver.core
    return core.standing_of(world[other].member.identity.member)  # type: ignore[no-any-return]


def all_alive(world: World) -> bool:
    running = [host.name for host in world.running()]
    return all(sees(world, one, other) is Standing.ALIVE for one in running for other in running if one != other)


async def until(holds: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.25)


def test_members_gossip_about_each_other_on_the_port_that_peers_dial() -> None:
    async def story(world: World) -> None:
        world.settings["gossip"] = "udp"
        await world.start()
        await world.led()
        await until(lambda: all_alive(world), 10.0)
        one, killed = world["n1"].member, world["n3"].member.identity.member
        world["n3"].kill()
        world["n2"].member.gossip.driver.broadcast(1, b"news")
        await until(lambda: one.gossip.driver.core.standing_of(killed) is Standing.DEAD, 30.0)
        assert sees(world, "n1", "n2") is Standing.ALIVE
        assert one.gossip.figures().members["dead"] == one.gossip.figures().counts["deliveries"] == 1
        assert "a member cannot be reached" in [event for event, _ in world["n1"].lines]
        # Nobody leads when another is cut off; who can be reached is known all the same.
        world.network.cut("n1", "n2")
        await until(lambda: sees(world, "n1", "n2") is Standing.DEAD, 30.0)
        world.network.heal()
        await world["n3"].start()
        await until(lambda: all_alive(world), 30.0)
        leaving = world["n2"].member.identity.member
        await world["n2"].stop()
        await until(lambda: one.gossip.driver.core.standing_of(leaving) is Standing.LEFT, 5.0)

    World(seed=4).play(story)


def test_a_member_that_is_removed_is_forgotten() -> None:
    async def story(world: World) -> None:
        world.settings["gossip"] = "tcp"
        await world.start()
        leader = await world.led()
        await until(lambda: all_alive(world), 10.0)
        await asyncio.sleep(10)  # a member counts as reachable when it was for a while
        one, other, gone = leader, *(name for name in world.names if name != leader)
        async with world.client(one) as store:
            await store.remove_member(world[gone].member.identity.member)
        core = world[one].member.gossip.driver.core
        await until(lambda: [view.member for view in core.members()] == [world[other].member.identity.member], 5.0)
        assert sees(world, one, other) is Standing.ALIVE

    World(seed=5).play(story)


def test_with_a_port_for_peers_alone_gossip_comes_there_under_the_clusters_secret() -> None:
    async def story(world: World) -> None:
        for name in world.names:
            disk = world[name].disk
            file = disk.open("/secret", create=True)
            file.pwrite(b"known to all of the members", 0)
            file.close()
            settings = {"listen": f"{name}:9999", "listen_peer": f"{name}:2379", "cluster_secret_file": "/secret"}
            await world[name].start(gossip="tcp", **settings)
        await world.led()
        await until(lambda: all_alive(world), 10.0)
        await asyncio.sleep(30)
        assert all_alive(world)
        for host in world.running():
            figures = host.member.gossip.figures()
            assert figures.counts["packets_received"] > 30
            assert set(figures.refused.values()) == {0}
            assert not any(event == "a member cannot be reached" for event, _ in host.lines)

    World(seed=6).play(story)


def test_it_begins_by_itself_with_the_first_keyspace_that_needs_it() -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.led()
        members = [host.member for host in world.running()]
        for member in members:
            member.machine.catalogue.create(KeyspaceCreate("strong", Model.STRONG))
        await asyncio.sleep(2)
        assert [member.gossip.driver for member in members] == [None] * 3
        assert [member.gossip.figures() for member in members] == [None] * 3
        got: list[Delivery] = []
        for member in members:
            member.machine.catalogue.create(KeyspaceCreate("carts", Model.CAUSAL))
            member.gossip.topics[7] = got.append
        await until(lambda: all(member.gossip.driver is not None for member in members), 1.0)
        await until(lambda: all_alive(world), 10.0)
        for topic in (7, 8):  # nobody takes the other topic
            members[0].gossip.driver.broadcast(topic, b"news")
        await until(lambda: len(got) == 2, 5.0)
        assert {delivery.topic for delivery in got} == {7}

    World(seed=7).play(story)


def test_where_it_must_not_begin_the_member_says_so_and_goes_on() -> None:
    async def story(world: World) -> None:
        await world["n1"].start(listed=("n1",), listen_peer="n1:2379", listen="n1:9999", gossip="auto")
        member = world["n1"].member
        taken = await world.network.at("n1").open_datagrams("n1", 2379, lambda data, host: None)
        member.machine.catalogue.create(KeyspaceCreate("carts", Model.EVENTUAL))
        await asyncio.sleep(5)
        said = [
            fields["why"]
            for event, fields in world["n1"].lines
            if event == "a keyspace needs gossip, which cannot begin"
        ]
        assert len(said) == 1 and "address already in use" in said[0]
        taken.close()
        await until(lambda: member.gossip.driver is not None, AGAIN_SECONDS + 1.0)

    World(seed=8).play(story)


def test_off_is_off() -> None:
    async def story(world: World) -> None:
        await world["n1"].start(listed=("n1",), gossip="off")
        member = world["n1"].member
        member.machine.catalogue.create(KeyspaceCreate("carts", Model.EVENTUAL))
        await asyncio.sleep(5)
        assert member.gossip.driver is None

    World(seed=9).play(story)
