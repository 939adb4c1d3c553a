# SPDX-License-Identifier: Apache-2.0
"""Clients' commands become entries of the leader's log (section 5.3), all of one call in one go."""

from __future__ import annotations

from tricord.base.log import Entry, EntryKind
from tricord.raft import forward, roles
from tricord.raft.events import Propose
from tricord.raft.state import LEADER, State
from tricord.raft.trace import ProposalRefused

_NORMAL = int(EntryKind.NORMAL)


def propose(state: State, event: Propose) -> None:
    """Append the commands, pass them on to the leader, or refuse them all. Cost: one record per command."""
    assert event.data, "a proposal has at least one command"
    if state.role is not LEADER and forward.can_forward(state):
        forward.pass_on_proposal(state, event.data)
        return
    state.output.answers.proposed.append(append(state, event.data))


def append(state: State, data: list[bytes]) -> int:
    """The index of the first command; 0 for refused, which did nothing."""
    if state.role is not LEADER or state.transferee or not _has_room(state, data):
        if state.tracer is not None:
            state.tracer(ProposalRefused(len(data)))
        return 0
    first = state.log.last_index + 1
    term = state.persistent.current_term
    roles.append_as_leader(state, [Entry(index, term, _NORMAL, command) for index, command in enumerate(data, first)])
    return first


def _has_room(state: State, data: list[bytes]) -> bool:
    """Whether the uncommitted tail may grow by this; alone, anything may."""
    limit = state.config.uncommitted_bytes_max
    if not limit:
        return True
    size = sum(map(len, data))
    if state.uncommitted_bytes and state.uncommitted_bytes + size > limit:
        return False
    state.uncommitted_bytes += size
    return True
