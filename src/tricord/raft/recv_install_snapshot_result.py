# SPDX-License-Identifier: Apache-2.0
"""InstallSnapshot's result, the leader's part (section 7)."""

from __future__ import annotations

from tricord.raft import commit, transfer
from tricord.raft.messages import InstallSnapshotResult
from tricord.raft.progress import Phase
from tricord.raft.state import Role, State


def receive(state: State, message: InstallSnapshotResult) -> None:
    """The follower's durable state reaches the index: go on behind it."""
    if state.role is not Role.LEADER or message.last_included_index > state.log.last_index:
        return
    progress = state.progress.get(message.sender)
    if progress is None:
        return
    progress.silent_ticks = 0
    if progress.phase is Phase.SNAPSHOT:
        progress.probe(max(progress.match_index, message.last_included_index) + 1)
    if progress.matched(message.last_included_index):
        commit.advance_as_leader(state)
        transfer.proceed(state, message.sender)
