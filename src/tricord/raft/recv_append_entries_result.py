# SPDX-License-Identifier: Apache-2.0
"""AppendEntries' result, the leader's part (section 5.3)."""

from __future__ import annotations

from tricord.raft import commit, read_index, transfer
from tricord.raft.messages import AppendEntriesResult
from tricord.raft.progress import REPLICATE
from tricord.raft.state import LEADER, State


def receive(state: State, message: AppendEntriesResult) -> None:
    """A follower of the current term answers; what to send next is decided at the end of the step."""
    progress = state.progress.get(message.sender)
    if state.role is not LEADER or progress is None:
        return
    if message.match_index > state.log.last_index or message.read_round > state.read_round:
        return  # nobody has more of this term than its leader: not an honest answer
    progress.silent_ticks = 0
    if message.read_round > progress.read_round:
        progress.read_round = message.read_round
        read_index.release(state)
    if not message.success:
        state.followers_are_due = True
        progress.refused(message.refused_index, _last_possible_match(state, message))
    elif message.match_index > progress.match_index or progress.phase is not REPLICATE:
        state.followers_are_due = True
        if progress.matched(message.match_index):
            if message.match_index > state.commit_index:
                commit.advance_as_leader(state)
            transfer.proceed(state, message.sender)


def _last_possible_match(state: State, message: AppendEntriesResult) -> int:
    """Up to the follower's hint, the last of the own entries whose term the follower's there does not rule out."""
    log = state.log
    index = min(message.match_index, message.refused_index - 1)
    while index > log.base_index and (log.term_at(index) or 0) > message.match_term:
        index -= 1
    return index
