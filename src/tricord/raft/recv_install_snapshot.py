# SPDX-License-Identifier: Apache-2.0
"""InstallSnapshot, the receiver's part (section 7, figure 13).

The data came beside the core, and the host has it whole and verified. If the log holds the snapshot's last entry, all
that it tells is how far the log is committed. Else it takes the place of state and log; until the host has made that
durable, nothing is appended or applied.
"""

from __future__ import annotations

from tricord.base.reachable import reachable
from tricord.raft import commit, outbox, roles
from tricord.raft.events import SnapshotInstalled
from tricord.raft.messages import InstallSnapshot, InstallSnapshotResult
from tricord.raft.state import Role, State
from tricord.raft.trace import SnapshotAccepted, SnapshotIgnored, SnapshotInForce


def receive(state: State, message: InstallSnapshot) -> None:
    """The leader of the current term brought a snapshot."""
    if message.last_included_term > message.term:
        return  # no leader can have sent this, and no peer may stop this server
    assert state.role is not Role.LEADER, "a term has one leader at most (election safety, figure 3)"
    if state.role is not Role.FOLLOWER or state.leader_id != message.sender:
        roles.become_follower(state, message.term, message.sender)
    roles.reset_election_timer(state)
    if state.installing is not None:
        return
    index, log = message.last_included_index, state.log
    if index <= state.commit_index or log.term_at(index) == message.last_included_term:
        if state.tracer is not None:
            state.tracer(SnapshotIgnored(index))
        reachable("a snapshot was not needed any more")
        state.verified_index = max(state.verified_index, index)
        commit.advance_to(state, index)
        _answer(state, min(index, log.persisted_index))
        return
    state.installing = message
    state.output.install = message
    # What was put out in this step is of a log that is to go.
    state.output.entries = []
    if state.tracer is not None:
        state.tracer(SnapshotAccepted(index, message.last_included_term))


def installed(state: State, event: SnapshotInstalled) -> None:
    """It is durable, in place of state and log."""
    message = state.installing
    assert message is not None and message.last_included_index == event.index, "the snapshot that was put out"
    state.installing = None
    reachable("a snapshot took the place of the log")
    state.log.reset(event.index, event.term)
    state.commit_index = state.last_applied = state.applied_index = event.index
    state.verified_index = event.index
    state.configurations.reset(event.index, message.configuration)
    if state.tracer is not None:
        state.tracer(SnapshotInForce(event.index, event.term))
    if state.leader_id:
        _answer(state, event.index)


def _answer(state: State, index: int) -> None:
    outbox.send(
        state,
        InstallSnapshotResult(state.config.id, state.leader_id, state.persistent.current_term, index),
    )
