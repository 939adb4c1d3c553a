# SPDX-License-Identifier: Apache-2.0
"""The leader's answer to a forwarded proposal, the follower's part."""

from __future__ import annotations

from tricord.raft.messages import ForwardedProposalResult
from tricord.raft.state import State


def receive(state: State, message: ForwardedProposalResult) -> None:
    """The commands have their place in the log, or did nothing; that stays true when another leads. What is not awaited
    any more is ignored."""
    number = state.forwarded.number(message.request)
    member, _ = state.forwarded.proposals.get(number, (0, 0))
    if message.sender == member:
        del state.forwarded.proposals[number]
        state.output.answers.forwarded.append((number, message.first_index, message.term))
