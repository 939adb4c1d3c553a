# SPDX-License-Identifier: Apache-2.0
"""What holds for every message, before its own rules (figure 2, "Rules for Servers" and section 5.1).

A higher term makes a follower. A lower term is answered with the current one if it was a request, so that a leader or
candidate that was left behind steps down, and is ignored if it was a result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tricord.raft import (
    recv_append_entries,
    recv_append_entries_result,
    recv_request_vote,
    recv_request_vote_result,
    roles,
)
from tricord.raft.events import Receive
from tricord.raft.messages import AppendEntries, AppendEntriesResult, RequestVote, RequestVoteResult
from tricord.raft.state import State

RULES: dict[type[Any], Callable[[State, Any], None]] = {
    RequestVote: recv_request_vote.receive,
    RequestVoteResult: recv_request_vote_result.receive,
    AppendEntries: recv_append_entries.receive,
    AppendEntriesResult: recv_append_entries_result.receive,
}

REFUSALS: dict[type[Any], Callable[[State, Any], None]] = {
    RequestVote: recv_request_vote.refuse,
    AppendEntries: recv_append_entries.refuse_old_term,
}


def receive(state: State, event: Receive) -> None:
    """Take one message. One that is for somebody else, or from no voter, is ignored."""
    message = event.message
    own = state.config.id
    if message.receiver != own or message.sender == own or message.sender not in state.config.voters:
        return
    kind = type(message)
    if message.term < state.persistent.current_term:
        refuse = REFUSALS.get(kind)
        if refuse is not None:
            refuse(state, message)
        return
    if message.term > state.persistent.current_term:
        roles.become_follower(state, message.term, message.sender if kind is AppendEntries else 0)
    RULES[kind](state, message)
