# SPDX-License-Identifier: Apache-2.0
"""The round before an election (dissertation 9.6): a server enters a new term only when it could win it.

So one that was cut off, and comes back impatient, disturbs nobody. Pre-votes are promises of nothing: they change no
term, no vote and no timer. Only a leader that leads nobody believes a pre-candidate of a later term, and follows in it.
"""

from __future__ import annotations

from tricord.base.reachable import reachable
from tricord.raft import election, outbox, roles
from tricord.raft.messages import RequestVote, RequestVoteResult
from tricord.raft.recv_request_vote import log_is_behind
from tricord.raft.state import LEADER, Role, State
from tricord.raft.trace import PreVoteGranted, VoteRefused


def receive(state: State, message: RequestVote) -> None:
    """Would this server vote for the sender in that term? (The term is not below the current one.)"""
    persistent = state.persistent
    if state.role is LEADER and message.term - 1 > persistent.current_term:
        # Nobody else may tell: who joined in a later term is sent nothing by a leader that does not know of it. And who
        # follows this leader listens to no candidate as long as it speaks.
        roles.become_follower(state, message.term - 1, 0)
    if message.term == persistent.current_term and (
        persistent.voted_for not in (0, message.sender) or state.leader_id != 0
    ):
        reachable("a pre-vote was refused for a taken term")
        refuse(state, message, "the term is taken")
    elif log_is_behind(state, message):
        reachable("a pre-vote was refused for a log behind")
        refuse(state, message, "its log is behind")
    elif state.is_promotable and state.config.priority > message.priority and _log_is_as_good(state, message):
        refuse(state, message, "a lower priority")
    else:
        if state.tracer is not None:
            state.tracer(PreVoteGranted(message.term, message.sender))
        _answer(state, message, message.term, True)


def refuse(state: State, message: RequestVote, reason: str) -> None:
    """Answer no, in the current term."""
    if state.tracer is not None:
        state.tracer(VoteRefused(message.term, message.sender, reason))
    _answer(state, message, state.persistent.current_term, False)


def receive_result(state: State, message: RequestVoteResult) -> None:
    """An answer to a pre-candidate: a yes counts for the term that it asked about, a no from any."""
    if state.role is Role.PRE_CANDIDATE and (
        not message.vote_granted or message.term == state.persistent.current_term + 1
    ):
        election.count_vote(state, message.sender, message.vote_granted)


def _log_is_as_good(state: State, message: RequestVote) -> bool:
    """Whether the own log is not behind the sender's either."""
    return (state.log.last_term, state.log.last_index) >= (message.last_log_term, message.last_log_index)


def _answer(state: State, message: RequestVote, term: int, granted: bool) -> None:
    outbox.send(state, RequestVoteResult(state.config.id, message.sender, term, vote_granted=granted, pre_vote=True))
