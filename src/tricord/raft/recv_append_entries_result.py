# SPDX-License-Identifier: Apache-2.0
"""AppendEntries' result, the leader's part (section 5.3)."""

from __future__ import annotations

from tricord.raft import commit, read_index
from tricord.raft.messages import AppendEntriesResult
from tricord.raft.state import Role, State


def receive(state: State, message: AppendEntriesResult) -> None:
    """A follower of the current term answers; what to send next is decided at the end of the step."""
    if state.role is not Role.LEADER:
        return
    if message.match_index > state.log.last_index or message.read_round > state.read_round:
        return  # nobody has more of this term than its leader: not an honest answer
    progress = state.progress[message.sender]
    if message.read_round > progress.read_round:
        progress.read_round = message.read_round
        read_index.release(state)
    if not message.success:
        progress.refused(message.refused_index, message.match_index)
        return
    if progress.matched(message.match_index):
        commit.advance_as_leader(state)
