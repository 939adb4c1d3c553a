# SPDX-License-Identifier: Apache-2.0
"""What holds for every message, before its own rules (figure 2, "Rules for Servers" and section 5.1).

A higher term makes a follower; a pre-vote's term is nobody's yet. A lower term is answered with the current one if it
was a request, so that a leader or candidate that was left behind steps down, and is ignored if it was a result.

Requests are taken from anybody, also from servers that the configuration here does not name: it may be the older one
(section 4.1). Whether a sender is who it says, and belongs at all, the host knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tricord.raft import (
    check_quorum,
    pre_vote,
    recv_append_entries,
    recv_append_entries_result,
    recv_forwarded_proposal,
    recv_forwarded_proposal_result,
    recv_forwarded_read,
    recv_forwarded_read_result,
    recv_install_snapshot,
    recv_install_snapshot_result,
    recv_request_vote,
    recv_request_vote_result,
    recv_timeout_now,
    roles,
)
from tricord.raft.events import Receive
from tricord.raft.messages import (
    AppendEntries,
    AppendEntriesResult,
    ForwardedProposal,
    ForwardedProposalResult,
    ForwardedRead,
    ForwardedReadResult,
    InstallSnapshot,
    InstallSnapshotResult,
    RequestVote,
    RequestVoteResult,
    TimeoutNow,
)
from tricord.raft.state import State
from tricord.raft.trace import VoteRefused

RULES: dict[type[Any], Callable[[State, Any], None]] = {
    RequestVote: recv_request_vote.receive,
    RequestVoteResult: recv_request_vote_result.receive,
    AppendEntries: recv_append_entries.receive,
    AppendEntriesResult: recv_append_entries_result.receive,
    InstallSnapshot: recv_install_snapshot.receive,
    InstallSnapshotResult: recv_install_snapshot_result.receive,
    TimeoutNow: recv_timeout_now.receive,
    ForwardedProposal: recv_forwarded_proposal.receive,
    ForwardedProposalResult: recv_forwarded_proposal_result.receive,
    ForwardedRead: recv_forwarded_read.receive,
    ForwardedReadResult: recv_forwarded_read_result.receive,
}

REFUSALS: dict[type[Any], Callable[[State, Any], None]] = {
    RequestVote: recv_request_vote.refuse,
    AppendEntries: recv_append_entries.refuse_old_term,
    ForwardedProposal: recv_forwarded_proposal.refuse_old_term,
    # What it says was true in its term, and is still.
    ForwardedProposalResult: recv_forwarded_proposal_result.receive,
}

FROM_LEADERS = (AppendEntries, InstallSnapshot)


def receive(state: State, event: Receive) -> None:
    """Take the message of an event."""
    take(state, event.message)


def take(state: State, message: Any) -> None:
    """Take one message. One that is for somebody else, or from nobody, is ignored."""
    own = state.config.id
    if message.receiver != own or message.sender == own or message.sender < 1:
        return
    kind = type(message)
    if kind is RequestVote:
        _request_vote(state, message)
        return
    current_term = state.persistent.current_term
    if message.term < current_term:
        refuse = REFUSALS.get(kind)
        if refuse is not None:
            refuse(state, message)
        elif kind is RequestVoteResult and message.pre_vote and not message.vote_granted:
            pre_vote.receive_result(state, message)
        return
    if message.term > current_term and not (kind is RequestVoteResult and message.pre_vote and message.vote_granted):
        roles.become_follower(state, message.term, message.sender if kind in FROM_LEADERS else 0)
    RULES[kind](state, message)


def _request_vote(state: State, message: Any) -> None:
    """A candidate, or one that asks whether to become one."""
    current_term = state.persistent.current_term
    if message.term < current_term:
        if message.pre_vote:
            pre_vote.refuse(state, message, "its term is over")
        else:
            recv_request_vote.refuse(state, message)
    elif (message.term > current_term or message.pre_vote) and check_quorum.leader_is_fresh(state, message):
        if message.pre_vote:
            pre_vote.refuse(state, message, "the leader is heard of")
        elif state.tracer is not None:
            state.tracer(VoteRefused(message.term, message.sender, "the leader is heard of"))
    elif message.pre_vote:
        pre_vote.receive(state, message)
    else:
        if message.term > current_term:
            roles.become_follower(state, message.term, 0)
        recv_request_vote.receive(state, message)
