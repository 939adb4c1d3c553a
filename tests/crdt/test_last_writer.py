# SPDX-License-Identifier: Apache-2.0
"""Stories of the register where the last writer wins: causality first, then stamps, and never the order of arrival."""

from __future__ import annotations

from itertools import permutations

from tests.crdt.sites import NOON, Site, last, meet, remove


def test_who_knew_of_the_other_wins_whatever_the_clocks_say() -> None:
    fast, slow = Site(1), Site(2)
    fast.write(last(b"first"), at=NOON + 600_000)
    meet(fast, slow)
    slow.write(last(b"second"), at=NOON)
    meet(fast, slow)
    assert fast.value() == b"second"


def test_of_concurrent_writes_the_highest_stamp_wins_in_each_order_of_arrival() -> None:
    writers = [Site(1), Site(2), Site(3)]
    made = [site.write(last(b"by %d" % site.number), at=NOON - site.number) for site in writers]
    for order in permutations(made):
        reader = Site(9)
        reader.hears(*order)
        assert reader.value() == b"by 1"
        assert not reader.shown().conflict, "it was chosen by name"


def test_of_equal_stamps_the_highest_replica_then_incarnation_wins_in_each_order_of_arrival() -> None:
    writers = [Site(1), Site(3, incarnation=8), Site(3, incarnation=5), Site(2)]
    made = [site.write(last(b"by %d.%d" % (site.number, site.incarnation))) for site in writers]
    for order in permutations(made):
        reader = Site(9)
        reader.hears(*order)
        assert reader.value() == b"by 3.8"


def test_a_write_here_replaces_the_losers_too() -> None:
    site, other = Site(1), Site(2)
    site.write(last(b"loses"))
    other.write(last(b"wins"))
    meet(site, other)
    assert len(site.reads()) == 2
    site.write(last(b"next"))
    assert len(site.reads()) == 1


def test_a_removed_winner_gives_way_to_what_its_remover_did_not_know_in_each_order_of_arrival() -> None:
    winner, loser = Site(2), Site(1)
    wins = winner.write(last(b"wins"))
    gone = winner.write(remove)
    loses = loser.write(last(b"unknown to the remover"))
    for order in permutations([wins, gone, loses]):
        reader = Site(9)
        reader.hears(*order)
        assert reader.value() == b"unknown to the remover"


def test_what_lost_does_not_come_back_when_the_winner_ends() -> None:
    site, other = Site(1), Site(2)
    site.write(last(b"loses"))
    other.write(last(b"wins, for a second"), at=NOON + 1, expires=NOON + 1_000)
    meet(site, other)
    assert site.value() == b"wins, for a second"
    assert site.value(now=NOON + 1_000) is None
