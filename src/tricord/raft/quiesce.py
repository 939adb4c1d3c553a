# SPDX-License-Identifier: Apache-2.0
"""Quiescence: a cluster without work is silent.

When all members hold the whole log, all of it is committed, and nothing was asked for ``quiesce_ticks``, the leader
says so and stops its heartbeats; followers that agree stop waiting for them. Whatever happens at a member wakes it, and
what it then says wakes the others: a leader that died meanwhile is missed from then on. A deviation from the paper, in
which heartbeats never stop (docs/divergence.md).
"""

from __future__ import annotations

from tricord.raft import check_quorum, heartbeat
from tricord.raft.events import Applied, CutLog, Event, Receive, Tick
from tricord.raft.messages import AppendEntries, AppendEntriesResult
from tricord.raft.state import LEADER, State
from tricord.raft.trace import Awoke, Quiesced

_NO_NEWS = (Tick, Applied, CutLog)


def tick(state: State) -> bool:
    """A leader's heartbeat is due. True when the cluster was told to be silent instead."""
    limit = state.config.quiesce_ticks
    if not limit:
        return False
    if not _is_idle(state):
        state.idle_ticks = 0
        return False
    state.idle_ticks += state.config.heartbeat_ticks
    if state.idle_ticks < limit:
        return False
    for member, progress in state.progress.items():
        if member != state.config.id:
            heartbeat.send(state, member, progress, quiesce=True)
    _fall_silent(state)
    return True


def agreed(state: State, message: AppendEntries) -> None:
    """A follower was told to be silent: it is, if it holds all that the leader does."""
    log = state.log
    if message.prev_log_index == log.last_index == state.commit_index == log.persisted_index and (
        not state.forwarded.is_waiting
    ):
        _fall_silent(state)


def wake_for(state: State, event: Event) -> None:
    """Something happened to a silent server."""
    if isinstance(event, _NO_NEWS):
        return
    news = event.message if isinstance(event, Receive) else event
    if isinstance(news, AppendEntriesResult) and news.success and news.term <= state.persistent.current_term:
        return
    if isinstance(news, AppendEntries) and news.quiesce:
        return
    state.is_quiescent = False
    state.idle_ticks = 0
    state.election_elapsed_ticks = 0
    if state.tracer is not None:
        state.tracer(Awoke())
    if state.role is LEADER:
        for progress in state.progress.values():
            progress.silent_ticks = 0
        heartbeat.beat(state)


def _is_idle(state: State) -> bool:
    log = state.log
    if not (state.commit_index == log.last_index == log.persisted_index == state.last_applied):
        return False
    if (
        state.transferee
        or state.forwarded.is_waiting
        or state.reads_asked
        or state.reads_in_rounds
        or state.configuration.is_joint
    ):
        return False
    return all(
        progress.match_index == log.last_index and check_quorum.is_heard(state, member)
        for member, progress in state.progress.items()
    )


def _fall_silent(state: State) -> None:
    if not state.is_quiescent and state.tracer is not None:
        state.tracer(Quiesced())
    state.is_quiescent = True
