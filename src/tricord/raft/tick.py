# SPDX-License-Identifier: Apache-2.0
"""Time, in ticks: followers and candidates run out of patience, leaders send heartbeats (section 5.2)."""

from __future__ import annotations

from tricord.raft import election, replicate
from tricord.raft.events import Tick
from tricord.raft.state import Role, State


def tick(state: State, _: Tick) -> None:
    """One tick passed."""
    if state.role is Role.LEADER:
        state.heartbeat_elapsed_ticks += 1
        if state.heartbeat_elapsed_ticks >= state.config.heartbeat_ticks:
            state.heartbeat_elapsed_ticks = 0
            replicate.send_heartbeats(state)
        return
    state.election_elapsed_ticks += 1
    if state.election_elapsed_ticks >= state.election_timeout_ticks and state.config.id in state.config.voters:
        election.campaign(state)
