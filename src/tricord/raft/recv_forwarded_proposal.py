# SPDX-License-Identifier: Apache-2.0
"""A follower's clients propose (section 6.2), the leader's part."""

from __future__ import annotations

from tricord.raft import outbox, propose
from tricord.raft.messages import ForwardedProposal, ForwardedProposalResult
from tricord.raft.state import State


def receive(state: State, message: ForwardedProposal) -> None:
    """Append the commands and say where, or that nothing was done. A request that was taken already is not answered."""
    if not message.data or state.forwarded.is_taken(message.sender, message.request):
        return
    # One that left would not get the entries: its clients are better served elsewhere.
    belongs = message.sender in state.configuration.members()
    first_index = propose.append(state, message.data) if belongs else 0
    if not first_index and not _is_first_copy(state, message):
        return
    _answer(state, message, first_index)


def refuse_old_term(state: State, message: ForwardedProposal) -> None:
    """It was meant for a leader that this server is no more: nothing was done."""
    if not state.forwarded.is_taken(message.sender, message.request) and _is_first_copy(state, message):
        _answer(state, message, 0)


def _is_first_copy(state: State, message: ForwardedProposal) -> bool:
    """Whether no earlier copy of it, doubled by the network, can have come to this server before its process began."""
    return message.term > state.start_term


def _answer(state: State, message: ForwardedProposal, first_index: int) -> None:
    # It leaves before the entries, which are sent at the end of the step.
    outbox.send(
        state,
        ForwardedProposalResult(
            state.config.id, message.sender, state.persistent.current_term, message.request, first_index
        ),
    )
