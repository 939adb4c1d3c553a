# SPDX-License-Identifier: Apache-2.0
"""Leases of three members in virtual time: leaders die, sleep and are cut off; nothing ends early, nothing stays.

``docs/lease.md`` says what is promised; the bounds here are those.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from tricord.base.context import Context
from tricord.base.errors import LeaseNotFound, TricordError
from tricord.base.leases import (
    LeaseGrant,
    LeaseKeepAlive,
    LeaseKeepAliveResult,
    LeaseList,
    LeaseListResult,
    LeaseRevoke,
    LeaseTimeToLive,
    LeaseTimeToLiveResult,
)
from tricord.base.operations import (
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    Put,
    Range,
    RangeResult,
    Request,
    Result,
    Txn,
    TxnResult,
)
from tricord.server import lease_calls
from tricord.server.lease_calls import LeaseAnswers
from tricord.sim.wide.host import Host
from tricord.sim.wide.world import World
from tricord.transport.peer.host_message import HostMessage

SLACK = 1.0
"""Seconds for what takes no time worth a name: a look at the clock, a round, an entry."""
FAIL_OVER = 3.0
PAUSE_MAX = 4.0


async def ask(host: Host, request: Request, within: float = 5.0) -> Result:
    context = Context(deadline=host.world.loop.time() + within)
    async with asyncio.timeout(within + 0.5):
        result: Result = (await host.member.engine.ask(request, context))[0]
        return result


async def all_ended(host: Host) -> None:
    async with asyncio.timeout(30):
        while True:
            if await ask(host, LeaseList()) == LeaseListResult([]):
                return
            await asyncio.sleep(0.05)


async def a_follower(world: World) -> Host:
    leader = await world.led()
    return next(world[name] for name in world.names if name != leader)


def test_any_member_grants_renews_and_tells() -> None:
    async def story(world: World) -> None:
        await world.start()
        follower = await a_follower(world)
        leader = world[await world.led()]
        granted = [await ask(host, LeaseGrant(10)) for host in (follower, leader)]
        for host in (follower, leader):
            for lease in granted:
                assert await ask(host, LeaseKeepAlive(lease.id)) == LeaseKeepAliveResult(lease.id, 10)  # type: ignore[union-attr]
        one: Any = granted[0]
        await ask(follower, Put(b"a", b"1", lease=one.id))
        await asyncio.sleep(2.5)
        for host in (follower, leader):
            told = LeaseTimeToLiveResult(one.id, 7, 10, [b"a"])
            assert await ask(host, LeaseTimeToLive(one.id, True)) == told
            assert await ask(host, LeaseTimeToLive(12345, True)) == LeaseTimeToLiveResult(12345, -1, 0, [])
            assert await ask(host, LeaseKeepAlive(12345)) == LeaseKeepAliveResult(12345, 0)
        await asyncio.sleep(8.5)
        for host in (follower, leader):
            assert await ask(host, LeaseList()) == LeaseListResult([])
            assert await ask(host, Range(b"a")) == RangeResult([], False, 0)

    World(seed=51).play(story)


def test_a_lease_is_known_to_the_leader_as_soon_as_its_grant_was_answered() -> None:
    async def story(world: World) -> None:
        await world.start()
        hosts = [world[name] for name in world.names]
        for number in range(1, 60):
            await ask(hosts[number % 3], LeaseGrant(10, number))
            answer = await ask(hosts[number * 7 % 3], LeaseKeepAlive(number))
            assert answer == LeaseKeepAliveResult(number, 10)

    World(seed=52).play(story)


def test_what_comes_in_one_moment_goes_to_the_leader_in_one_message() -> None:
    async def story(world: World) -> None:
        await world.start()
        follower = await a_follower(world)
        for lease in range(1, 101):
            await ask(follower, LeaseGrant(10, lease))
        leases = follower.member.engine.leases
        before = leases._sent_count
        asks: list[Request] = [LeaseKeepAlive(lease) for lease in range(1, 102)]
        asks += [LeaseTimeToLive(lease) for lease in range(100, 103)]
        answers = await asyncio.gather(*(ask(follower, request) for request in asks))
        assert leases._sent_count == before + 1
        assert [answer.ttl for answer in answers] == [10] * 100 + [0, 10, -1, -1]  # type: ignore[union-attr]

    World(seed=53).play(story)


def test_an_answer_that_is_of_another_shape_than_the_question_is_none() -> None:
    async def story(world: World) -> None:
        await world.start()
        follower = await a_follower(world)
        await ask(follower, LeaseGrant(10, 7))
        leases = follower.member.engine.leases
        own, leader = follower.member.identity.member, follower.member.replica.leader
        number = leases._sent_count + 1
        told, renewed = [
            asyncio.ensure_future(ask(follower, request)) for request in (LeaseTimeToLive(7), LeaseKeepAlive(7))
        ]
        for _ in range(3):
            await asyncio.sleep(0)
        assert number in leases._sent
        forged = lease_calls.encode(LeaseAnswers(True, [], [(1, 1), (2, 2)]))
        leases.received(HostMessage(leader, own, 1, number, True, forged))
        assert await renewed == LeaseKeepAliveResult(7, 10)
        answer: Any = await told
        assert answer.granted_ttl == 10

    World(seed=60).play(story)


def test_the_next_leader_gives_the_full_time_and_ends_what_nobody_renews() -> None:
    async def story(world: World) -> None:
        await world.start()
        leader = world[await world.led()]
        await ask(leader, LeaseGrant(5, 7))
        await asyncio.sleep(4)
        leader.kill()
        await world.led()
        second = world.loop.time()
        follower = await a_follower_of_the_living(world)
        told: Any = await ask(follower, LeaseTimeToLive(7))
        assert 3 <= told.ttl <= 5
        await asyncio.sleep(4)
        assert await ask(follower, LeaseList()) == LeaseListResult([7])
        await all_ended(follower)
        assert 4.9 < world.loop.time() - second < 5 + SLACK

    World(seed=54).play(story)


async def a_follower_of_the_living(world: World) -> Host:
    leader = await world.led()
    return next(host for host in world.running() if host.name != leader)


def test_a_checkpoint_bounds_what_a_change_of_leaders_adds() -> None:
    async def story(world: World) -> None:
        for host in world.hosts.values():
            await host.start(lease_checkpoint_interval=3)
        await world.led()
        leader = world[await world.led()]
        began = world.loop.time()
        await ask(leader, LeaseGrant(12, 7))
        await asyncio.sleep(8)
        leader.kill()
        await world.led()
        survivor = world.running()[0]
        await all_ended(survivor)
        lived = world.loop.time() - began
        assert 12 <= lived <= 12 + 3 + FAIL_OVER + SLACK

    World(seed=55).play(story)


def test_a_renewal_counts_for_the_next_leader_although_there_was_a_checkpoint() -> None:
    async def story(world: World) -> None:
        for host in world.hosts.values():
            await host.start(lease_checkpoint_interval=3)
        await world.led()
        leader = world[await world.led()]
        await ask(leader, LeaseGrant(12, 7))
        await asyncio.sleep(9.5)
        follower = await a_follower(world)
        renewed = world.loop.time()
        assert await ask(follower, LeaseKeepAlive(7)) == LeaseKeepAliveResult(7, 12)
        leader.kill()
        await world.led()
        await asyncio.sleep(renewed + 11.9 - world.loop.time())
        assert await ask(follower, LeaseList()) == LeaseListResult([7])

    World(seed=56).play(story)


def test_a_leader_that_slept_ends_nothing_that_another_renewed() -> None:
    """etcd did (issue 15247): a leader that wakes up finds all leases overdue, and its word still counted."""

    async def story(world: World) -> None:
        await world.start()
        leader = world[await world.led()]
        for lease in range(1, 21):
            await ask(leader, LeaseGrant(3, lease))
        leader.pausing.begin()
        others = [host for host in world.running() if host is not leader]
        for _ in range(20):
            await asyncio.sleep(0.5)
            for lease in range(1, 21):
                try:
                    await ask(others[0], LeaseKeepAlive(lease), within=2)
                except (TricordError, TimeoutError):
                    pass
        leader.pausing.end()
        for _ in range(8):
            await asyncio.sleep(0.5)
            for lease in range(1, 21):
                assert await ask(others[0], LeaseKeepAlive(lease)) == LeaseKeepAliveResult(lease, 3)
        assert len(leader.member.machine.leases(None, 0)) == 20

    World(seed=57).play(story)


def test_a_leader_that_leads_again_has_forgotten_the_times_of_its_first_term() -> None:
    async def story(world: World) -> None:
        await world.start()
        first = world[await world.led()]
        others = [host for host in world.running() if host is not first]
        await ask(first, LeaseGrant(5, 7))
        await asyncio.sleep(1)
        first.pausing.begin()
        await asyncio.sleep(3)
        assert await ask(others[0], LeaseKeepAlive(7)) == LeaseKeepAliveResult(7, 5)
        first.pausing.end()
        await asyncio.sleep(2)
        renewed = world.loop.time()
        assert await ask(others[0], LeaseKeepAlive(7)) == LeaseKeepAliveResult(7, 5)
        second = world[await world.led()]
        assert second is not first
        await second.member.engine.move_leader(first.member.identity.member)
        assert world[await world.led()] is first
        await asyncio.sleep(renewed + 4.9 - world.loop.time())
        assert await ask(first, LeaseList()) == LeaseListResult([7])

    World(seed=62).play(story)


def test_a_leader_that_is_cut_off_renews_nothing() -> None:
    async def story(world: World) -> None:
        await world.start()
        leader = world[await world.led()]
        await ask(leader, LeaseGrant(5, 7))
        world.isolate(leader.name)
        with pytest.raises((TricordError, TimeoutError)):
            await ask(leader, LeaseKeepAlive(7), within=0.4)
        assert leader.member.replica.is_leader, "it does not know yet"

    World(seed=63).play(story)


def test_a_leader_alone_that_slept_through_a_lease_ends_it_and_renews_what_was_asked_first() -> None:
    async def story(world: World) -> None:
        await world.start()
        host = world["n1"]
        await ask(host, LeaseGrant(2, 7))
        await ask(host, LeaseGrant(2, 8))
        await asyncio.sleep(1)
        host.pausing.begin()
        await asyncio.sleep(5)
        host.pausing.end()
        assert await ask(host, LeaseKeepAlive(7)) == LeaseKeepAliveResult(7, 2)
        await asyncio.sleep(0.5)
        assert await ask(host, LeaseList()) == LeaseListResult([7])

    World(seed=58, names=("n1",)).play(story)


def test_questions_wait_for_a_leader_and_give_up_in_time() -> None:
    async def story(world: World) -> None:
        await world.start()
        follower = await a_follower(world)
        await ask(follower, LeaseGrant(10, 7))
        others = [host for host in world.running() if host is not follower]
        for host in others:
            host.kill()
        asked = [asyncio.ensure_future(ask(follower, LeaseKeepAlive(7), within=2)) for _ in range(5)]
        waits = asyncio.ensure_future(ask(follower, LeaseKeepAlive(7), within=30))
        await asyncio.sleep(3)
        assert {type(one.exception()).__name__ for one in asked} == {"DeadlineExceeded"}
        assert not waits.done()
        leases = follower.member.engine.leases
        assert len(leases._idle) + sum(len(sent.tickets) for sent in leases._sent.values()) <= 1
        for host in others:
            await host.start()
        assert await waits == LeaseKeepAliveResult(7, 10)

    World(seed=59).play(story)


def test_a_lock_whose_holder_sleeps_for_three_lease_times_writes_nothing_more() -> None:
    async def story(world: World) -> None:
        await world.start()
        chance = random.Random(60)
        hosts = [world[name] for name in world.names]
        guarded: list[int] = []
        for number in range(1, 5):
            lease = number
            await ask(hosts[number % 3], LeaseGrant(2, lease))
            await ask(hosts[0], Put(b"lock", b"%d" % lease, lease=lease))
            held: Any = await ask(hosts[0], Range(b"lock"))
            guard = Compare(b"lock", CompareTarget.CREATE, CompareResult.EQUAL, held.kvs[0].create_revision)
            write = Txn([guard], [Put(b"guarded", b"%d" % lease)], [])
            before: Any = await ask(hosts[1], write)
            assert before.succeeded
            if chance.random() < 0.5:
                leader = world[await world.led()]
                leader.pausing.begin()
                await asyncio.sleep(chance.uniform(0.5, 3))
                leader.pausing.end()
            # The holder sleeps; somebody else takes the lock when it is free.
            await asyncio.sleep(6 + FAIL_OVER)
            if chance.random() < 0.5:
                await ask(hosts[2], Put(b"lock", b"another's"))
            late = await ask(hosts[number % 3], write)
            assert isinstance(late, TxnResult)
            guarded.append(late.succeeded)
            await ask(hosts[2], DeleteRange(b"lock"))
        assert not any(guarded)

    World(seed=60).play(story)


# --- at random --------------------------------------------------------------------------------------------------


@dataclass
class Lived:
    """What is known of one lease. ``answered``: when the renewals that were answered had been asked for."""

    ttl: int
    answered: list[float]
    last_asked: float
    ended: float = 0.0
    revoked: bool = False


@dataclass
class Watchdog:
    """Sees when leases end, on whichever member applies that first, and when a member takes charge of them."""

    world: World
    leases: dict[int, Lived] = field(default_factory=dict)
    charges: list[float] = field(default_factory=list)
    helpless: list[float] = field(default_factory=list)
    """Times at which no majority could decide anything."""

    async def look_for_majorities(self) -> None:
        """For ever."""
        while True:
            awake = [host.name for host in self.world.running() if not host.pausing.is_on]
            if not any(self.world.network.passes(one, other) for one in awake for other in awake if one != other):
                self.helpless.append(self.world.loop.time())
            await asyncio.sleep(0.05)

    def watch(self, host: Host) -> None:
        """Before its turns."""
        leases, machine = host.member.engine.leases, host.member.machine
        turned, took_charge = leases.turned, leases.keeping.took_charge

        def seen() -> None:
            for _, changes in machine.lease_changes:
                for identity, data in changes:
                    lived = self.leases.get(identity)
                    if data is None and lived is not None and not lived.ended:
                        lived.ended = self.world.loop.time()
            turned()

        def charged() -> None:
            self.charges.append(self.world.loop.time())
            took_charge()

        host.member.turns.after_turn = seen
        leases.keeping.took_charge = charged

    def judge(self, now: float) -> None:
        """No lease ended early, and none lives too long."""
        for identity, lived in self.leases.items():
            if lived.revoked:
                continue
            end = lived.ended or now
            if lived.ended:
                early = [asked for asked in lived.answered if asked + lived.ttl > lived.ended + 1e-6]
                assert not early, f"lease {identity} of {lived.ttl} s ended at {lived.ended}, was renewed at {early}"
            begins = max([lived.last_asked, *(at for at in self.charges + self.helpless if at <= end)])
            late = end - begins - lived.ttl
            assert late < SLACK + PAUSE_MAX, f"lease {identity} outlived its time by {late} s, ended: {lived.ended}"


class Holders:
    """Clients with leases, on whichever member answers, for one seed."""

    def __init__(self, world: World, dog: Watchdog, chance: random.Random) -> None:
        self.world = world
        self.dog = dog
        self.chance = chance
        self.over = False
        self.count = 0

    async def ask(self, request: Request) -> Result | None:
        """One try at some member."""
        running = self.world.running()
        if not running:
            await asyncio.sleep(0.2)
            return None
        try:
            return await ask(self.chance.choice(running), request, within=1.5)
        except (TricordError, TimeoutError):
            return None

    async def hold(self) -> None:
        """Take leases one after the other; renew each for a while, then let it go, or revoke it."""
        while not self.over:
            self.count += 1
            identity, ttl = self.count, self.chance.choice((2, 3, 5))
            asked = self.world.loop.time()
            granted = await self.ask(LeaseGrant(ttl, identity))
            if granted is None:
                continue
            lived = self.dog.leases[identity] = Lived(ttl, [asked], asked)
            if identity_ended_already(self.world, identity):
                lived.ended = self.world.loop.time()
            stop_at = asked + self.chance.uniform(0, 8)
            while self.world.loop.time() < stop_at:
                await asyncio.sleep(self.chance.uniform(0.1, ttl / 2))
                asked = lived.last_asked = self.world.loop.time()
                answer = await self.ask(LeaseKeepAlive(identity))
                # A question that found no answer may be asked again, and renew, until its deadline.
                lived.last_asked = self.world.loop.time()
                if isinstance(answer, LeaseKeepAliveResult):
                    if not answer.ttl:
                        break
                    lived.answered.append(asked)
            if self.chance.random() < 0.2:
                lived.revoked = True
                await self.ask(LeaseRevoke(identity))


def identity_ended_already(world: World, identity: int) -> bool:
    return all(identity not in dict(host.member.machine.leases(None, 0)) for host in world.running())


async def break_things(world: World, dog: Watchdog, chance: random.Random, seconds: float) -> None:
    end = world.loop.time() + seconds
    while world.loop.time() < end:
        await asyncio.sleep(chance.uniform(0.2, 1.5))
        leaders = [host for host in world.running() if host.member.replica.is_leader]
        victim = chance.choice(leaders) if leaders and chance.random() < 0.8 else chance.choice(world.running())
        act = chance.random()
        if act < 0.4:
            victim.pausing.begin()
            world.loop.call_later(chance.uniform(0.2, PAUSE_MAX), victim.pausing.end)
        elif act < 0.6 and len(world.running()) == 3 and not any(host.pausing.is_on for host in world.running()):
            victim.kill()
            await asyncio.sleep(chance.uniform(0.1, 1.5))
            await victim.start(lease_checkpoint_interval=1)
            dog.watch(victim)
        elif act < 0.8:
            world.network.cut(*chance.sample(world.names, 2))
        else:
            world.network.heal()
    world.network.heal()
    await asyncio.sleep(PAUSE_MAX)


@pytest.mark.parametrize("seed", range(200, 204))
def test_no_lease_ends_early_and_none_outlives_its_bound(seed: int) -> None:
    async def story(world: World) -> None:
        chance = random.Random(seed)
        dog = Watchdog(world)
        for host in world.hosts.values():
            await host.start(lease_checkpoint_interval=1)
            dog.watch(host)
        await world.led()
        holders = Holders(world, dog, chance)
        holding = [asyncio.ensure_future(holders.hold()) for _ in range(6)]
        looking = asyncio.ensure_future(dog.look_for_majorities())
        await break_things(world, dog, chance, 20)
        holders.over = True
        await asyncio.gather(*holding)
        await world.led(within=10)
        await asyncio.sleep(5 + SLACK)
        looking.cancel()
        dog.judge(world.loop.time())
        left = await ask(world.running()[0], LeaseList())
        assert left == LeaseListResult([])
        assert len([lived for lived in dog.leases.values() if lived.ended]) > 10
        assert len({host.member.machine.chain for host in world.running()}) == 1

    World(seed).play(story)


def test_an_unknown_lease_is_not_revoked_on_any_member() -> None:
    async def story(world: World) -> None:
        await world.start()
        for host in world.running():
            with pytest.raises(LeaseNotFound):
                await ask(host, LeaseRevoke(99))

    World(seed=61).play(story)
