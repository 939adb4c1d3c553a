# SPDX-License-Identifier: Apache-2.0
"""The leader's answer to forwarded reads, the follower's part (section 6.4)."""

from __future__ import annotations

from tricord.raft import commit
from tricord.raft.messages import ForwardedReadResult
from tricord.raft.state import State
from tricord.raft.trace import ReadDropped, ReadReleased


def receive(state: State, message: ForwardedReadResult) -> None:
    """The reads have their index, or none. What is not awaited any more is ignored."""
    if message.sender != state.leader_id:
        return
    # The leader says that it is committed: what this log is known to share with it, this server may commit too.
    commit.advance_to(state, min(message.index, state.verified_index))
    for context in message.contexts:
        if state.forwarded.reads.pop(context, None) is None:
            continue
        if message.index:
            state.output.answers.reads.append((context, message.index))
        else:
            state.output.answers.reads_dropped.append(context)
        if state.tracer is not None:
            state.tracer(ReadReleased(context, message.index) if message.index else ReadDropped(context))
