# SPDX-License-Identifier: Apache-2.0
"""Becoming follower, candidate or leader (figure 4 of the paper), and what each has to forget and to begin with."""

from __future__ import annotations

from tricord.base.log import Entry, EntryKind
from tricord.raft import forward, read_index
from tricord.raft.progress import Phase, Progress
from tricord.raft.state import FOLLOWER, LEADER, Role, State
from tricord.raft.trace import Appended, BecameCandidate, BecameFollower, BecameLeader, BecamePreCandidate


def become_follower(state: State, term: int, leader_id: int) -> None:
    """Follow in the term, which is the current one or higher. The leader may be unknown (0)."""
    news = term != state.persistent.current_term or state.role is not FOLLOWER or leader_id != state.leader_id
    read_index.drop_all(state)
    if term > state.persistent.current_term:
        state.persistent.enter_term(term)
        state.verified_index = 0
    if state.role is not FOLLOWER:
        state.role = Role.FOLLOWER
        state.progress.clear()
        state.votes.clear()
        state.snapshots_failed.clear()
        state.transferee = state.transfer_elapsed_ticks = 0
        state.uncommitted_bytes = state.disk_owed_ticks = 0
        reset_election_timer(state)
    if news:
        forward.drop_reads(state)
        state.is_quiescent = False
    state.leader_id = leader_id
    if leader_id:
        state.campaigns = 0
    if news and state.tracer is not None:
        state.tracer(BecameFollower(term, leader_id))


def become_pre_candidate(state: State) -> None:
    """Dissertation 9.6: ask first; no term and no vote changes."""
    assert state.role is not LEADER, "a leader does not campaign"
    state.role = Role.PRE_CANDIDATE
    _begin_campaign(state)
    state.votes[state.config.id] = True
    if state.tracer is not None:
        state.tracer(BecamePreCandidate(state.persistent.current_term))


def become_candidate(state: State) -> None:
    """Section 5.2: a new term, and the own vote in it."""
    assert state.role is not LEADER, "a leader does not campaign"
    state.persistent.enter_term(state.persistent.current_term + 1)
    state.persistent.vote_for(state.config.id)
    state.role = Role.CANDIDATE
    state.verified_index = 0
    _begin_campaign(state)
    if state.tracer is not None:
        state.tracer(BecameCandidate(state.persistent.current_term))


def become_leader(state: State) -> None:
    """Section 8: begin with an entry that does nothing, for only an entry of this term can be committed by counting."""
    assert state.role is Role.CANDIDATE, "only a candidate wins"
    assert state.persistent.is_durable, "its vote for itself is durable"
    term = state.persistent.current_term
    log = state.log
    state.role = Role.LEADER
    state.leader_id = state.config.id
    state.campaigns = 0
    state.heartbeat_elapsed_ticks = state.disk_owed_ticks = state.idle_ticks = 0
    state.commit_at_heartbeats = (state.commit_index, state.commit_index)
    state.lease_is_void = False
    state.round_ticks.clear()
    state.configurations.is_settled = False
    state.progress = {member: Progress(log.last_index + 1) for member in state.configuration.members()}
    own = state.progress.setdefault(state.config.id, Progress(log.last_index + 1))
    own.phase = Phase.REPLICATE
    own.match_index = log.persisted_index
    own.read_round = state.read_round
    if state.config.uncommitted_bytes_max:
        tail = log.entries(state.commit_index + 1, log.last_index)
        state.uncommitted_bytes = sum(len(entry.data) for entry in tail)
    if state.tracer is not None:
        state.tracer(BecameLeader(term))
    append_as_leader(state, [Entry(log.last_index + 1, term, EntryKind.NOOP, b"")])


def append_as_leader(state: State, entries: list[Entry]) -> None:
    """Append new entries of this term; a leader never removes any (leader append-only, figure 3)."""
    assert state.role is LEADER
    state.log.append(entries)
    state.output.entries.extend(entries)
    if state.tracer is not None:
        state.tracer(Appended(entries[0].index, entries[-1].index, state.persistent.current_term))


def reset_election_timer(state: State) -> None:
    """Wait anew, for another random time."""
    state.election_elapsed_ticks = 0
    state.election_timeouts.draw(again=state.campaigns > 0)


def _begin_campaign(state: State) -> None:
    forward.drop_reads(state)
    state.leader_id = 0
    state.is_quiescent = False
    state.votes.clear()
    reset_election_timer(state)
