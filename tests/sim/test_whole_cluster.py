# SPDX-License-Identifier: Apache-2.0
"""Three whole members and clients in virtual time: elections, failures, changes of the members, restarts."""

from __future__ import annotations

import asyncio

import pytest

from tricord.base.context import Context
from tricord.base.errors import MembershipRefused, NotForLearners, TricordError, WrongMember
from tricord.base.levels import Level
from tricord.base.operations import Put, Range, RangeResult
from tricord.server.engine import PUBLISHED
from tricord.sim.host_network import Condition
from tricord.sim.wide.host_disk import HostDisk
from tricord.sim.wide.world import World


async def agree(world: World) -> None:
    """All running members have applied the same, and have the same state."""
    for _ in range(100):
        if len({host.member.machine.applied_index for host in world.running()}) > 1:
            await asyncio.sleep(0.05)
    assert len({host.member.machine.chain for host in world.running()}) == 1


async def a_follower(world: World) -> str:
    _, follower = await world.leader_and_follower()
    return follower


def test_three_new_members_find_each_other_elect_and_serve_everywhere() -> None:
    async def story(world: World) -> None:
        await world.start()
        assert world.loop.time() < 3
        for name in world.names:
            async with world.client(name) as store:
                await store.put(name, "written here")
                assert len((await store.prefix("n")).kvs) == 1 + world.names.index(name)
        await asyncio.sleep(1)
        await agree(world)
        records = await world["n2"].member.engine.list_members(True)
        assert sorted((record.name, record.client_urls) for record in records) == [
            (name, [f"http://{name}:2379"]) for name in world.names
        ]
        assert len({host.member.status().leader for host in world.running()}) == 1

    World(seed=1).play(story)


def test_a_member_alone_listens_and_decides_nothing_until_a_majority_is_there() -> None:
    async def story(world: World) -> None:
        await world["n1"].start()
        await asyncio.sleep(5)
        assert world["n1"].member.replica.term == 0
        assert [check.ok for check in world["n1"].member.health()][:2] == [True, False]
        assert not world["n1"].member.is_ready
        await world["n2"].start()
        await world.led()
        await world["n3"].start()
        await world.led()
        await agree(world)

    World(seed=2).play(story)


@pytest.mark.parametrize("seed", [15, 16])
def test_whoever_lists_the_members_sees_the_addresses_of_each_that_is_ready(seed: int) -> None:
    async def seen(world: World, name: str, at: str) -> None:
        """As soon as it is ready, at another one as well."""
        member = world[name].member
        assert not member.is_ready and member.health()[-1].name == PUBLISHED
        await member.until_ready()
        assert member.is_ready and all(check.ok for check in member.health())
        listed = await world[at].member.engine.list_members(True)
        urls = {record.name: record.client_urls for record in listed}
        assert urls[name] == [f"http://{name}:2379"]

    async def story(world: World) -> None:
        await world.start()
        await asyncio.gather(*(seen(world, name, at) for name, at in [("n1", "n2"), ("n2", "n3"), ("n3", "n1")]))
        leader = await world.led()
        await world[leader].member.engine.add_member(["http://n4:2379"], name="n4", learner=True)
        await world["n4"].start(listed=(*world.names, "n4"), initial_cluster_state="existing")
        await seen(world, "n4", leader)
        follower = await a_follower(world)
        await world[follower].stop()
        await world[follower].start()
        await world[follower].member.until_ready()

    World(seed).play(story)


def test_a_cluster_that_asks_for_steady_members_takes_another_once_all_know_each_other_for_long_enough() -> None:
    async def refused(world: World) -> bool:
        try:
            await world["n2"].member.engine.add_member(["http://n4:2379"], name="n4")
        except MembershipRefused as refusal:
            assert refusal.reason == "unhealthy"
            return True
        return False

    async def story(world: World) -> None:
        world.settings["steady_seconds"] = 5.0
        await world.start()
        await asyncio.gather(*(host.member.until_ready() for host in world.running()))
        assert await refused(world)
        await asyncio.sleep(6)
        follower = await a_follower(world)
        await world[follower].stop()
        await world[follower].start()
        await world[follower].member.until_ready()
        assert await refused(world), "that one has just come back, and three of four are a quorum"
        await asyncio.sleep(6)
        leader = await world.led()
        await world[leader].member.engine.move_leader(0)
        assert await world.led() != leader
        assert not await refused(world), "a new leader knows the others as long as the old one did"

    World(seed=17).play(story)


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_the_leader_dies_and_what_was_acknowledged_stays(seed: int) -> None:
    async def story(world: World) -> None:
        await world.start()
        acknowledged: list[str] = []

        async def writer(name: str) -> None:
            async with world.client() as store:
                for number in range(200):
                    key = f"{name}/{number}"
                    try:
                        await store.put(key, "x")
                    except TricordError:
                        continue
                    acknowledged.append(key)

        writers = [asyncio.ensure_future(writer(name)) for name in ("a", "b")]
        await asyncio.sleep(0.2)
        for _ in range(2):
            leader = await world.led()
            world[leader].kill()
            killed = world.loop.time()
            await world.led()
            assert world.loop.time() - killed < 1.2
            await world[leader].start()
            await world.led()
            await asyncio.sleep(0.3)
        await asyncio.gather(*writers)
        await agree(world)
        async with world.client() as store:
            there = {kv.key.decode() for kv in (await store.prefix("")).kvs}
        assert len(acknowledged) > 300
        assert set(acknowledged) <= there

    World(seed).play(story)


def test_a_leader_that_is_cut_off_steps_down_and_its_clients_writes_are_not_lost() -> None:
    async def story(world: World) -> None:
        await world.start()
        leader = await world.led()
        others = [name for name in world.names if name != leader]
        world.isolate(leader)
        context = Context(deadline=world.loop.time() + 10)
        stranded = asyncio.ensure_future(world[leader].member.engine.ask(Put(b"stranded", b"1"), context))
        await asyncio.sleep(3)
        async with world.client(*others) as store:
            await store.put("beyond", "1")
        assert not world[leader].member.replica.is_leader
        assert not stranded.done()
        world.network.heal()
        await stranded
        await world.led()
        async with world.client(leader) as store:
            assert len((await store.prefix("")).kvs) == 2
        await agree(world)

    World(seed=6).play(story)


def test_a_rolling_restart_is_hardly_seen() -> None:
    async def story(world: World) -> None:
        await world.start()
        slowest = 0.0
        failures: list[TricordError] = []
        stop = False

        async def writer() -> None:
            nonlocal slowest
            number = 0
            async with world.client() as store:
                while not stop:
                    began = world.loop.time()
                    number += 1
                    try:
                        await store.put(f"k{number}", "x")
                    except TricordError as error:
                        failures.append(error)
                    slowest = max(slowest, world.loop.time() - began)

        writing = asyncio.ensure_future(writer())
        for name in world.names:
            await asyncio.sleep(0.5)
            await world[name].stop()
            await world.led()
            await world[name].start()
            await world.led()
            await asyncio.sleep(0.5)
        stop = True
        await writing
        await agree(world)
        assert not failures
        assert slowest < 1

    World(seed=7).play(story)


def test_a_member_joins_as_a_learner_is_promoted_and_the_leader_leaves() -> None:
    async def story(world: World) -> None:
        await world.start()
        leader = await world.led()
        follower = world[next(name for name in world.names if name != leader)].member.engine
        async with world.client() as store:
            await store.put("a", "1")
        record = await follower.add_member(["http://n4:2379"], name="n4", learner=True)
        listed = (*world.names, "n4")
        await world["n4"].start(listed=listed, initial_cluster_state="existing")
        await agree(world)
        learner = world["n4"].member
        assert learner.identity.member == record.id
        with pytest.raises(NotForLearners):
            await learner.engine.ask(Range(b"a"), Context())
        result, _ = await learner.engine.ask(Range(b"a"), Context(level=Level.ANY))
        assert isinstance(result, RangeResult) and len(result.kvs) == 1
        await asyncio.sleep(1)
        await follower.promote_member(record.id)
        assert learner.is_learner is False
        await world[leader].member.engine.remove_member(world[leader].member.identity.member)
        failure = await world[leader].member.until_failed()
        assert isinstance(failure, WrongMember)
        await world[leader].stop()
        del world.hosts[leader]
        await world.led()
        async with world.client("n4") as store:
            await store.put("b", "2")
        await agree(world)

    World(seed=8).play(story)


def test_one_that_joins_lets_who_asks_wait_until_it_knows() -> None:
    async def story(world: World) -> None:
        await world.start()
        leader = await world.led()
        async with world.client() as store:
            await store.put("a", "1")
        await asyncio.sleep(2)  # all have said who they are
        await world[leader].member.engine.add_member(["http://n4:2379"], name="n4")
        await world["n4"].start(listed=(*world.names, "n4"), initial_cluster_state="existing")
        joining = world["n4"].member
        assert not joining.replica.configuration.members() and not joining.is_learner
        result, _ = await joining.engine.ask(Range(b"a"), Context())
        assert isinstance(result, RangeResult) and len(result.kvs) == 1

    World(seed=9).play(story)


def test_one_that_reads_the_past_for_long_is_not_taken_for_removed() -> None:
    """The log that it reads begins with configurations from before it came."""

    async def story(world: World) -> None:
        await world.start()
        leader = await world.led()
        async with world.client() as store:
            for number in range(40):
                await store.put(f"k{number}", bytes(50_000))
        await asyncio.sleep(2)
        slow = world.network.impose([(name, "n4") for name in world.names], Condition(bytes_per_second=400_000.0))
        await world[leader].member.engine.add_member(["http://n4:2379"], name="n4", learner=True)
        joining = world["n4"]
        await joining.start(listed=(*world.names, "n4"), initial_cluster_state="existing")
        for _ in range(100):
            if (known := joining.member.replica.configuration).voters:
                break
            await asyncio.sleep(0.1)
        assert known.voters and not known.learners, "it has read some of the log, and not yet that it is in the cluster"
        joining.pausing.begin()
        world.network.lift(slow)
        await asyncio.sleep(10)  # longer than one that was removed stays
        joining.pausing.end()
        await agree(world)
        assert joining.member.failure is None
        assert joining.member.replica.configuration.learners

    World(seed=9).play(story)


def test_one_that_missed_more_than_the_log_keeps_gets_a_snapshot_while_writes_go_on() -> None:
    async def story(world: World) -> None:
        await world.start()
        await asyncio.sleep(1)
        behind = await a_follower(world)
        world[behind].kill()
        async with world.client(*(name for name in world.names if name != behind)) as store:
            for number in range(24):
                await store.put(f"k{number}", bytes(1_000_000))
            await world[behind].start()
            for number in range(100):
                await store.put("other", str(number))
                await asyncio.sleep(0.01)
        await agree(world)
        assert world[await world.led()].member.snapshots.outgoing.made == 1
        await world[behind].stop()
        await world[behind].start()
        await agree(world)
        async with world.client(behind) as store:
            assert len((await store.prefix("k")).kvs) == 24

    World(seed=12).play(story)


def test_a_learner_that_is_stopped_before_it_heard_anything_goes_on_and_gets_a_snapshot() -> None:
    async def story(world: World) -> None:
        await world.start()
        async with world.client() as store:
            for number in range(24):
                await store.put(f"k{number}", bytes(1_000_000))
        leader = world[await world.led()].member
        await leader.engine.add_member(["http://n4:2379"], name="n4", learner=True)
        joining = {"listed": (*world.names, "n4"), "initial_cluster_state": "existing"}
        await world["n4"].start(**joining)
        world["n4"].kill()
        await world["n4"].start(**joining)
        await agree(world)
        assert leader.snapshots.outgoing.made == 1

    World(seed=13).play(story)


def test_one_becomes_two() -> None:
    async def story(world: World) -> None:
        await world["n1"].start()
        async with world.client("n1") as store:
            await store.put("a", "1")
            record = await world["n1"].member.engine.add_member(["http://n2:2379"], name="n2")
            writing = asyncio.ensure_future(store.put("b", "2"))
            await asyncio.sleep(1)
            assert not writing.done(), "two voters are needed now"
            await world["n2"].start(listed=("n1", "n2"), initial_cluster_state="existing")
            await writing
        assert world["n2"].member.identity.member == record.id
        await agree(world)

    World(seed=14, names=("n1",)).play(story)


def test_a_member_whose_data_is_gone_is_refused_and_can_be_replaced() -> None:
    async def story(world: World) -> None:
        await world.start()
        await asyncio.sleep(1)
        lost = await a_follower(world)
        old = world[lost].member.identity.member
        world[lost].kill()
        world[lost].disk = HostDisk(seed=0)
        await world[lost].start()
        failure = await world[lost].member.until_failed()
        assert isinstance(failure, WrongMember)
        assert "another data directory" in str(failure)
        await world[lost].stop()
        del world.hosts[lost]
        engine = world[await world.led()].member.engine
        new = await engine.add_member(["http://n4:2379"], name="n4", learner=True)
        await world["n4"].start(listed=(*world.names, "n4"), initial_cluster_state="existing")
        with pytest.raises(MembershipRefused):
            await engine.replace_member(old, old)
        await agree(world)
        await asyncio.sleep(1)
        await engine.replace_member(old, new.id)
        assert sorted(record.name for record in engine.members()) == sorted({*(host.name for host in world.running())})
        await agree(world)

    World(seed=9).play(story)


def test_a_member_that_was_removed_while_it_was_down_says_so() -> None:
    async def story(world: World) -> None:
        await world.start()
        await asyncio.sleep(1)
        gone = await a_follower(world)
        member = world[gone].member.identity.member
        await world[gone].stop()
        await world[await world.led()].member.engine.remove_member(member)
        await world[gone].start()
        failure = await world[gone].member.until_failed()
        assert "removed" in str(failure)
        await world[gone].stop()
        del world.hosts[gone]

    World(seed=10).play(story)


def test_a_member_of_another_cluster_objects_to_a_new_one() -> None:
    async def story(world: World) -> None:
        await world.start()
        await world["n4"].start(listed=("n1", "n2", "n4"))
        failure = await world["n4"].member.until_failed()
        assert "it belongs to another cluster" in str(failure)
        await world["n4"].stop()
        # Nothing was decided in its directory: with another list it starts over.
        await world["n4"].start(listed=("n4",))
        assert world["n4"].member.replica.is_leader
        await world["n4"].stop()
        del world.hosts["n4"]

    World(seed=11).play(story)


def test_one_seed_is_one_story() -> None:
    def ends(seed: int) -> list[object]:
        told: list[object] = []

        async def story(world: World) -> None:
            await world.start()
            async with world.client() as store:
                for number in range(5):
                    await store.put(f"k{number}", "x")
            world[await world.led()].kill()
            told.append((world.loop.time(), await world.led(), world.loop.time()))
            told.extend(host.member.machine.chain for host in world.running())

        World(seed).play(story)
        return told

    assert ends(1) == ends(1)
    assert ends(1) != ends(2)
