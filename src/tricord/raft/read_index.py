# SPDX-License-Identifier: Apache-2.0
"""Linearizable reads without a log entry (dissertation 6.4, section 8 of the paper).

1. A leader that has not committed in its term yet waits: it does not know what is committed.
2. The read index is the commit index.
3. A round of heartbeats, one for all reads at hand, proves that nobody led in a higher term when it began; a sole
   voter is its own majority. With lease reads, a round that a majority confirmed lately is enough (6.4.1).
4. The read is served once the read index is applied. That wait is the host's.

A follower asks its leader for the index.
"""

from __future__ import annotations

from tricord.base.reachable import reachable
from tricord.raft import forward, heartbeat, outbox
from tricord.raft.events import ReadIndex
from tricord.raft.messages import ForwardedReadResult
from tricord.raft.quorum import agreed_index
from tricord.raft.state import LEADER, State
from tricord.raft.trace import ReadDropped, ReadReleased

Asked = list[tuple[int, list[int]]]


def ask(state: State, event: ReadIndex) -> None:
    """A read arrived. It joins the next round."""
    if state.role is LEADER:
        if state.reads_asked and state.reads_asked[-1][0] == 0:
            state.reads_asked[-1][1].append(event.context)
        else:
            state.reads_asked.append((0, [event.context]))
    elif forward.can_forward(state):
        state.forwarded.reads_asked.append(event.context)
    else:
        _give(state, [(0, [event.context])], 0)


def begin_round(state: State) -> None:
    """At the end of a leader's step: one round for all that was asked since the last.

    One round is under way at a time: under load the next one serves all who came meanwhile, which costs less than a
    round for each step. What of it is lost is asked again by the next heartbeats.
    """
    if not state.reads_asked or not state.has_committed_in_its_term:
        return
    if state.reads_in_rounds:
        return
    asked, state.reads_asked = state.reads_asked, []
    if has_lease(state):
        _give(state, asked, state.commit_index)
        return
    heartbeat.begin_round(state)
    state.reads_in_rounds.append((state.read_round, state.commit_index, asked))
    heartbeat.send_round(state)
    release(state)


def release(state: State) -> None:
    """Let go the reads of all rounds that a majority confirmed."""
    if not state.reads_in_rounds and not state.round_ticks:
        return
    rounds = {member: progress.read_round for member, progress in state.progress.items()}
    confirmed = agreed_index(state.configuration, rounds)
    while len(state.round_ticks) > 1 and state.round_ticks[1][0] <= confirmed:
        del state.round_ticks[0]
    while state.reads_in_rounds and state.reads_in_rounds[0][0] <= confirmed:
        _, index, asked = state.reads_in_rounds.pop(0)
        _give(state, asked, index)


def drop_all(state: State) -> None:
    """This server does not lead: nobody here can answer."""
    dropped = [one for _, _, asked in state.reads_in_rounds for one in asked] + state.reads_asked
    if dropped:
        reachable("reads were dropped with the lead")
    state.reads_in_rounds.clear()
    state.reads_asked = []
    _give(state, dropped, 0)


def has_lease(state: State) -> bool:
    """Whether a majority promised, lately enough, to listen to no other candidate (section 6.4.1)."""
    config = state.config
    if not config.lease_reads or state.lease_is_void or state.transferee or not state.round_ticks:
        return False
    number, began_ticks = state.round_ticks[0]
    rounds = {member: progress.read_round for member, progress in state.progress.items()}
    return (
        agreed_index(state.configuration, rounds) >= number
        and state.now_ticks - began_ticks < config.election_ticks - config.lease_drift_ticks
    )


def _give(state: State, asked: Asked, index: int) -> None:
    """Give the reads their index; 0: they get none."""
    for member, contexts in asked:
        if member:
            outbox.send(
                state,
                ForwardedReadResult(state.config.id, member, state.persistent.current_term, contexts, index),
            )
        elif index:
            state.output.answers.reads.extend((context, index) for context in contexts)
        else:
            state.output.answers.reads_dropped.extend(contexts)
        if state.tracer is not None and not member:
            for context in contexts:
                state.tracer(ReadReleased(context, index) if index else ReadDropped(context))
