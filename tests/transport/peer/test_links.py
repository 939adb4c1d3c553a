# SPDX-License-Identifier: Apache-2.0
"""Links in virtual time: they open, carry, break, and come back within the times that are promised."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.transport.peer.members import Member, append, heartbeat, in_virtual_time
from tricord.raft.messages import (
    AppendEntriesResult,
    ForwardedProposal,
    ForwardedProposalResult,
    Message,
    RequestVote,
    TimeoutNow,
)
from tricord.sim.host_network import HostNetwork
from tricord.transport.peer.hooks import LinkState
from tricord.transport.peer.outgoing import lane_of
from tricord.transport.peer.settings import PeerSettings
from tricord.wire.peer.hello import Lane
from tricord.wire.peer.refusals import Refusal, RefusalCode


async def both(network: HostNetwork, members: list[Member]) -> tuple[Member, Member]:
    """The first two, joined both ways."""
    first, second = members[:2]
    await first.start(second)
    await second.start(first)
    await asyncio.sleep(0.2)
    assert first.connected(second) and second.connected(first)
    return first, second


def test_messages_go_both_ways_in_order() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = await both(network, members)
        said: list[Message] = [append(1, 2, number) for number in range(1, 4)]
        first.links.send(said)
        result = AppendEntriesResult(2, 1, 3, True, 3, 0, 0)
        second.links.send([result])
        await asyncio.sleep(0.01)
        assert second.received == said and first.received == [result]
        assert not first.said("unreachable") and not first.said("fault")

    in_virtual_time(story)


def test_votes_heartbeats_and_results_do_not_queue_behind_entries() -> None:
    by_control: list[Message] = [
        heartbeat(1, 2),
        RequestVote(1, 2, 3, 0, 0),
        AppendEntriesResult(1, 2, 3, True, 1, 0, 0),
        TimeoutNow(1, 2, 3),
    ]
    by_append: list[Message] = [
        append(1, 2),
        replace(append(1, 2), entries=[]),
        ForwardedProposal(1, 2, 3, 1, [b"x"]),
        ForwardedProposalResult(1, 2, 3, 1, 7),
    ]
    assert {lane_of(message) for message in by_control} == {Lane.CONTROL}
    assert {lane_of(message) for message in by_append} == {Lane.APPEND}


def test_what_is_forwarded_goes_by_control_while_append_is_down() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = members
        not_yet = Refusal(RefusalCode.NOT_READY, "not yet")
        second.hooks.expected = lambda hello: not_yet if hello.lane == Lane.APPEND else None
        await first.start(second)
        await second.start(first)
        await asyncio.sleep(0.2)
        asked, answer = ForwardedProposal(1, 2, 3, 1, [b"x"]), ForwardedProposalResult(1, 2, 3, 1, 7)
        first.links.send([append(1, 2), asked, answer])
        await asyncio.sleep(0.01)
        assert second.received == [asked, answer]

    in_virtual_time(story)


def test_a_killed_peer_is_gone_and_found_again_within_half_a_second() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = await both(network, members)
        killed_at = first.environment.clock.monotonic()
        second.stop()
        await asyncio.sleep(0.15)
        gone_at = next(when for when, what in first.told if what == "gone 2")
        assert gone_at - killed_at < 0.1
        await asyncio.sleep(20.0)
        assert first.said("gone") == ["gone 2"] and "unreachable 2" in first.said("unreachable")
        again = Member(network, 2, None, insecure=True)
        await again.start(first)
        await asyncio.sleep(0.51)
        assert first.connected(again) and again.connected(first)
        again.stop()

    in_virtual_time(story)


def test_a_silent_link_is_closed_and_a_healed_one_carries_within_a_second() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = await both(network, members)
        network.cut(first.host, second.host)
        await asyncio.sleep(0.9)
        assert first.connected(second), "an election timeout has not passed"
        await asyncio.sleep(0.4)
        assert not first.connected(second)
        assert any("silent for" in what for what in first.said("control 2 shut"))
        assert not first.said("gone"), "nobody refused: the process may live"
        for pause in (3.0, 3.13, 3.37, 3.61):
            await asyncio.sleep(pause)
            network.heal()
            await asyncio.sleep(0.99)
            first.received.clear()
            second.links.send([append(2, 1), heartbeat(2, 1)])
            await asyncio.sleep(0.01)
            assert sorted(first.received, key=str) == sorted([append(2, 1), heartbeat(2, 1)], key=str)
            network.cut(first.host, second.host)
            await asyncio.sleep(2.0)
            assert not second.connected(first)

    in_virtual_time(story)


def test_a_pause_of_this_process_is_no_silence_of_the_others() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = await both(network, members)
        first.environment.tasks.call_later(0.05, _jump, first, 5.0)
        await asyncio.sleep(0.3)
        assert first.connected(second) and second.connected(first)
        assert not first.said("unreachable")

    in_virtual_time(story)


def _jump(member: Member, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    loop.advance(seconds)  # type: ignore[attr-defined]


def test_a_slow_peer_is_dropped_from_and_does_not_stall_the_others() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second, third = members
        for member in members:
            await member.start(*[other for other in members if other is not member])
        await asyncio.sleep(0.2)
        network.cut(first.host, second.host)
        for number in range(1, 51):
            first.links.send([append(1, 2, number, 1000), append(1, 3, number, 1000)])
            await asyncio.sleep(0.001)
        assert third.received == [append(1, 3, number, 1000) for number in range(1, 51)]
        assert set(first.said("unreachable")) == {"unreachable 2"}
        first.links.send([heartbeat(1, 2)])
        assert first.connected(second), "what waits is bounded; the link itself may come to life again"
        network.heal()
        await asyncio.sleep(0.01)
        assert 15 <= len(second.received) <= 21, "what was within the bound arrives"

    in_virtual_time(story, members=3, settings=PeerSettings(append_buffer=20_000))


def test_cut_members_drop_messages_at_both_ends() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = await both(network, members)
        first.links.cuts.replace([(1, 2)])
        first.links.send([append(1, 2)])
        second.links.send([append(2, 1)])
        second.links.cuts.replace([(2, 1), (1, 2)])
        second.links.send([append(2, 1)])
        first.links.cuts.replace([])
        first.links.send([append(1, 2)])
        await asyncio.sleep(0.01)
        assert first.received == [append(2, 1)] and second.received == []
        second.links.cuts.replace([])
        first.links.send([append(1, 2, 2)])
        await asyncio.sleep(0.01)
        assert second.received == [append(1, 2, 2)]

    in_virtual_time(story)


def test_a_refused_hello_is_told_once_and_tried_again_slowly() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = members
        second.refusal = Refusal(RefusalCode.WRONG_INCARNATION, "n1 is known under another incarnation")
        await second.start()
        await first.start(second)
        await asyncio.sleep(4.0)
        assert first.said("refused") == ["refused 2: n1 is known under another incarnation"]
        second.refusal = None
        await asyncio.sleep(7.0)
        assert first.connected(second)

    in_virtual_time(story)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"cluster": 6}, "this member belongs to cluster 7, the dialler to 6"),
        ({"history": 6}, "this member has history 8 of the cluster, the dialler 6"),
        ({"member": 2}, "this is member 2; 2 wanted 2"),
    ],
)
def test_strangers_are_refused_by_name(change: dict[str, int], text: str) -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = members
        await second.start()
        first.local = replace(first.local, **change)
        await first.start(second)
        await asyncio.sleep(0.1)
        assert first.said("refused") == [f"refused 2: {text}"]

    in_virtual_time(story)


def test_a_member_at_the_address_of_another_is_not_sent_to() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, _, third = members
        await third.start()
        first.links.set_local(first.local)
        first.links.set_peers({2: [third.address]})
        await asyncio.sleep(0.1)
        assert first.said("refused") == ["refused 2: this is member 3; 1 wanted 2"]

    in_virtual_time(story, members=3)


def test_a_member_that_does_not_know_who_it_is_is_asked_again_soon() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = members
        await second.links.listen(*second.address)
        await first.start(second)
        await asyncio.sleep(3.0)
        assert first.said("refused") == ["refused 2: this member does not know yet which cluster it belongs to"]
        second.links.set_local(second.local)
        await asyncio.sleep(0.51)
        assert first.connected(second)

    in_virtual_time(story)


def test_without_a_secret_only_loopback_is_served() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = members
        await second.start()
        await first.start(second)
        await asyncio.sleep(0.1)
        (told,) = first.said("refused")
        assert "need certificates or a cluster secret" in told
        answer = await first.links.query(second.address)
        assert isinstance(answer, Refusal) and answer.code == RefusalCode.PROOF_NEEDED

    in_virtual_time(story, options={2: {"insecure": False}})


def test_members_with_the_same_secret_open_beyond_loopback() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        await both(network, members)

    secret = {"insecure": False, "secret": b"the cluster's"}
    in_virtual_time(story, options={1: secret, 2: secret})


def test_a_sender_that_lies_about_its_messages_loses_its_connection() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = await both(network, members)
        first.links.send([append(3, 2)])
        await asyncio.sleep(0.02)
        assert second.received == []
        assert "append 2 shut: a message of 3 came from 1" in first.said("append")

    in_virtual_time(story)


def test_a_changed_configuration_ends_the_connections_of_those_who_left() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = await both(network, members)
        second.links.recheck()
        await asyncio.sleep(0.01)
        assert first.connected(second)
        second.refusal = Refusal(RefusalCode.UNKNOWN_MEMBER, "n1 was removed")
        second.links.recheck()
        await asyncio.sleep(0.2)
        assert not first.connected(second)
        assert first.said("refused") == ["refused 2: n1 was removed"]

    in_virtual_time(story)


def test_new_addresses_move_a_link_and_old_ones_keep_it() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second, third = members
        await first.start(second)
        await second.start()
        await asyncio.sleep(1.0)
        first.told.clear()
        first.links.set_peers({2: [second.address]})
        await asyncio.sleep(0.1)
        assert first.told == [] and first.connected(second)
        first.links.set_peers({2: [("10.0.0.9", 1), second.address], 3: [third.address]})
        await asyncio.sleep(0.1)
        assert [state.connected for state in first.links.states()] == [True, True, False, False]
        first.links.set_peers({})
        assert first.links.states() == []
        first.links.send([append(1, 2)])

    in_virtual_time(story, members=3)


def test_the_state_of_a_link_says_since_when_and_why() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = members
        await first.start(second)
        await asyncio.sleep(2.0)
        state = first.links.states()[0]
        assert state == LinkState(2, "control", False, 0.0, "[Errno 111] connection refused: 10.0.0.2:2380")
        await second.start()
        await asyncio.sleep(0.6)
        state = first.links.states()[0]
        assert state.connected and 2.0 < state.since < 2.6

    in_virtual_time(story)


def test_a_raising_hook_costs_a_connection_and_nothing_else() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = await both(network, members)

        def broken(messages: list[Message]) -> None:
            raise RuntimeError("a bug")

        second.hooks.received = broken
        first.links.send([append(1, 2)])
        await asyncio.sleep(0.01)
        assert "a bug" in second.said("fault")[0]
        second.hooks.received = second.received.extend
        await asyncio.sleep(0.5)
        first.links.send([append(1, 2)])
        await asyncio.sleep(0.01)
        assert second.received == [append(1, 2)]

    in_virtual_time(story)


def test_garbage_on_the_peer_port_hurts_nobody() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = await both(network, members)
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 10, b"\xf5TRICORD-PEER\r\n\x00" + bytes(100)):
            transport, _ = await first.environment.network.connect(*second.address, asyncio.Protocol)
            transport.write(garbage)
            await asyncio.sleep(0.1)
            assert transport.is_closing()
        silent, _ = await first.environment.network.connect(*second.address, asyncio.Protocol)
        await asyncio.sleep(3.2)
        assert silent.is_closing(), "who never says who he is does not stay"
        assert first.connected(second) and not second.said("fault")

    in_virtual_time(story)


def test_a_query_needs_no_membership() -> None:
    async def story(network: HostNetwork, members: list[Member]) -> None:
        first, second = members
        await second.links.listen(*second.address)
        answer = await first.links.query(second.address, 9)
        assert not isinstance(answer, Refusal)
        assert (answer.cluster, answer.name, answer.knows, answer.known_incarnation) == (7, "n2", True, 5)
        with pytest.raises(ConnectionRefusedError):
            await first.links.query(("10.0.0.3", 1))
        network.cut(first.host, second.host)
        with pytest.raises(TimeoutError):
            await first.links.query(second.address)

    in_virtual_time(story)
