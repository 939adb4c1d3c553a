# SPDX-License-Identifier: Apache-2.0
"""Linearizable reads without a log entry (dissertation 6.4, section 8 of the paper).

1. A leader that has not committed in its term yet waits: it does not know what is committed.
2. The read index is the commit index.
3. A round of heartbeats, one for all reads at hand, proves that nobody led in a higher term when it began; a sole
   voter is its own majority.
4. The read is served once the read index is applied. That wait is the host's.
"""

from __future__ import annotations

from tricord.raft.events import ReadIndex
from tricord.raft.quorum import majority_index
from tricord.raft.state import Role, State
from tricord.raft.trace import ReadDropped, ReadReleased


def ask(state: State, event: ReadIndex) -> None:
    """A read arrived. It joins the next round."""
    state.reads_asked.append(event.context)
    if state.role is not Role.LEADER:
        drop_all(state)


def begin_round(state: State) -> bool:
    """One round for all that was asked since the last. True when heartbeats must go out for it."""
    if not state.reads_asked or state.role is not Role.LEADER or not state.has_committed_in_its_term:
        return False
    # Each attempt has a new number: an answer to an older round proves nothing about now.
    state.read_round += 1
    state.reads_in_rounds.append((state.read_round, state.commit_index, state.reads_asked))
    state.reads_asked = []
    state.progress[state.config.id].read_round = state.read_round
    release(state)
    return not state.is_sole_voter


def release(state: State) -> None:
    """Let go the reads of all rounds that a majority confirmed."""
    if not state.reads_in_rounds:
        return
    confirmed = majority_index(state.progress[voter].read_round for voter in state.config.voters)
    while state.reads_in_rounds and state.reads_in_rounds[0][0] <= confirmed:
        _, index, contexts = state.reads_in_rounds.pop(0)
        state.output.reads.extend((context, index) for context in contexts)
        if state.tracer is not None:
            for context in contexts:
                state.tracer(ReadReleased(context, index))


def drop_all(state: State) -> None:
    """This server does not lead: nobody here can answer."""
    dropped = [context for _, _, contexts in state.reads_in_rounds for context in contexts] + state.reads_asked
    if not dropped:
        return
    state.reads_in_rounds.clear()
    state.reads_asked = []
    state.output.reads_dropped.extend(dropped)
    if state.tracer is not None:
        for context in dropped:
            state.tracer(ReadDropped(context))
