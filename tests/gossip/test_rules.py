# SPDX-License-Identifier: Apache-2.0
"""What a claim does to what is known, and how long a suspicion lasts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tricord.base.errors import ConfigurationError, RequestTooLarge
from tricord.gossip import EventKind, Gossip, GossipConfig, Input, MemberView, Standing
from tricord.gossip.awareness import Awareness
from tricord.gossip.broadcasts import WINDOW, Broadcasts
from tricord.gossip.chance import some
from tricord.gossip.claims import Claim
from tricord.gossip.codec import Head, decode_packet, encode_message, encode_packet
from tricord.gossip.counts import GossipCounts
from tricord.gossip.dissemination import BROADCAST_BYTES_MAX, BROADCASTS_MAX, Dissemination
from tricord.gossip.envelope import Envelopes, Purpose
from tricord.gossip.keyring import KeyRing
from tricord.gossip.messages import Broadcast, Message, Ping
from tricord.gossip.suspicion import Suspicion
from tricord.sim.environment import SeededRandom

CONFIG = GossipConfig(member=1, cluster=7)
LISTED = {member: (f"m{member}", 1) for member in range(1, 6)}
PLAIN = Envelopes(7, KeyRing((), SeededRandom(0)))


def core(**settings: Any) -> Gossip:
    made = Gossip(replace(CONFIG, **settings), SeededRandom(1))
    made.turn(Input(0.0, listed=LISTED))
    return made


def packet(*messages: Message, sender: int = 2, receiver: int = 1) -> bytes:
    return PLAIN.close(Purpose.PACKET, encode_packet(Head(sender, receiver), map(encode_message, messages)))


def said(data: bytes) -> list[Message]:
    return decode_packet(PLAIN.open(Purpose.PACKET, data))[1]


def view(gossip: Gossip, member: int) -> MemberView:
    return next(known for known in gossip.members() if known.member == member)


claims = st.builds(
    Claim,
    st.sampled_from([Standing.ALIVE, Standing.SUSPECT, Standing.DEAD, Standing.LEFT]),
    st.just(3),
    st.integers(1, 3),
    st.just(4),
)


@given(st.lists(claims, max_size=6), st.randoms(use_true_random=False))
def test_claims_lead_to_the_same_in_any_order_and_however_often(heard: list[Claim], chance: Any) -> None:
    one, other = core(), core()
    again = heard + heard[:2]
    chance.shuffle(again)
    one.turn(Input(0.1, packets=[packet(claim) for claim in heard]))
    other.turn(Input(0.1, packets=[packet(claim) for claim in again]))
    assert view(one, 3) == view(other, 3)
    if heard:
        greatest = max((claim.incarnation, claim.standing) for claim in heard)
        assert (view(one, 3).incarnation, view(one, 3).standing) == greatest


def test_events_say_what_became_of_a_member() -> None:
    gossip = core()
    story = [
        (Claim(Standing.ALIVE, 3, 5, 3, b"one"), EventKind.ALIVE),
        (Claim(Standing.ALIVE, 3, 6, 3, b"two"), EventKind.UPDATED),
        (Claim(Standing.ALIVE, 3, 6, 3, b"two"), None),
        (Claim(Standing.SUSPECT, 3, 6, 2), EventKind.SUSPECT),
        (Claim(Standing.ALIVE, 3, 7, 3, b"two"), EventKind.ALIVE),
        (Claim(Standing.SUSPECT, 3, 6, 2), None),
        (Claim(Standing.DEAD, 3, 7, 2), EventKind.DEAD),
        (Claim(Standing.ALIVE, 3, 7, 3, b"two"), None),
        (Claim(Standing.ALIVE, 3, 8, 3, b"three"), EventKind.ALIVE),
        (Claim(Standing.LEFT, 3, 8, 3), EventKind.LEFT),
        (Claim(Standing.DEAD, 3, 8, 2), None),
    ]
    for claim, expected in story:
        events = gossip.turn(Input(0.1, packets=[packet(claim)])).events
        assert [event.kind for event in events] == ([] if expected is None else [expected])
    assert view(gossip, 3).metadata == b"three"


def test_what_a_member_says_of_itself_is_learned_behind_a_claim_that_did_not_say_it() -> None:
    gossip = core()
    gossip.turn(Input(0.1, packets=[packet(Claim(Standing.SUSPECT, 3, 5, 2))]))
    output = gossip.turn(Input(0.2, packets=[packet(Claim(Standing.ALIVE, 3, 5, 3, b"me"))]))
    assert [event.kind for event in output.events] == [EventKind.UPDATED]
    assert view(gossip, 3) == MemberView(3, Standing.SUSPECT, 5, b"me", ("m3", 1))


@pytest.mark.parametrize("standing", [Standing.SUSPECT, Standing.DEAD, Standing.LEFT])
def test_a_member_refutes_what_is_said_of_it_by_a_new_incarnation(standing: Standing) -> None:
    gossip = core()
    gossip.turn(Input(0.1, packets=[packet(Claim(standing, 1, 4, 2), Claim(Standing.ALIVE, 2, 1, 2))]))
    assert (gossip.incarnation, gossip.health, gossip.counts.refutations) == (5, 1, 1)
    sent = gossip.turn(Input(0.3)).packets
    assert Claim(Standing.ALIVE, 1, 5, 1, b"") in [message for _, data in sent for message in said(data)]
    gossip.turn(Input(0.4, packets=[packet(Claim(standing, 1, 4, 2))]))
    assert gossip.incarnation == 5


def test_a_member_that_leaves_refutes_nothing_but_a_later_incarnation() -> None:
    gossip = core(incarnation=5)
    gossip.turn(Input(0.1, packets=[packet(Claim(Standing.ALIVE, 2, 1, 2))], leave=True))
    gossip.turn(Input(0.2, packets=[packet(Claim(Standing.SUSPECT, 1, 5, 2), Claim(Standing.ALIVE, 1, 5, 2, b"x"))]))
    assert gossip.incarnation == 5
    gossip.turn(Input(0.3, packets=[packet(Claim(Standing.ALIVE, 1, 7, 2))]))
    assert (gossip.incarnation, gossip._membership.own_claim().standing) == (8, Standing.LEFT)


def test_a_former_life_with_a_later_incarnation_is_overtaken_without_self_doubt() -> None:
    gossip = core()
    gossip.turn(Input(0.1, packets=[packet(Claim(Standing.ALIVE, 1, 9, 1, b"former"))]))
    assert (gossip.incarnation, gossip.health) == (10, 0)


def test_who_is_not_listed_is_not_heard_and_what_is_said_of_it_is_not_kept() -> None:
    gossip = core()
    stranger = packet(Claim(Standing.ALIVE, 3, 1, 3), sender=77)
    of_stranger = packet(Claim(Standing.ALIVE, 77, 1, 77))
    output = gossip.turn(Input(0.1, packets=[stranger, of_stranger, packet(Ping(1), receiver=5)]))
    assert (output.events, [known.member for known in gossip.members()]) == ([], [2, 3, 4, 5])
    refused = {reason.value: count for reason, count in gossip.counts.refused.items() if count}
    assert refused == {"unknown_sender": 1, "other_receiver": 1}


def test_who_is_listed_no_more_is_forgotten() -> None:
    gossip = core()
    gossip.turn(Input(0.1, packets=[packet(Claim(Standing.ALIVE, 3, 1, 3)), packet(Claim(Standing.SUSPECT, 3, 1, 2))]))
    output = gossip.turn(Input(0.2, listed={2: ("m2", 1)}))
    assert [(event.kind, event.member) for event in output.events] == [(EventKind.REMOVED, 3)]
    assert gossip.turn(Input(100.0)).events == []
    assert [known.member for known in gossip.members()] == [2]


def test_a_suspected_member_is_told_first() -> None:
    gossip = core()
    gossip.turn(Input(0.1, packets=[packet(Claim(Standing.ALIVE, 2, 3, 2), Claim(Standing.DEAD, 2, 3, 4), sender=3)]))
    output = gossip.turn(Input(0.2, packets=[packet(Ping(9))]))
    answers = [said(data) for address, data in output.packets if address == ("m2", 1)]
    assert answers[0][0] == Claim(Standing.DEAD, 2, 3, 4)


def test_who_missed_a_refutation_is_told_again() -> None:
    gossip = core(incarnation=5)
    gossip.turn(Input(0.1, packets=[packet(Claim(Standing.ALIVE, 2, 1, 2))]))
    for second in range(10):
        gossip.turn(Input(0.2 + second))  # until the news of itself is old
    accused = packet(*[Claim(Standing.SUSPECT, 1, 4, 2)] * 3)
    output = gossip.turn(Input(11.0, packets=[accused, accused]))
    told = [message for address, data in output.packets if address == ("m2", 1) for message in said(data)]
    assert told.count(Claim(Standing.ALIVE, 1, 5, 1, b"")) == 1
    assert gossip.counts.refutations == 0


def test_a_bad_request_changes_nothing() -> None:
    gossip = core()
    before = (gossip.waiting, gossip.incarnation)
    for bad in (Input(0.1, broadcasts=[(1, b"fine"), (1, bytes(1025))]), Input(0.1, metadata=bytes(513))):
        with pytest.raises(RequestTooLarge):
            gossip.turn(bad)
    with pytest.raises(ConfigurationError):
        gossip.turn(Input(0.1, keys=(b"short",), metadata=b"fine"))
    with pytest.raises(ConfigurationError):
        core(members_max=3)
    assert (gossip.waiting, gossip.incarnation) == before


@pytest.mark.parametrize(
    "setting",
    [
        {"member": 0},
        {"incarnation": 0},
        {"metadata": bytes(513)},
        {"probe_timeout": 1.0},
        {"gossip_interval": 0.0},
        {"suspicion_max_mult": 0.5},
        {"gossip_fanout": 0},
        {"packet_size": 600},
        {"members_max": 0},
    ],
)
def test_settings_that_do_not_fit_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        replace(CONFIG, **setting)


def test_each_confirmation_shortens_a_suspicion_less_than_the_one_before() -> None:
    suspicion = Suspicion(100.0, 5.0, 30.0, 3, [9])
    ends = [suspicion.ends_at]
    for source in (9, 2, 3, 4, 5):
        suspicion.confirm(source)
        ends.append(suspicion.ends_at)
    assert [round(end, 1) for end in ends] == [130.0, 130.0, 117.5, 110.2, 105.0, 105.0]
    assert suspicion.sources == [9, 2, 3, 4]


def test_without_anybody_who_could_confirm_a_suspicion_has_its_least_length() -> None:
    assert [CONFIG.confirmations(members) for members in (1, 2, 3, 4, 5, 100)] == [0, 0, 1, 2, 3, 3]
    assert CONFIG.suspicion_bounds(2) == (4.0, 4.0)
    assert CONFIG.suspicion_bounds(100) == (8.0, 48.0)


def test_local_health_stays_within_its_bounds() -> None:
    awareness = Awareness(8, enabled=True)
    awareness.change(-5)
    assert awareness.scaled(0.5) == 0.5
    awareness.change(100)
    assert awareness.scaled(0.5) == 4.0


def test_a_turn_that_comes_late_blames_nobody_else() -> None:
    gossip = core()
    gossip.turn(Input(0.1, packets=[packet(Claim(Standing.ALIVE, 3, 1, 3)), packet(Claim(Standing.SUSPECT, 3, 1, 2))]))
    output = gossip.turn(Input(60.0))
    assert (output.events, gossip.health) == ([], 1)
    assert view(gossip, 3).standing is Standing.SUSPECT


def test_news_is_sent_a_bounded_number_of_times_the_least_sent_first() -> None:
    news = Dissemination(GossipCounts())
    news.tell_claim(1, b"a" * 30)
    assert news.take(1000, 3) == [b"a" * 30]
    news.tell_claim(2, b"b" * 30)
    assert news.take(30, 3) == [b"b" * 30]
    news.tell_claim(1, b"c" * 30)
    taken = [news.take(60, 3) for _ in range(4)]
    assert [len(pieces) for pieces in taken] == [2, 2, 1, 0]
    assert not news


def test_broadcasts_have_a_bounded_room() -> None:
    counts = GossipCounts()
    news = Dissemination(counts)
    for number in range(BROADCASTS_MAX + 5):
        news.tell_broadcast(1, number, b"x" * 30)
    assert (len(news), counts.broadcasts_dropped) == (BROADCASTS_MAX, 5)
    for number in range(BROADCASTS_MAX):
        news.tell_broadcast(2, number, bytes(1000))
    assert len(news) <= BROADCAST_BYTES_MAX // 1000 + 1


@given(st.lists(st.integers(1, 3 * WINDOW), max_size=60))
def test_a_broadcast_is_new_once(numbers: list[int]) -> None:
    broadcasts, newest, known = Broadcasts(), 0, set[int]()
    for number in numbers:
        expected = number not in known and number > newest - WINDOW
        assert broadcasts.is_new(Broadcast(1, 1, number, 0, b"")) is expected
        known.add(number)
        newest = max(newest, number)


def test_a_new_life_of_an_origin_begins_anew_and_ends_the_former() -> None:
    broadcasts = Broadcasts()
    assert [broadcasts.is_new(Broadcast(1, life, 1, 0, b"")) for life in (5, 5, 6, 5, 6)] == [
        True,
        False,
        True,
        False,
        False,
    ]


@given(st.integers(0, 40), st.integers(0, 12), st.integers(0, 50))
def test_choices_are_different_members(members: int, count: int, seed: int) -> None:
    all_members = list(range(1, members + 1))
    chosen = some(SeededRandom(seed), all_members, count, without=1)
    assert len(set(chosen)) == len(chosen) == min(count, max(members - 1, 0))
    assert set(chosen) <= set(all_members[1:])
