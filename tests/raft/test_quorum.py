# SPDX-License-Identifier: Apache-2.0
"""Majorities, compared with the plainest way to count them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tricord.raft.quorum import VoteResult, majority, majority_index, vote_result


@given(st.lists(st.integers(0, 20), min_size=1, max_size=9))
def test_the_majoritys_index_is_the_highest_that_more_than_half_reached(indexes: list[int]) -> None:
    reached = [index for index in range(21) if sum(other >= index for other in indexes) * 2 > len(indexes)]
    assert majority_index(indexes) == max(reached)


@given(st.integers(1, 9), st.dictionaries(st.integers(1, 12), st.booleans()))
def test_an_election_is_decided_as_soon_as_it_can_be(voter_count: int, votes: dict[int, bool]) -> None:
    voters = range(1, voter_count + 1)
    for_it = sum(votes.get(voter) is True for voter in voters)
    open_yet = sum(voter not in votes for voter in voters)
    if for_it * 2 > voter_count:
        expected = VoteResult.WON
    elif (for_it + open_yet) * 2 > voter_count:
        expected = VoteResult.PENDING
    else:
        expected = VoteResult.LOST
    assert vote_result(voters, votes) is expected


def test_a_majority_is_more_than_half() -> None:
    assert [majority(count) for count in (1, 2, 3, 4, 5)] == [1, 2, 2, 3, 3]
