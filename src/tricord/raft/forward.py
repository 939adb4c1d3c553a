# SPDX-License-Identifier: Apache-2.0
"""A follower passes on to its leader what clients asked of it (section 6.2: a client may ask any server).

Reads are given back when the leader changes: they do no harm when they are asked again. A proposal may have been
appended, and where it was, the leader of then can still say when it leads no more: its answer is awaited until the way
to it broke, or patience ends.
"""

from __future__ import annotations

from tricord.raft import outbox
from tricord.raft.messages import ForwardedProposal, ForwardedRead
from tricord.raft.output import FORWARDED
from tricord.raft.state import State
from tricord.raft.trace import Forwarding, ForwardLost, ReadDropped


def can_forward(state: State) -> bool:
    """Whether there is a leader elsewhere to ask."""
    return state.config.forward and state.leader_id not in (0, state.config.id)


def pass_on_proposal(state: State, data: list[bytes]) -> None:
    """The leader is to append these."""
    request = state.forwarded.next_request(state.leader_id)
    state.output.answers.proposed.append(FORWARDED)
    outbox.send(
        state, ForwardedProposal(state.config.id, state.leader_id, state.persistent.current_term, request, data)
    )
    if state.tracer is not None:
        state.tracer(Forwarding(state.forwarded.count, len(data), state.leader_id))


def pass_on_reads(state: State) -> None:
    """At the end of the step: one message for all reads of it."""
    forwarded = state.forwarded
    contexts, forwarded.reads_asked = forwarded.reads_asked, []
    if not can_forward(state):
        _drop_reads(state, contexts)
        return
    forwarded.reads.update(dict.fromkeys(contexts, 0))
    outbox.send(state, ForwardedRead(state.config.id, state.leader_id, state.persistent.current_term, contexts))


def drop_reads(state: State) -> None:
    """The leader is another one, or none: ask again."""
    if state.forwarded.reads:
        _drop_reads(state, list(state.forwarded.reads))


def lose(state: State, member: int) -> None:
    """The member answers no more: nobody can say what became of the proposals that it was given."""
    lost = [number for number, (asked, _) in state.forwarded.proposals.items() if asked == member]
    if lost:
        _lose(state, lost)
    if member == state.leader_id:
        drop_reads(state)


def tick(state: State) -> None:
    """Patience with a member that lives but does not answer: twice the election timeout for a proposal, once for a
    read."""
    forwarded, election_ticks = state.forwarded, state.config.election_ticks
    if forwarded.proposals:
        forwarded.proposals = {number: (member, ticks + 1) for number, (member, ticks) in forwarded.proposals.items()}
        overdue = [number for number, (_, ticks) in forwarded.proposals.items() if ticks >= 2 * election_ticks]
        if overdue:
            _lose(state, overdue)
    if forwarded.reads:
        forwarded.reads = {context: ticks + 1 for context, ticks in forwarded.reads.items()}
        late = [context for context, ticks in forwarded.reads.items() if ticks >= election_ticks]
        if late:
            _drop_reads(state, late)


def _lose(state: State, numbers: list[int]) -> None:
    for number in numbers:
        del state.forwarded.proposals[number]
        if state.tracer is not None:
            state.tracer(ForwardLost(number))
    state.output.answers.lost.extend(numbers)


def _drop_reads(state: State, contexts: list[int]) -> None:
    for context in contexts:
        state.forwarded.reads.pop(context, None)
        if state.tracer is not None:
            state.tracer(ReadDropped(context))
    state.output.answers.reads_dropped.extend(contexts)
