# SPDX-License-Identifier: Apache-2.0
"""Arithmetic over sets of voters: who won, and how far a majority holds the log. Any two majorities share a voter.

While a configuration is joint, both of its sets must agree (section 6 of the paper, 4.3 of the dissertation).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from tricord.base.membership import Configuration


class VoteResult(Enum):
    """Where an election stands."""

    PENDING = "pending"
    WON = "won"
    LOST = "lost"


def majority(voter_count: int) -> int:
    """How many voters are more than half."""
    return voter_count // 2 + 1


def vote_result(voters: Iterable[int], votes: Mapping[int, bool]) -> VoteResult:
    """The standing given the answers so far; answers of others than voters do not count."""
    answers = [votes.get(voter) for voter in voters]
    if answers.count(True) >= majority(len(answers)):
        return VoteResult.WON
    if answers.count(False) > len(answers) - majority(len(answers)):
        return VoteResult.LOST
    return VoteResult.PENDING


def election_result(configuration: Configuration, votes: Mapping[int, bool]) -> VoteResult:
    """The standing in all sets that are in force: one that is lost loses the election, and all must be won."""
    result = vote_result(configuration.voters, votes)
    if not configuration.outgoing or result is VoteResult.LOST:
        return result
    outgoing = vote_result(configuration.outgoing, votes)
    return outgoing if outgoing is not VoteResult.WON else result


def majority_index(indexes: Iterable[int]) -> int:
    """The highest index that a majority has reached, given each voter's own. There is at least one voter."""
    ascending = sorted(indexes)
    return ascending[len(ascending) - majority(len(ascending))]


def agreed_index(configuration: Configuration, indexes: Mapping[int, int]) -> int:
    """The highest index that majorities of all sets in force have reached; who is not in the mapping is at 0."""
    index = majority_index([indexes.get(voter, 0) for voter in configuration.voters])
    if configuration.outgoing:
        index = min(index, majority_index([indexes.get(voter, 0) for voter in configuration.outgoing]))
    return index
