# SPDX-License-Identifier: Apache-2.0
"""The disk answers, as a peer would (dissertation 10.2.1: the leader's disk writes run beside its messages)."""

from __future__ import annotations

from tricord.raft import commit, election, outbox, recv_append_entries
from tricord.raft.events import EntriesPersisted, HardStatePersisted
from tricord.raft.state import LEADER, Role, State
from tricord.raft.trace import EntriesDurable, HardStateDurable


def hard_state_persisted(state: State, event: HardStatePersisted) -> None:
    """Term and vote are durable: release what waited for them, and count the own vote."""
    state.persistent.persisted(event.term, event.vote)
    if state.tracer is not None:
        state.tracer(HardStateDurable(event.term, event.vote))
    outbox.release(state)
    own = state.config.id
    if state.role is Role.CANDIDATE and state.persistent.is_durable and own not in state.votes:
        election.count_vote(state, own, True)


def entries_persisted(state: State, event: EntriesPersisted) -> None:
    """The log is durable further than before: a leader counts itself, a follower acknowledges."""
    if not state.log.persisted(event.index, event.term):
        return
    if state.tracer is not None:
        state.tracer(EntriesDurable(event.index))
    if state.role is LEADER:
        state.progress[state.config.id].match_index = event.index
        state.disk_owed_ticks = 0
        commit.advance_as_leader(state)
    elif state.leader_id:
        recv_append_entries.acknowledge(state)
