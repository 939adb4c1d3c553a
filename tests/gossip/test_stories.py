# SPDX-License-Identifier: Apache-2.0
"""Members in virtual time: who dies is noticed, who lives is not buried, halves find together again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.gossip.stage import Link, Stage, address_of
from tricord.gossip import EventKind, GossipConfig, Input, Standing

CONFIG = GossipConfig(member=1, cluster=1)
LOSSY = Link(loss=0.2, doubled=0.1, delay=(0.001, 0.1))


def settled(count: int, seed: int = 0, link: Link | None = None, **settings: Any) -> Stage:
    """A cluster in which all know all."""
    stage = Stage(count, seed, link, **settings)
    until(stage, stage.agreed, 30.0)
    return stage


def until(stage: Stage, holds: Any, seconds: float, step: float = 0.5) -> float:
    """Let time pass until it holds; how much passed."""
    began = stage.now
    while not holds():
        assert stage.now - began <= seconds, f"it does not hold within {seconds} s"
        stage.run(step)
    return stage.now - began


@pytest.mark.parametrize("link", [Link(), LOSSY], ids=["good", "lossy"])
@pytest.mark.parametrize("count", [2, 3, 7, 20])
def test_all_notice_a_dead_member_within_the_stated_time(count: int, link: Link) -> None:
    for seed in range(3 if count < 20 else 1):
        stage = settled(count, seed, link)
        stage.stop(count)
        until(stage, lambda: set(stage.standings(count)) == {Standing.DEAD}, CONFIG.detection_seconds(count))  # noqa: B023
        others = range(1, count)
        assert stage.deaths(others, others) == []


def test_detection_does_not_take_longer_in_a_large_cluster() -> None:
    stage = settled(60)
    stage.stop(59, 60)
    dead = lambda: all(set(stage.standings(member)) == {Standing.DEAD} for member in (59, 60))  # noqa: E731
    assert until(stage, dead, CONFIG.detection_seconds(60)) < 20.0


def test_a_member_sends_as_much_in_a_small_cluster_as_in_a_large_one() -> None:
    loads = []
    for count in (3, 10, 40, 100):
        stage = Stage(count)
        for actor in stage.actors.values():
            # All know all from the start: only what they send at rest is asked here.
            claims = [other.core._membership.own_claim() for other in stage.actors.values()]
            actor.core._membership.hear_state(claims, 0.0)
            for member in stage.listed:
                actor.core._news.forget(member)
        stage.run(2.0)
        before = [
            sum(getattr(a.core.counts, what) for a in stage.actors.values()) for what in ("packets_sent", "bytes_sent")
        ]
        stage.run(10.0)
        after = [
            sum(getattr(a.core.counts, what) for a in stage.actors.values()) for what in ("packets_sent", "bytes_sent")
        ]
        loads.append([(late - early) / count / 10.0 for early, late in zip(before, after, strict=True)])
    # One ping and one answer a second, and no news.
    assert [round(packets, 1) for packets, _ in loads] == [2.0] * 4
    assert max(size for _, size in loads) < 100


def false_deaths(seeds: range, *, local_health: bool) -> int:
    """Of members that are well, as any member sees it, while one is slow and one packet of five is lost."""
    deaths = 0
    for seed in seeds:
        stage = settled(5, seed, Link(loss=0.2), local_health=local_health)
        stage.actors[1].lag = (1.0, 4.0)
        stage.run(40.0)
        deaths += len(stage.deaths(range(2, 6), range(1, 6)))
    return deaths


def test_local_health_keeps_a_slow_member_from_burying_others() -> None:
    assert false_deaths(range(4), local_health=True) == 0
    assert false_deaths(range(4), local_health=False) > 0


def test_a_member_that_stood_still_buries_nobody() -> None:
    stage = settled(5)
    stage.actors[1].paused_until = stage.now + 60.0
    until(stage, lambda: stage.standings(1).get(Standing.DEAD) == {2, 3, 4, 5}, 60.0)
    until(stage, stage.agreed, 90.0)
    assert stage.deaths(range(2, 6), range(1, 6)) == []
    assert stage.actors[1].core.counts.late_turns == 1
    assert stage.actors[1].core.incarnation == 2  # it refuted


def test_a_member_comes_back_under_a_later_incarnation() -> None:
    stage = settled(5)
    stage.stop(5)
    until(stage, lambda: set(stage.standings(5)) == {Standing.DEAD}, CONFIG.detection_seconds(5))
    stage.start(5, incarnation=1000)
    until(stage, stage.agreed, 10.0)
    assert stage.actors[5].core.counts.refutations == 0


def test_a_member_comes_back_with_a_clock_that_went_back() -> None:
    stage = Stage(4)
    stage.stop(4)
    stage.start(4, incarnation=1000)
    until(stage, stage.agreed, 10.0)
    stage.stop(4)
    until(stage, lambda: set(stage.standings(4)) == {Standing.DEAD}, CONFIG.detection_seconds(4))
    stage.start(4, incarnation=3, metadata=b"again")
    until(stage, stage.agreed, 20.0)
    assert stage.actors[4].core.incarnation == 1001
    assert {view.metadata for view in stage.actors[1].core.members() if view.member == 4} == {b"again"}


@pytest.mark.parametrize("link", [Link(), LOSSY], ids=["good", "lossy"])
def test_halves_bury_each_other_and_find_together_again(link: Link) -> None:
    stage = settled(10, 3, link)
    one, other = set(range(1, 6)), set(range(6, 11))
    stage.split(one, other)
    lost = lambda: all(stage.standings(m).get(Standing.DEAD) == other for m in one)  # noqa: E731
    until(stage, lost, 2 * CONFIG.detection_seconds(10), 1.0)
    stage.run(20.0)
    before = stage.now
    stage.split()
    healed = until(stage, stage.agreed, 30.0)
    assert healed <= 20.0
    after = [seen for seen in stage.deaths(stage.listed, stage.listed) if seen.at > before]
    assert [seen for seen in after if (seen.by in one) == (seen.event.member in one)] == []


def test_a_member_that_leaves_is_not_suspected() -> None:
    stage = settled(6)
    stage.tell(6, Input(0.0, leave=True))
    until(stage, lambda: stage.actors[6].left, CONFIG.leave_timeout, 0.1)
    stage.stop(6)
    until(stage, lambda: set(stage.standings(6)) == {Standing.LEFT}, 5.0)
    stage.run(30.0)
    kinds = {seen.event.kind for seen in stage.seen if seen.event.member == 6}
    assert kinds == {EventKind.ALIVE, EventKind.LEFT}
    stage.start(6, incarnation=50)
    until(stage, stage.agreed, 20.0)


def test_the_last_member_leaves_at_once() -> None:
    stage = Stage(1)
    stage.tell(1, Input(0.0, leave=True))
    assert stage.actors[1].left


def test_broadcasts_reach_all_once_over_a_bad_network() -> None:
    stage = settled(12, 5, LOSSY)
    payloads = [bytes((number,)) * 500 for number in range(20)]
    stage.tell(1, Input(0.0, broadcasts=[(7, payload) for payload in payloads]))
    stage.run(15.0)
    for member in range(2, 13):
        got = sorted(delivery.payload for by, delivery in stage.deliveries if by == member)
        assert got == payloads
    assert not any(by == 1 for by, _ in stage.deliveries)


def test_what_a_member_says_of_itself_reaches_all() -> None:
    stage = settled(8, 1, LOSSY)
    stage.tell(3, Input(0.0, metadata=b"vector 17"))
    stage.run(10.0)
    known = [view.metadata for actor in stage.actors.values() for view in actor.core.members() if view.member == 3]
    assert known == [b"vector 17"] * 7


def test_where_packets_do_not_pass_but_streams_do_nobody_is_buried() -> None:
    stage = settled(5)
    stage.link = Link(loss=0.0)
    stage._send = lambda sender, receiver, data: None  # type: ignore[method-assign]
    stage.run(60.0)
    assert stage.deaths(stage.listed, stage.listed) == []
    assert stage.agreed()


def test_damaged_packets_change_nothing() -> None:
    stage = settled(5, 2, Link(damaged=0.3, doubled=0.3))
    stage.run(60.0)
    assert stage.agreed()
    assert stage.deaths(stage.listed, stage.listed) == []
    assert sum(sum(actor.core.counts.refused.values()) for actor in stage.actors.values()) > 50


def test_members_with_other_keys_do_not_hear_each_other() -> None:
    stage = Stage(3, keys=(bytes(32),))
    stage.listed[4] = address_of(4)
    for member in (1, 2, 3):
        stage.tell(member, Input(0.0, listed=stage.listed))
    stage.start(4, keys=(b"\x01" * 32,))
    stage.run(20.0)
    assert stage.standings(4) == {Standing.ABSENT: {1, 2, 3}}
    assert {view.standing for view in stage.actors[4].core.members()} == {Standing.ABSENT}


def test_keys_are_changed_while_members_run() -> None:
    old, new = bytes(32), b"\x01" * 32
    stage = settled(4, keys=(old,))
    for keys in ((old, new), (new, old), (new,)):
        for member in list(stage.actors):
            stage.tell(member, Input(0.0, keys=keys))
            stage.run(1.5)
    stage.run(20.0)
    assert stage.agreed()
    assert stage.deaths(stage.listed, stage.listed) == []


def test_a_story_is_the_same_each_time() -> None:
    told = []
    for _ in range(2):
        stage = settled(6, 9, replace(LOSSY))
        stage.run(20.0)
        told.append([(seen.at, seen.by, seen.event) for seen in stage.seen])
    assert told[0] == told[1]
