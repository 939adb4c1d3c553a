# SPDX-License-Identifier: Apache-2.0
"""Leader election (section 5.2): campaign, count votes.

The own vote is counted when the disk has it, like everybody else's: so a sole voter, which campaigns as soon as it
starts, leads only once its new term is durable.
"""

from __future__ import annotations

from tricord.raft import outbox, roles
from tricord.raft.messages import RequestVote
from tricord.raft.quorum import VoteResult, vote_result
from tricord.raft.state import Role, State


def campaign(state: State) -> None:
    """Begin an election. This server is a voter."""
    roles.become_candidate(state)
    for voter in state.config.voters:
        if voter != state.config.id:
            outbox.send(
                state,
                RequestVote(
                    sender=state.config.id,
                    receiver=voter,
                    term=state.persistent.current_term,
                    last_log_index=state.log.last_index,
                    last_log_term=state.log.last_term,
                ),
            )


def count_vote(state: State, voter: int, granted: bool) -> None:
    """A candidate got an answer; the first one of each voter stays."""
    assert state.role is Role.CANDIDATE
    state.votes.setdefault(voter, granted)
    result = vote_result(state.config.voters, state.votes)
    if result is VoteResult.WON:
        roles.become_leader(state)
    elif result is VoteResult.LOST:
        roles.become_follower(state, state.persistent.current_term, 0)
