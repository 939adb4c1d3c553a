# SPDX-License-Identifier: Apache-2.0
"""The leader's answer to a forwarded proposal, the follower's part."""

from __future__ import annotations

from tricord.raft.messages import ForwardedProposalResult
from tricord.raft.state import State


def receive(state: State, message: ForwardedProposalResult) -> None:
    """The commands have their place in the log, or did nothing. What is not awaited any more is ignored."""
    number = state.forwarded.number(message.request)
    if message.sender == state.leader_id and state.forwarded.proposals.pop(number, None) is not None:
        state.output.forwarded.append((number, message.first_index, message.term))
