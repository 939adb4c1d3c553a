# SPDX-License-Identifier: Apache-2.0
"""RequestVote's result, the candidate's part (section 5.2)."""

from __future__ import annotations

from tricord.raft import election, pre_vote
from tricord.raft.messages import RequestVoteResult
from tricord.raft.state import Role, State


def receive(state: State, message: RequestVoteResult) -> None:
    """An answer of the current term; who is no candidate any more has no use for it."""
    if message.pre_vote:
        pre_vote.receive_result(state, message)
    elif state.role is Role.CANDIDATE:
        election.count_vote(state, message.sender, message.vote_granted)
