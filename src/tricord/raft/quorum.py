# SPDX-License-Identifier: Apache-2.0
"""Arithmetic over a set of voters: who won, and how far a majority holds the log. Any two majorities share a voter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum


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


def majority_index(indexes: Iterable[int]) -> int:
    """The highest index that a majority has reached, given each voter's own. There is at least one voter."""
    ascending = sorted(indexes)
    return ascending[len(ascending) - majority(len(ascending))]
