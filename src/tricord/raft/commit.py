# SPDX-License-Identifier: Apache-2.0
"""Committing (sections 5.3 and 5.4.2), and handing out what is committed."""

from __future__ import annotations

from tricord.raft.quorum import agreed_index
from tricord.raft.state import LEADER, State
from tricord.raft.trace import Committed


def advance_as_leader(state: State) -> None:
    """Commit what a majority holds durably. The leader counts itself by what its own disk confirmed."""
    assert state.role is LEADER
    matched = {member: progress.match_index for member, progress in state.progress.items()}
    index = agreed_index(state.configuration, matched)
    # Figure 8: an older term's entry on a majority can still be replaced; one of this term behind it commits both.
    if index > state.commit_index and state.log.term_at(index) == state.persistent.current_term:
        advance_to(state, index)


def advance_to(state: State, index: int) -> None:
    """Everything up to the index is committed."""
    if index <= state.commit_index:
        return
    if state.uncommitted_bytes:
        news = state.log.entries(state.commit_index + 1, index)
        state.uncommitted_bytes = max(0, state.uncommitted_bytes - sum([len(entry.data) for entry in news]))
    state.commit_index = index
    if state.tracer is not None:
        state.tracer(Committed(index, state.persistent.current_term))


def hand_out(state: State) -> None:
    """Give the host what it may apply: committed, and durable here too, so that no restart unapplies an entry."""
    last = min(state.commit_index, state.log.persisted_index)
    if last > state.last_applied and state.installing is None:
        state.output.committed = state.log.entries(state.last_applied + 1, last)
        state.last_applied = last
