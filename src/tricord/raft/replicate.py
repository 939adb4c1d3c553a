# SPDX-License-Identifier: Apache-2.0
"""A leader sends its log (section 5.3): at the end of each step, to each follower, what it may have by now.

Messages with entries do not wait for one another, nor for the leader's own disk (dissertation 10.2.1).
"""

from __future__ import annotations

from tricord.base.log import Entry
from tricord.raft import forward, outbox
from tricord.raft.events import SnapshotSent, Unreachable
from tricord.raft.messages import AppendEntries
from tricord.raft.progress import PROBE, REPLICATE, SNAPSHOT, Progress
from tricord.raft.state import LEADER, State
from tricord.raft.trace import SnapshotAttemptEnded, SnapshotWanted


def send_ready(state: State) -> None:
    """Send entries to every follower that may take some. Cost without any: one look at each follower."""
    own, last_index = state.config.id, state.log.last_index
    for follower, progress in state.progress.items():
        if follower != own and (progress.next_index <= last_index or progress.phase is not REPLICATE):
            _send_ready_to(state, follower, progress)


def send_entries(state: State, follower: int, progress: Progress, entries: list[Entry]) -> None:
    """Send one message, behind what was sent before."""
    prev_log_index = progress.next_index - 1
    prev_log_term = state.log.term_at(prev_log_index)
    assert prev_log_term is not None, "the entry before is in the log"
    progress.commit_sent = max(progress.commit_sent, min(state.commit_index, prev_log_index + len(entries)))
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


def unreachable(state: State, event: Unreachable) -> None:
    """What is on its way to the member may be lost: go on from what it acknowledged, at the next heartbeat."""
    forward.lose(state, event.member)
    if state.role is not LEADER or event.member == state.config.id:
        return
    progress = state.progress.get(event.member)
    if progress is not None and progress.phase is REPLICATE:
        progress.probe(progress.match_index + 1)
        progress.probe_sent = True


def snapshot_sent(state: State, event: SnapshotSent) -> None:
    """The host's attempt to bring a snapshot ended: go on behind it, or try again at the next heartbeat."""
    progress = state.progress.get(event.member)
    if state.role is not LEADER or progress is None or progress.phase is not SNAPSHOT:
        return
    if state.tracer is not None:
        state.tracer(SnapshotAttemptEnded(event.member, event.index, event.delivered))
    if event.delivered:
        progress.probe(max(progress.match_index, min(event.index, state.log.last_index)) + 1)
        # Its host makes it durable first, and says so when it is.
        progress.probe_sent = True
    else:
        state.snapshots_failed.add(event.member)


def _send_ready_to(state: State, follower: int, progress: Progress) -> None:
    if progress.phase is SNAPSHOT or progress.probe_sent:
        return
    if progress.next_index <= state.log.base_index:
        progress.await_snapshot()
        state.output.snapshots_wanted.append(follower)
        if state.tracer is not None:
            state.tracer(SnapshotWanted(follower))
        return
    if progress.phase is PROBE:
        entries, size_bytes = _batch(state, progress.next_index)
        send_entries(state, follower, progress, entries)
        progress.probe_sent = True
        progress.inflights.clear()
        if entries:
            progress.probed_to = entries[-1].index
            progress.inflights.add(progress.probed_to, size_bytes)
        return
    config = state.config
    while progress.next_index <= state.log.last_index and progress.inflights.has_room(
        config.inflight_messages_max, config.inflight_bytes_max
    ):
        entries, size_bytes = _batch(state, progress.next_index)
        send_entries(state, follower, progress, entries)
        progress.next_index = entries[-1].index + 1
        progress.inflights.add(entries[-1].index, size_bytes)


def _batch(state: State, first: int) -> tuple[list[Entry], int]:
    """The entries from the index on, within the limits of one message, and the bytes of their data."""
    config, log = state.config, state.log
    last = min(log.last_index, first + config.message_entries_max - 1)
    if last < first:
        return [], 0
    entries = log.entries(first, last)
    size = 0
    for count, entry in enumerate(entries):
        size += len(entry.data)
        if size > config.message_bytes_max and count:
            return entries[:count], size - len(entry.data)
    return entries, size
