# SPDX-License-Identifier: Apache-2.0
"""The lessor: what is due when, what may be renewed, and what a leader forgets. Times are the tests' own."""

from __future__ import annotations

import random

import pytest

from tricord.lease.lessor import CHECKPOINTED, ENDING, NO_LEASE, UNDER_WAY, Lessor

MANY = 1_000


def test_a_lease_is_due_when_its_time_has_passed_since_the_last_renewal() -> None:
    lessor = Lessor(300)
    lessor.granted(7, 10, 0, 100.0)
    assert lessor.next_at() == 110.0
    assert lessor.renew(7, 105.0) == 10
    assert lessor.due(110.0, MANY) == []
    assert lessor.next_at() == 115.0
    assert lessor.remaining(7, 112.5) == (2.5, 10)
    assert lessor.due(114.9, MANY) == []
    assert lessor.due(115.0, MANY) == [7]


def test_what_there_is_not_is_not_renewed() -> None:
    lessor = Lessor(300)
    assert lessor.renew(7, 0.0) == NO_LEASE
    assert lessor.remaining(7, 0.0) is None
    assert lessor.next_at() is None
    lessor.ended(7)
    lessor.settled(7)
    lessor.recorded(7, 3)
    assert len(lessor) == 0


def test_a_lease_whose_end_was_proposed_is_renewed_only_once_that_is_settled() -> None:
    lessor = Lessor(300)
    lessor.granted(7, 10, 0, 0.0)
    assert lessor.due(10.0, MANY) == [7]
    assert lessor.renew(7, 10.1) == ENDING
    assert lessor.remaining(7, 10.1) == (0.0, 10)
    assert lessor.due(60.0, MANY) == [], "it is on its way"
    lessor.settled(7)
    assert lessor.renew(7, 60.5) == 10, "the proposal was lost: the lease is still there"
    assert lessor.due(70.0, MANY) == []
    assert lessor.due(70.5, MANY) == [7]


def test_an_end_that_was_lost_is_proposed_again_a_second_later() -> None:
    lessor = Lessor(300)
    lessor.granted(7, 10, 0, 0.0)
    assert lessor.due(10.0, MANY) == [7]
    lessor.settled(7)
    assert lessor.due(10.9, MANY) == []
    assert lessor.due(11.0, MANY) == [7]
    lessor.ended(7)
    assert lessor.due(99.0, MANY) == []
    assert lessor.renew(7, 99.0) == NO_LEASE


def test_due_leases_come_in_portions_and_none_twice() -> None:
    lessor = Lessor(300)
    for identity in range(1, 101):
        lessor.granted(identity, 5, 0, 0.0)
    found = [lessor.due(5.0, 30) for _ in range(5)]
    assert [len(portion) for portion in found] == [30, 30, 30, 10, 0]
    assert sorted(one for portion in found for one in portion) == list(range(1, 101))


def test_a_lease_of_the_same_id_is_another_one() -> None:
    lessor = Lessor(300)
    lessor.granted(7, 10, 0, 0.0)
    lessor.ended(7)
    lessor.granted(7, 50, 0, 1.0)
    assert lessor.due(10.0, MANY) == [], "the old one's time is nobody's"
    assert lessor.due(51.0, MANY) == [7]


def test_what_is_known_already_keeps_its_time() -> None:
    lessor = Lessor(300)
    lessor.granted(7, 10, 0, 0.0)
    lessor.granted(7, 10, 0, 5.0)
    assert lessor.due(10.0, MANY) == [7]


def test_a_new_leader_gives_the_full_time_or_what_a_checkpoint_left() -> None:
    lessor = Lessor(300)
    lessor.granted(1, 1000, 0, 50.0)
    lessor.granted(2, 1000, 40, 50.0)
    assert lessor.remaining(1, 50.0) == (1000.0, 1000)
    assert lessor.remaining(2, 50.0) == (40.0, 1000)
    assert lessor.due(90.0, MANY) == [2]


def test_a_leader_that_is_one_no_more_knows_nothing() -> None:
    lessor = Lessor(300)
    lessor.granted(7, 1000, 0, 0.0)
    lessor.demote()
    assert (len(lessor), lessor.next_at()) == (0, None)
    assert not lessor.due(9e9, MANY)
    assert not lessor.checkpoints_due(9e9, MANY)
    assert 7 not in lessor


def test_checkpoints_are_for_leases_that_live_longer_than_the_interval() -> None:
    lessor = Lessor(300)
    lessor.granted(1, 300, 0, 0.0)
    lessor.granted(2, 1000, 0, 0.0)
    assert lessor.next_at() == 300.0
    assert lessor.due(299.0, MANY) == []
    assert lessor.checkpoints_due(300.0, MANY) == [(2, 700)]
    lessor.settled(2)
    lessor.recorded(2, 700)
    assert lessor.checkpoints_due(599.0, MANY) == []
    assert lessor.checkpoints_due(600.5, MANY) == [(2, 400)]
    lessor.settled(2)
    assert lessor.checkpoints_due(900.5, MANY) == [(2, 100)]
    lessor.settled(2)
    assert lessor.checkpoints_due(1e6, MANY) == [], "its end comes before the next one"
    assert lessor.due(1000.0, MANY) == [1, 2]


def test_a_renewed_lease_has_its_checkpoint_counted_from_the_renewal() -> None:
    lessor = Lessor(300)
    lessor.granted(2, 400, 0, 0.0)
    assert lessor.renew(2, 250.0) == 400
    assert lessor.checkpoints_due(300.0, MANY) == []
    assert lessor.checkpoints_due(550.0, MANY) == [(2, 100)]
    lessor.settled(2)
    lessor.recorded(2, 0)
    assert lessor.renew(2, 600.0) == 400
    assert lessor.checkpoints_due(899.0, MANY) == []
    assert lessor.checkpoints_due(900.0, MANY) == [(2, 100)], "there is another one after a renewal"


def test_a_checkpoint_is_taken_back_before_the_lease_is_renewed() -> None:
    lessor = Lessor(300)
    lessor.granted(2, 1000, 0, 0.0)
    assert lessor.checkpoints_due(300.0, MANY) == [(2, 700)]
    assert lessor.renew(2, 301.0) == UNDER_WAY, "what the log will say of it is not known"
    lessor.recorded(2, 700)
    lessor.settled(2)
    assert lessor.renew(2, 302.0) == CHECKPOINTED
    lessor.renewing(2)
    assert lessor.renew(2, 303.0) == UNDER_WAY
    assert lessor.due(1000.0, MANY) == [], "it is being renewed"
    lessor.recorded(2, 0)
    lessor.settled(2)
    assert lessor.renew(2, 1000.5) == 1000
    assert lessor.due(2000.0, MANY) == []
    assert lessor.due(2000.5, MANY) == [2]


def test_leases_that_live_long_and_end_early_leave_nothing_behind() -> None:
    lessor = Lessor(300)
    for identity in range(1, 10_001):
        lessor.granted(identity, 9_000_000_000, 0, 0.0)
        lessor.ended(identity)
    assert lessor._stale <= 1100
    assert len(lessor._deadlines) <= 1100
    assert len(lessor._checkpoints) <= 1100
    lessor.granted(7, 10, 0, 0.0)
    assert lessor.due(10.0, MANY) == [7]


@pytest.mark.parametrize("seed", range(20))
def test_it_says_what_a_plain_table_of_deadlines_says(seed: int) -> None:
    chance = random.Random(seed)
    lessor = Lessor(30)
    deadlines: dict[int, tuple[float, int]] = {}
    now = 0.0
    for _ in range(400):
        now += chance.random() * 3
        identity = chance.randrange(1, 20)
        action = chance.random()
        if action < 0.3 and identity not in deadlines:
            ttl = chance.choice((2, 5, 20, 100))
            deadlines[identity] = (now + ttl, ttl)
            lessor.granted(identity, ttl, 0, now)
        elif action < 0.8 and identity in deadlines:
            answer = lessor.renew(identity, now)
            if answer == CHECKPOINTED:
                lessor.renewing(identity)
                lessor.recorded(identity, 0)
                lessor.settled(identity)
                answer = lessor.renew(identity, now)
            assert answer == deadlines[identity][1]
            deadlines[identity] = (now + answer, answer)
        elif action < 0.9 and identity in deadlines:
            lessor.ended(identity)
            del deadlines[identity]
        for checkpointed, left in lessor.checkpoints_due(now, MANY):
            assert 0 <= left - (deadlines[checkpointed][0] - now) < 1
            lessor.recorded(checkpointed, left)
            lessor.settled(checkpointed)
        due = lessor.due(now, MANY)
        assert sorted(due) == sorted(one for one, (deadline, _) in deadlines.items() if deadline <= now)
        for one in due:
            lessor.ended(one)
            del deadlines[one]
        assert len(lessor) == len(deadlines)
