# SPDX-License-Identifier: Apache-2.0
"""A listed member that says whatever it likes: nothing is raised, and nothing grows beyond its bounds."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gossip.test_codec import broadcasts, messages, numbers
from tricord.gossip import Answer, Gossip, GossipConfig, Input, Request, Standing
from tricord.gossip.broadcasts import WINDOW
from tricord.gossip.claims import INCARNATION_MAX, Claim
from tricord.gossip.codec import Head, encode_head, encode_message, encode_packet, encode_stream
from tricord.gossip.dissemination import BROADCAST_BYTES_MAX, BROADCASTS_MAX
from tricord.gossip.envelope import Envelopes, Purpose
from tricord.gossip.keyring import KeyRing
from tricord.gossip.messages import Ack, Broadcast, Message, Ping, PingRequest, StateOf
from tricord.gossip.relay import RELAYS_MAX
from tricord.sim.environment import SeededRandom

MEMBERS = 6
LISTED = {member: (f"m{member}", 1) for member in range(1, MEMBERS + 1)}
PLAIN = Envelopes(7, KeyRing((), SeededRandom(0)))

own_ids = st.integers(0, MEMBERS + 1)
claims = st.builds(
    Claim,
    st.sampled_from([standing for standing in Standing if standing is not Standing.ABSENT]),
    own_ids,
    st.integers(0, 3) | st.integers(INCARNATION_MAX - 2, INCARNATION_MAX),
    own_ids,
    st.none() | st.sampled_from([b"", b"me"]),
)
near = st.one_of(messages, claims, broadcasts, st.builds(PingRequest, numbers, own_ids))
senders = st.integers(2, MEMBERS)


def core() -> Gossip:
    gossip = Gossip(GossipConfig(member=1, cluster=7), SeededRandom(1))
    gossip.turn(Input(0.0, listed=LISTED))
    return gossip


def packet(sender: int, said: list[Message]) -> bytes:
    return PLAIN.close(Purpose.PACKET, encode_packet(Head(sender, 1), map(encode_message, said)))


def streamed(purpose: Purpose, sender: int, ticket: int, said: Ping | Ack | StateOf) -> bytes:
    return PLAIN.close(purpose, encode_head(Head(sender, 1, ticket)) + encode_stream(said))


packets = st.builds(packet, senders, st.lists(near, max_size=4))
states = st.builds(StateOf, st.lists(claims, max_size=4)) | st.builds(Ack, numbers) | st.builds(Ping, numbers)
requests = st.builds(lambda sender, said: Request(1, streamed(Purpose.REQUEST, sender, 9, said)), senders, states)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_whatever_a_listed_member_says_the_next_turn_comes(data: st.DataObject) -> None:
    gossip, now, tickets = core(), 0.0, [9]
    for _ in range(data.draw(st.integers(1, 6))):
        now += data.draw(st.sampled_from([0.0, 0.3, 0.6, 2.0, 40.0]))
        told = Input(now, data.draw(st.lists(packets, max_size=3)), data.draw(st.lists(requests, max_size=2)))
        ticket = data.draw(st.sampled_from(tickets))
        if data.draw(st.booleans()):
            told.answers.append(Answer(ticket, streamed(Purpose.ANSWER, 2, ticket, data.draw(states))))
        told.leave = data.draw(st.integers(0, 9)) == 0
        output = gossip.turn(told)
        tickets += [exchange.ticket for exchange in output.exchanges]
        assert output.wake_at >= now
        assert all(len(sent) <= gossip.config.packet_size for _, sent in output.packets)
        assert [view.member for view in gossip.members()] == list(range(2, MEMBERS + 1))
        assert 0 < gossip.incarnation <= INCARNATION_MAX


@settings(max_examples=100)
@given(st.binary(max_size=100), st.sampled_from(Purpose))
def test_any_bytes_are_counted_and_nothing_else(data: bytes, purpose: Purpose) -> None:
    gossip = core()
    closed = PLAIN.close(purpose, data)
    told = Input(0.1, [data, closed], [Request(1, data), Request(2, closed)], [Answer(3, data), Answer(3, closed)])
    output = gossip.turn(told)
    assert (output.answers, output.deliveries, output.events) == ([], [], [])
    assert sum(gossip.counts.refused.values()) >= 5


def test_a_flood_meets_bounds() -> None:
    gossip = core()
    asked = [packet(2, [PingRequest(number, 3) for number in range(n, n + 100)]) for n in range(0, 1000, 100)]
    gossip.turn(Input(0.1, asked))
    assert gossip.counts.relays_dropped == 1000 - RELAYS_MAX
    for sender in range(2, MEMBERS + 1):
        told = [packet(2, [Broadcast(sender, 1, number, 0, bytes(200))]) for number in range(1, 2 * WINDOW)]
        gossip.turn(Input(0.1, told))
    assert gossip.waiting <= BROADCASTS_MAX + MEMBERS
    assert gossip._news._broadcasts.size <= BROADCAST_BYTES_MAX
