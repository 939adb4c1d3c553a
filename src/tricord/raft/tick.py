# SPDX-License-Identifier: Apache-2.0
"""Time, in ticks: followers and candidates run out of patience, leaders send heartbeats (section 5.2)."""

from __future__ import annotations

from tricord.raft import check_quorum, election, forward, heartbeat, quiesce, transfer
from tricord.raft.events import ForgetLeader, Tick
from tricord.raft.state import FOLLOWER, LEADER, State
from tricord.raft.trace import LeaderForgotten

STAGGER_TICKS = 3
"""So many ticks lie between the campaigns of those who know that the leader is gone."""


def tick(state: State, event: Tick) -> None:
    """One tick passed."""
    state.now_ticks += 1 + event.paused
    if state.is_quiescent:
        return
    if state.forwarded.proposals or state.forwarded.reads:
        forward.tick(state)
    if state.role is LEADER:
        _tick_leader(state)
        return
    state.election_elapsed_ticks = elapsed = state.election_elapsed_ticks + 1
    if (
        elapsed >= state.config.election_ticks  # the shortest timeout that there is
        and elapsed >= state.election_timeout_ticks
        and state.is_promotable
        # A disk that owes an answer would hold the request for votes up: a new term would only be used up.
        and state.persistent.is_durable
    ):
        election.campaign(state)


def forget_leader(state: State, event: ForgetLeader) -> None:
    """The leader's process is gone: those who know it campaign one after another, by their ids, without delay."""
    if state.role is not FOLLOWER or state.leader_id != event.leader or state.config.lease_reads:
        return
    if state.tracer is not None:
        state.tracer(LeaderForgotten(event.leader))
    forward.lose(state, event.leader)
    state.leader_id = 0
    others = [voter for voter in state.configuration.voters if voter != event.leader]
    if state.config.id in others:
        wait = 1 + STAGGER_TICKS * others.index(state.config.id)
        remaining = state.election_timeout_ticks - state.election_elapsed_ticks
        state.election_elapsed_ticks += max(0, remaining - wait)


def _tick_leader(state: State) -> None:
    check_quorum.tick(state)
    if state.role is not LEADER:
        return
    transfer.tick(state)
    state.heartbeat_elapsed_ticks += 1
    if state.heartbeat_elapsed_ticks >= state.config.heartbeat_ticks:
        state.heartbeat_elapsed_ticks = 0
        if not quiesce.tick(state):
            heartbeat.beat(state)
