# SPDX-License-Identifier: Apache-2.0
"""Heartbeats: AppendEntries without entries (section 5.2).

They name an entry that the follower is known to hold, so they may overtake entries that are on their way: hosts give
them a way of their own. What is lost is found out beside them: a follower that acknowledged nothing since the last
heartbeat is asked, behind all that was sent, whether it has it.
"""

from __future__ import annotations

from tricord.raft import outbox, replicate, transfer
from tricord.raft.messages import AppendEntries
from tricord.raft.progress import REPLICATE, Progress
from tricord.raft.state import State


def beat(state: State) -> None:
    """It is time for one: to every member."""
    if state.is_sole_voter and len(state.progress) == 1:
        return
    state.commit_at_heartbeats = (state.commit_at_heartbeats[1], state.commit_index)
    if state.config.lease_reads:
        begin_round(state)
    for member, progress in state.progress.items():
        if member == state.config.id:
            continue
        _ask_again(state, member, progress)
        send(state, member, progress)
    transfer.remind(state)


def begin_round(state: State) -> None:
    """Each attempt has a new number: an answer to an older round proves nothing about now."""
    state.read_round += 1
    state.progress[state.config.id].read_round = state.read_round
    if state.config.lease_reads:
        state.round_ticks.append((state.read_round, state.now_ticks))


def send_round(state: State) -> None:
    """Ask every voter whether it still follows."""
    own, configuration = state.config.id, state.configuration
    for member, progress in state.progress.items():
        if member != own and configuration.is_voter(member):
            send(state, member, progress)


def send_commits(state: State) -> None:
    """At the end of a step: tell those who were not told with entries how far the log is committed.

    Whoever is behind the log's base is told with the heartbeats only: nothing else can name an entry that it holds.
    """
    own, commit_index, base_index = state.config.id, state.commit_index, state.log.base_index
    for member, progress in state.progress.items():
        told = progress.commit_sent
        if told < commit_index and told < progress.match_index >= base_index and member != own:
            send(state, member, progress, commit_only=True)


def send(state: State, member: int, progress: Progress, *, commit_only: bool = False, quiesce: bool = False) -> None:
    """Send one."""
    log = state.log
    # Index 0 is in every log.
    known = progress.match_index if progress.match_index >= log.base_index else 0
    progress.commit_sent = max(progress.commit_sent, min(state.commit_index, known))
    message = AppendEntries(
        sender=state.config.id,
        receiver=member,
        term=state.persistent.current_term,
        prev_log_index=known,
        prev_log_term=(log.term_at(known) or 0) if known else 0,
        entries=[],
        leader_commit=state.commit_index,
        read_round=state.read_round,
        heartbeat=True,
        commit_only=commit_only,
        quiesce=quiesce,
    )
    outbox.send(state, message)


def _ask_again(state: State, member: int, progress: Progress) -> None:
    progress.probe_sent = False
    if member in state.snapshots_failed:
        state.snapshots_failed.remove(member)
        progress.probe(progress.match_index + 1)
    if progress.phase is REPLICATE and progress.inflights and not progress.acknowledged_since_heartbeat:
        replicate.send_entries(state, member, progress, [])
    progress.acknowledged_since_heartbeat = False
