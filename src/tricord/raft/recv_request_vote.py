# SPDX-License-Identifier: Apache-2.0
"""RequestVote, the receiver's part (figure 2; sections 5.2 and 5.4.1)."""

from __future__ import annotations

from tricord.base.reachable import reachable
from tricord.raft import outbox, roles
from tricord.raft.messages import RequestVote, RequestVoteResult
from tricord.raft.state import State
from tricord.raft.trace import VoteGranted, VoteRefused


def receive(state: State, message: RequestVote) -> None:
    """A candidate of the current term asks."""
    persistent = state.persistent
    if persistent.voted_for not in (0, message.sender):
        reachable("a vote was refused to a second candidate")
        refuse(state, message, "voted for another")
    elif state.leader_id != 0:
        refuse(state, message, "the term has a leader")
    elif log_is_behind(state, message):
        reachable("a vote was refused for a log behind")
        refuse(state, message, "its log is behind")
    else:
        persistent.vote_for(message.sender)
        roles.reset_election_timer(state)
        if state.tracer is not None:
            state.tracer(VoteGranted(message.term, message.sender))
        _answer(state, message, True)


def log_is_behind(state: State, message: RequestVote) -> bool:
    """Section 5.4.1: a winner must hold every committed entry, so nobody votes for a log behind the own one."""
    return (message.last_log_term, message.last_log_index) < (state.log.last_term, state.log.last_index)


def refuse(state: State, message: RequestVote, reason: str = "its term is over") -> None:
    """Answer no, in the current term."""
    if state.tracer is not None:
        state.tracer(VoteRefused(message.term, message.sender, reason))
    _answer(state, message, False)


def _answer(state: State, message: RequestVote, granted: bool) -> None:
    # The outbox lets a granted vote go when the vote is durable (figure 2).
    outbox.send(
        state, RequestVoteResult(state.config.id, message.sender, state.persistent.current_term, vote_granted=granted)
    )
