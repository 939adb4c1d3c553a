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
    first_index = propose.append(state, message.data)
    # It leaves before the entries, which are sent at the end of the step.
    outbox.send(
        state,
        ForwardedProposalResult(
            state.config.id, message.sender, state.persistent.current_term, message.request, first_index
        ),
    )
