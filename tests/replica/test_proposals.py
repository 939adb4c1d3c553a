# SPDX-License-Identifier: Apache-2.0
"""Proposals that wait are answered by the entries at their places, whatever way the places became known."""

from __future__ import annotations

from tricord.base.log import Entry
from tricord.replica.proposals import Batch, WaitingProposals


def batch(*tickets: int) -> Batch:
    return Batch(list(tickets), [b"command"] * len(tickets), 7 * len(tickets))


def entries(first: int, last: int, term: int = 1) -> list[Entry]:
    return [Entry(index, term, 0, b"command") for index in range(first, last + 1)]


def test_the_leaders_answers_may_come_in_another_order_than_the_places() -> None:
    """Two batches were sent to the leader, and its answers overtook each other: the later place is known first."""
    proposals = WaitingProposals()
    proposals.placed(6, 1, batch(60, 70))
    proposals.placed(3, 1, batch(30))
    proposals.placed(4, 1, batch(40, 50))
    assert proposals.take_applied(entries(1, 4), list("abcd")) == [(30, "c"), (40, "d")]
    assert proposals.take_applied(entries(5, 7), list("efg")) == [(50, "e"), (60, "f"), (70, "g")]


def test_a_snapshot_jumps_over_the_places_below_it_in_any_order() -> None:
    proposals = WaitingProposals()
    proposals.placed(6, 1, batch(60))
    proposals.placed(3, 1, batch(30))
    assert proposals.take_below(5) == [30]
    assert proposals.take_applied(entries(6, 6), ["f"]) == [(60, "f")]
