# SPDX-License-Identifier: Apache-2.0
"""Gossip on simulated hosts, and once on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from tricord.base.environment import Environment
from tricord.base.errors import ConfigurationError, RequestTooLarge
from tricord.gossip import Delivery, EventKind, GossipConfig, MemberEvent, Standing
from tricord.gossip.refusals import Reason
from tricord.runtime import run as run_for_real
from tricord.server.gossip_driver import STREAMS_MAX, GossipDriver, GossipHooks
from tricord.sim.environment import simulated_environment
from tricord.sim.host_network import Condition, HostNetwork
from tricord.sim.virtual_loop import VirtualLoop
from tricord.transport.gossip.frames import PREFACE, frame

PORT = 7946
KEY = bytes(range(32))


class Member:
    """A driver that writes down what it is told."""

    def __init__(
        self, environment: Environment, member: int, *, keys: tuple[bytes, ...] = (KEY,), **options: Any
    ) -> None:
        self.events: list[MemberEvent] = []
        self.deliveries: list[Delivery] = []
        self.faults: list[str] = []
        hooks = GossipHooks(self.events.append, self.deliveries.append, lambda error, where: self.faults.append(where))
        config = GossipConfig(member=member, cluster=7, keys=keys)
        self.environment = environment
        self.driver = GossipDriver(environment, config, hooks, **options)
        self.id = member

    async def start(self, host: str, port: int) -> None:
        """With a listener that hears nothing but gossip."""
        self.listener = await self.environment.network.listen(host, port, self.driver.accept)
        try:
            await self.driver.start(*self.listener.addresses()[0])
        except ConfigurationError:
            self.listener.close()
            raise

    def close(self) -> None:
        self.driver.close()
        self.listener.close()

    def sees(self, other: Member) -> Standing | None:
        return self.driver.core.standing_of(other.id)


Story = Callable[[HostNetwork], Awaitable[None]]


def play(story: Story) -> None:
    """In virtual time."""
    loop = VirtualLoop()
    try:
        loop.run_until_complete(story(HostNetwork(loop)))
    finally:
        loop.close()


async def started(network: HostNetwork, count: int = 3, **options: Any) -> list[Member]:
    """Members on hosts of their own that know each other."""
    loop, disk = asyncio.get_running_loop(), None
    assert isinstance(loop, VirtualLoop)
    members = []
    for number in range(1, count + 1):
        environment = simulated_environment(loop, disk, number, network.at(f"10.0.0.{number}"))  # type: ignore[arg-type]
        members.append(Member(environment, number, **options))
        await members[-1].start(f"10.0.0.{number}", PORT)
    for member in members:
        member.driver.belong({number: (f"10.0.0.{number}", PORT) for number in range(1, count + 1)})
    await until(lambda: agree(members), 10.0)
    return members


def agree(members: list[Member]) -> bool:
    return all(one.sees(other) is Standing.ALIVE for one in members for other in members if one is not other)


async def until(holds: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("options", [{}, {"tcp_only": True}, {"keys": (), "insecure": True}])
def test_members_find_each_other_tell_news_and_notice_a_death(options: dict[str, Any]) -> None:
    async def story(network: HostNetwork) -> None:
        one, other, third = await started(network, **options)
        one.driver.broadcast(3, b"news")
        one.driver.describe(b"vector")
        await until(lambda: len(other.deliveries) == len(third.deliveries) == 1, 5.0)
        assert other.deliveries == [Delivery(1, 3, b"news")]
        await until(lambda: other.events[-1] == MemberEvent(EventKind.UPDATED, 1, 2, b"vector"), 5.0)
        third.close()
        await until(lambda: one.sees(third) is other.sees(third) is Standing.DEAD, 30.0)
        assert agree([one, other])
        assert one.faults == other.faults == []
        one.close()
        other.close()

    play(story)


def test_a_member_that_leaves_is_known_to_have_left() -> None:
    async def story(network: HostNetwork) -> None:
        one, other, third = await started(network)
        await third.driver.leave()
        third.close()
        await until(lambda: one.sees(third) is other.sees(third) is Standing.LEFT, 2.0)
        await asyncio.sleep(20)
        assert [event.kind for event in one.events if event.member == 3] == [EventKind.ALIVE, EventKind.LEFT]
        one.close()
        await asyncio.wait_for(other.driver.leave(), 20.0)
        other.close()

    play(story)


def test_a_cut_is_noticed_and_heals() -> None:
    async def story(network: HostNetwork) -> None:
        one, other, third = await started(network)
        cuts = [network.cut("10.0.0.1", "10.0.0.3"), network.cut("10.0.0.2", "10.0.0.3")]
        await until(lambda: one.sees(third) is third.sees(one) is third.sees(other) is Standing.DEAD, 60.0)
        for cut in cuts:
            network.lift(cut)
        await until(lambda: agree([one, other, third]), 20.0)
        for member in (one, other, third):
            member.close()

    play(story)


def test_where_udp_is_lost_streams_keep_members_alive() -> None:
    async def story(network: HostNetwork) -> None:
        members = await started(network)
        network.carry = lambda source, there, data: None  # type: ignore[method-assign]
        await asyncio.sleep(60)
        assert agree(members)
        assert not any(event.kind is EventKind.DEAD for member in members for event in member.events)
        for member in members:
            member.close()

    play(story)


def test_a_hook_that_fails_costs_nothing_but_a_report() -> None:
    async def story(network: HostNetwork) -> None:
        one, other = await started(network, 2)
        other.driver._hooks.delivered = lambda delivery: 1 // 0  # type: ignore[misc, assignment]
        one.driver.broadcast(1, b"news")
        await until(lambda: bool(other.faults), 5.0)
        assert agree([one, other])
        one.close()
        other.close()

    play(story)


def test_a_turn_that_fails_costs_what_came_in_and_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(network: HostNetwork) -> None:
        one, other = await started(network, 2)
        with monkeypatch.context() as patched:
            patched.setattr(one.driver.core, "turn", lambda told: 1 // 0)
            await until(lambda: len(one.faults) > 2, 10.0)
        assert set(one.faults) == {"a turn of gossip"}
        one.driver.broadcast(1, b"news")
        await until(lambda: bool(other.deliveries) and agree([one, other]), 30.0)
        one.close()
        other.close()

    play(story)


def test_what_is_too_large_is_refused_and_a_ring_does_not_become_empty() -> None:
    async def story(network: HostNetwork) -> None:
        (one,) = await started(network, 1)
        with pytest.raises(RequestTooLarge):
            one.driver.broadcast(1, bytes(2000))
        with pytest.raises(RequestTooLarge):
            one.driver.describe(bytes(2000))
        with pytest.raises(ConfigurationError):
            one.driver.set_keys(())
        one.driver.set_keys((bytes(16), KEY))
        one.close()
        one.driver.broadcast(1, b"closed")

    play(story)


def test_without_keys_only_loopback_is_served() -> None:
    async def story(network: HostNetwork) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        environment = simulated_environment(loop, None, 1, network.at("10.0.0.1"))  # type: ignore[arg-type]
        member = Member(environment, 1, keys=())
        with pytest.raises(ConfigurationError, match=r"10\.0\.0\.1"):
            await member.start("10.0.0.1", PORT)
        await member.start("127.0.0.1", PORT)
        member.driver.belong({1: ("127.0.0.1", PORT), 2: ("10.0.0.2", PORT)})
        stranger = await network.at("10.0.0.2").open_datagrams("10.0.0.2", PORT, lambda data, host: None)
        stranger.send(b"x" * 50, "127.0.0.1", PORT)
        transport, _ = await network.at("10.0.0.2").connect("127.0.0.1", PORT, asyncio.Protocol)
        await asyncio.sleep(1)
        assert transport.is_closing()
        assert member.driver.core.counts.packets_received == 0
        near = await network.at("127.0.0.1").open_datagrams("127.0.0.1", 0, lambda data, host: None)
        near.send(b"x" * 50, "127.0.0.1", PORT)
        await asyncio.sleep(1)
        assert member.driver.core.counts.refused[Reason.FORMAT] == 1
        member.close()

    play(story)


def test_streams_of_strangers_take_a_bounded_room() -> None:
    async def story(network: HostNetwork) -> None:
        one, other = await started(network, 2)
        strangers = network.at("10.0.0.9")
        opened = [await strangers.connect("10.0.0.1", PORT, asyncio.Protocol) for _ in range(STREAMS_MAX + 10)]
        await asyncio.sleep(1)
        assert sum(transport.is_closing() for transport, _ in opened) == 10
        assert all(transport.is_closing() for transport, _ in opened[:10])
        opened[-1][0].write(PREFACE + b"\xff\xff\xff\xff")
        opened[-2][0].write(PREFACE + frame(b"nothing that anybody says"))
        await asyncio.sleep(1)
        assert [transport.is_closing() for transport, _ in opened[-3:]] == [False, True, True]
        assert agree([one, other])
        await asyncio.sleep(130)
        late = await strangers.connect("10.0.0.1", PORT, asyncio.Protocol)
        await asyncio.sleep(1)
        assert [transport.is_closing() for transport, _ in opened] == [True] * len(opened)
        assert not late[0].is_closing()
        one.close()
        other.close()
        await asyncio.sleep(1)

    play(story)


def test_a_bad_network_buries_nobody() -> None:
    async def story(network: HostNetwork) -> None:
        members = await started(network, 4)
        hosts = [f"10.0.0.{number}" for number in range(1, 5)]
        network.impose([(one, other) for one in hosts for other in hosts], Condition(loss=0.2, delay=0.1))
        await asyncio.sleep(60)
        assert not any(event.kind is EventKind.DEAD for member in members for event in member.events)
        for member in members:
            member.close()

    play(story)


@pytest.mark.parametrize("tcp_only", [False, True])
def test_on_real_sockets(tcp_only: bool) -> None:
    async def main(environment: Environment) -> None:
        members = [Member(environment, number, tcp_only=tcp_only) for number in (1, 2, 3)]
        for member in members:
            await member.start("127.0.0.1", 0)
        for member in members:
            member.driver.belong({other.id: other.driver.address for other in members})
        await until(lambda: agree(members), 20.0)
        members[0].driver.broadcast(1, b"news")
        await until(lambda: all(member.deliveries for member in members[1:]), 20.0)
        await members[2].driver.leave()
        await until(lambda: members[0].sees(members[2]) is Standing.LEFT, 20.0)
        for member in members:
            member.close()
        await asyncio.sleep(0)

    work: Callable[[Environment], Coroutine[Any, Any, None]] = main
    run_for_real(work)
