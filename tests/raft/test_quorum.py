# SPDX-License-Identifier: Apache-2.0
"""Majorities, of one set of voters and of two in force together, compared with the plainest way to count them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tricord.base.membership import Configuration
from tricord.raft.quorum import VoteResult, agreed_index, election_result, majority, majority_index, vote_result

ids = st.integers(1, 9)
sets = st.sets(ids, min_size=1, max_size=7).map(lambda chosen: tuple(sorted(chosen)))
configurations = st.builds(Configuration, sets, st.one_of(st.just(()), sets))


def plain_result(voters: tuple[int, ...], votes: dict[int, bool]) -> VoteResult:
    """More than half said yes; or that is not possible any more; or neither."""
    for_it = sum(votes.get(voter) is True for voter in voters)
    open_yet = sum(voter not in votes for voter in voters)
    if for_it * 2 > len(voters):
        return VoteResult.WON
    return VoteResult.PENDING if (for_it + open_yet) * 2 > len(voters) else VoteResult.LOST


@settings(deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=9))
def test_the_majoritys_index_is_the_highest_that_more_than_half_reached(indexes: list[int]) -> None:
    reached = [index for index in range(21) if sum(other >= index for other in indexes) * 2 > len(indexes)]
    assert majority_index(indexes) == max(reached)


@settings(deadline=None)
@given(sets, st.dictionaries(st.integers(1, 12), st.booleans()))
def test_an_election_is_decided_as_soon_as_it_can_be(voters: tuple[int, ...], votes: dict[int, bool]) -> None:
    assert vote_result(voters, votes) is plain_result(voters, votes)


@settings(deadline=None)
@given(configurations, st.dictionaries(st.integers(1, 12), st.booleans()))
def test_a_joint_election_needs_both_sets(configuration: Configuration, votes: dict[int, bool]) -> None:
    groups = [configuration.voters, configuration.outgoing] if configuration.outgoing else [configuration.voters]
    results = {plain_result(group, votes) for group in groups}
    for expected in (VoteResult.LOST, VoteResult.PENDING, VoteResult.WON):
        if expected in results:
            assert election_result(configuration, votes) is expected
            break


@settings(deadline=None)
@given(configurations, st.dictionaries(st.integers(1, 12), st.integers(0, 20)))
def test_a_joint_index_is_the_lower_of_both_sets(configuration: Configuration, indexes: dict[int, int]) -> None:
    groups = [configuration.voters, configuration.outgoing] if configuration.outgoing else [configuration.voters]
    reached = [
        index
        for index in range(21)
        if all(sum(indexes.get(voter, 0) >= index for voter in group) * 2 > len(group) for group in groups)
    ]
    assert agreed_index(configuration, indexes) == max(reached)


@settings(deadline=None)
@given(configurations, st.sets(ids), st.sets(ids))
def test_what_two_groups_decide_by_one_configuration_has_a_voter_in_common(
    configuration: Configuration, left: set[int], right: set[int]
) -> None:
    """The reason for majorities, joint ones too: any two meet in each set."""
    wins = [election_result(configuration, dict.fromkeys(group, True)) is VoteResult.WON for group in (left, right)]
    if all(wins):
        for group in filter(None, (configuration.voters, configuration.outgoing)):
            assert left & right & set(group)


def test_a_majority_is_more_than_half() -> None:
    assert [majority(count) for count in (1, 2, 3, 4, 5)] == [1, 2, 2, 3, 3]
