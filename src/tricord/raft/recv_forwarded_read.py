# SPDX-License-Identifier: Apache-2.0
"""A follower asks at which index its reads may be served (section 6.4), the leader's part."""

from __future__ import annotations

from tricord.raft import outbox
from tricord.raft.messages import ForwardedRead, ForwardedReadResult
from tricord.raft.state import Role, State


def receive(state: State, message: ForwardedRead) -> None:
    """They join the next round; who does not lead says so."""
    if state.role is Role.LEADER:
        state.reads_asked.append((message.sender, message.contexts))
        return
    outbox.send(
        state,
        ForwardedReadResult(state.config.id, message.sender, state.persistent.current_term, message.contexts, 0),
    )
