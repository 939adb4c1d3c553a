# SPDX-License-Identifier: Apache-2.0
"""Clients' commands become entries of the leader's log (section 5.3), all of one call in one go."""

from __future__ import annotations

from tricord.base.log import Entry, EntryKind
from tricord.raft import roles
from tricord.raft.events import Propose
from tricord.raft.state import Role, State
from tricord.raft.trace import ProposalRefused

_NORMAL = int(EntryKind.NORMAL)


def propose(state: State, event: Propose) -> None:
    """Append the commands, or refuse them all when this server does not lead. Cost: one record per command."""
    assert event.data, "a proposal has at least one command"
    if state.role is not Role.LEADER:
        state.output.proposed.append(0)
        if state.tracer is not None:
            state.tracer(ProposalRefused(len(event.data)))
        return
    first = state.log.last_index + 1
    term = state.persistent.current_term
    roles.append_as_leader(
        state, [Entry(index, term, _NORMAL, data) for index, data in enumerate(event.data, start=first)]
    )
    state.output.proposed.append(first)
