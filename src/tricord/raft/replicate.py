# SPDX-License-Identifier: Apache-2.0
"""A leader sends its log (section 5.3): at the end of each step, to each follower, what it may have by now.

Messages with entries do not wait for one another, nor for the leader's own disk (dissertation 10.2.1).
"""

from __future__ import annotations

from tricord.base.log import Entry
from tricord.raft import outbox
from tricord.raft.messages import AppendEntries
from tricord.raft.progress import Progress
from tricord.raft.state import Role, State


def send_ready(state: State) -> None:
    """Send entries to every follower that may take some. Cost without any: one look at each follower."""
    if state.role is not Role.LEADER or state.is_sole_voter:
        return
    for follower, progress in state.progress.items():
        if follower != state.config.id:
            _send_ready_to(state, follower, progress)


def send_heartbeats(state: State) -> None:
    """Tell every follower that this server leads: an AppendEntries without entries, behind all that was sent.

    A follower that lacks what was sent before refuses it, and so tells of the loss.
    """
    for follower, progress in state.progress.items():
        if follower != state.config.id:
            progress.probe_sent = False
            send_entries(state, follower, max(progress.next_index - 1, state.log.base_index), [])


def send_entries(state: State, follower: int, prev_log_index: int, entries: list[Entry]) -> None:
    """Send one message. The index must be in the log."""
    prev_log_term = state.log.term_at(prev_log_index)
    assert prev_log_term is not None
    message = AppendEntries(
        sender=state.config.id,
        receiver=follower,
        term=state.persistent.current_term,
        prev_log_index=prev_log_index,
        prev_log_term=prev_log_term,
        entries=entries,
        leader_commit=state.commit_index,
        read_round=state.read_round,
    )
    outbox.send(state, message)


def _send_ready_to(state: State, follower: int, progress: Progress) -> None:
    log = state.log
    if progress.next_index <= log.base_index:
        return  # the entries are gone: the follower needs a snapshot, heartbeats keep it quiet meanwhile
    if progress.probing:
        if not progress.probe_sent:
            progress.probe_sent = True
            send_entries(state, follower, progress.next_index - 1, _batch(state, progress.next_index))
        return
    while progress.next_index <= log.last_index and len(progress.inflight) < state.config.inflight_messages_max:
        entries = _batch(state, progress.next_index)
        send_entries(state, follower, progress.next_index - 1, entries)
        progress.next_index = entries[-1].index + 1
        progress.inflight.append(entries[-1].index)


def _batch(state: State, first: int) -> list[Entry]:
    """The entries from the index on, within the limits of one message."""
    config, log = state.config, state.log
    last = min(log.last_index, first + config.message_entries_max - 1)
    if last < first:
        return []
    entries = log.entries(first, last)
    size = 0
    for count, entry in enumerate(entries):
        size += len(entry.data)
        if size > config.message_bytes_max and count:
            return entries[:count]
    return entries
