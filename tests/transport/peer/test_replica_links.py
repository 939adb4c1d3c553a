# SPDX-License-Identifier: Apache-2.0
"""The lanes of replicas in virtual time: they carry, are bounded, are cut, come back, and hold up nothing else."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.transport.peer.members import Member, heartbeat, in_virtual_time
from tricord.sim.host_network import HostNetwork
from tricord.transport.peer.settings import PeerSettings
from tricord.wire.peer.frames import FrameKind, frame
from tricord.wire.peer.hello import Lane
from tricord.wire.peer.refusals import Refusal, RefusalCode
from tricord.wire.peer.replica import ReplicaMessage, decode_message, encode_head


def said(number: int, size: int = 0) -> bytes:
    return frame(FrameKind.REPLICA, encode_head(5, 1, 2), number.to_bytes(4) + bytes(size))


class Told:
    """What a member's replicas are told."""

    def __init__(self, member: Member) -> None:
        self.messages: list[ReplicaMessage] = []
        self.reached: list[int] = []
        member.hooks.replicated = lambda sender, payload: self.messages.append(decode_message(payload))
        member.hooks.replicas_reached = self.reached.append

    @property
    def numbers(self) -> list[int]:
        return [int.from_bytes(message.data[:4]) for message in self.messages]


async def both(members: list[Member]) -> tuple[Member, Member, Told, Told]:
    """The first two, with lanes for replicas both ways."""
    first, second = members
    told = Told(first), Told(second)
    await first.start(second)
    await second.start(first)
    first.links.replicas.set_wanted(frozenset({2}))
    second.links.replicas.set_wanted(frozenset({1}))
    await asyncio.sleep(0.2)
    return first, second, *told


def test_messages_go_both_ways_and_nobody_is_dialled_before_that_is_wanted() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = members
        told = Told(second)
        await first.start(second)
        await second.start(first)
        await asyncio.sleep(1.0)
        assert first.links.replicas.states() == [] and not first.links.replicas.send(2, said(1))
        first.links.replicas.set_wanted(frozenset({2, 9}))
        assert not first.links.replicas.has_room(2)
        await asyncio.sleep(0.1)
        assert first.links.replicas.send(2, said(2)) and first.links.replicas.send(2, said(3))
        await asyncio.sleep(0.1)
        assert told.messages == [ReplicaMessage(5, 1, 2, number.to_bytes(4)) for number in (2, 3)]
        first.links.replicas.set_wanted(frozenset())
        assert not first.links.replicas.send(2, said(4)) and first.connected(second)

    in_virtual_time(story)


def test_a_slow_peer_makes_room_run_out_and_heartbeats_pass_by() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second, _, told = await both(members)
        wire = second.links._acceptor._by_sender[1, Lane.REPLICAS].connection._transport
        assert wire is not None
        wire.pause_reading()
        sent = 0
        while first.links.replicas.send(2, said(sent, 100_000)):
            sent += 1
        assert not first.links.replicas.has_room(2) and 10 <= sent < 15
        first.links.send([heartbeat(1, 2)])
        await asyncio.sleep(0.1)
        assert len(second.received) == 1 and told.numbers == []
        wire.resume_reading()
        await asyncio.sleep(0.1)
        assert told.numbers == list(range(sent)) and first.links.replicas.has_room(2)

    in_virtual_time(story, settings=PeerSettings(replica_buffer=1 << 20))


def test_a_message_that_is_larger_than_the_room_goes_out_alone() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, _, _, told = await both(members)
        assert first.links.replicas.send(2, said(1, 5 << 20))
        await asyncio.sleep(1.0)
        assert [len(message.data) for message in told.messages] == [(5 << 20) + 4]

    in_virtual_time(story, settings=PeerSettings(replica_buffer=1000))


def test_a_cut_on_purpose_cuts_replicas_too_and_its_end_is_told() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second, told, heard = await both(members)
        told.reached.clear()
        first.links.cuts.replace([(1, 2)])
        assert not first.links.replicas.has_room(2) and not first.links.replicas.send(2, said(1))
        first.links.cuts.replace([])
        second.links.cuts.replace([(1, 2)])
        assert first.links.replicas.send(2, said(2)), "the receiver drops it"
        await asyncio.sleep(0.1)
        assert heard.messages == []
        first.links.cuts.replace([(1, 2)])
        await asyncio.sleep(0.2)
        assert told.reached == []
        first.links.cuts.replace([])
        await asyncio.sleep(0.2)
        assert told.reached == [2]

    in_virtual_time(story)


def test_a_broken_lane_is_dialled_again_with_pauses_and_its_opening_is_told() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second, told, _ = await both(members)
        assert told.reached == [2]
        network.cut(first.host, second.host)
        await asyncio.sleep(3.0)
        assert not first.links.replicas.has_room(2)
        network.heal()
        await asyncio.sleep(1.0)
        assert told.reached == [2, 2] and first.links.replicas.has_room(2)

    in_virtual_time(story)


def test_who_does_not_belong_is_not_heard() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = members
        told = Told(second)
        second.refusal = Refusal(RefusalCode.UNKNOWN_MEMBER, "not one of us")
        await first.start(second)
        await second.start(first)
        first.links.replicas.set_wanted(frozenset({2}))
        await asyncio.sleep(1.0)
        assert not first.links.replicas.send(2, said(1)) and told.messages == []
        assert "not one of us" in first.links.replicas.states()[0].error
        second.refusal = None
        first.links.set_local(replace(first.local, cluster=99))
        await asyncio.sleep(1.0)
        assert "cluster" in first.links.replicas.states()[0].error and told.messages == []

    in_virtual_time(story)


def test_bytes_that_are_no_message_cost_the_lane_and_nothing_else() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second, _, told = await both(members)
        for wrong in (frame(FrameKind.REPLICA, b"short"), b"garbage that is no frame", frame(FrameKind.MESSAGES)):
            told.messages.clear()
            first.links.replicas.send(2, wrong)
            await asyncio.sleep(0.05)
            assert not first.links.replicas.has_room(2) and first.connected(second)
            await asyncio.sleep(6.0)
            assert first.links.replicas.send(2, said(1))
            await asyncio.sleep(0.05)
            assert told.numbers == [1] and not second.said("fault")

    in_virtual_time(story)
