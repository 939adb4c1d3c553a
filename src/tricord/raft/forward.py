# SPDX-License-Identifier: Apache-2.0
"""A follower passes on to its leader what clients asked of it (section 6.2: a client may ask any server).

What got no answer when the leader changes, when the way to it broke or when patience ends is given back: a read does
no harm when it is asked again, a proposal may have been appended.
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
    request = state.forwarded.next_request()
    state.output.proposed.append(FORWARDED)
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


def lose_all(state: State) -> None:
    """No answer comes any more: the leader is another one, or unreachable."""
    forwarded = state.forwarded
    if forwarded.proposals:
        _lose(state, list(forwarded.proposals))
    if forwarded.reads:
        _drop_reads(state, list(forwarded.reads))


def tick(state: State) -> None:
    """Patience with a leader that lives but does not answer: twice the election timeout for a proposal, once for a
    read."""
    forwarded = state.forwarded
    election_ticks = state.config.election_ticks
    for waiting, ticks_max, give_up in (
        (forwarded.proposals, 2 * election_ticks, _lose),
        (forwarded.reads, election_ticks, _drop_reads),
    ):
        if not waiting:
            continue
        for key in waiting:
            waiting[key] += 1
        overdue = [key for key, ticks in waiting.items() if ticks >= ticks_max]
        if overdue:
            give_up(state, overdue)


def _lose(state: State, numbers: list[int]) -> None:
    for number in numbers:
        del state.forwarded.proposals[number]
        if state.tracer is not None:
            state.tracer(ForwardLost(number))
    state.output.lost.extend(numbers)


def _drop_reads(state: State, contexts: list[int]) -> None:
    for context in contexts:
        state.forwarded.reads.pop(context, None)
        if state.tracer is not None:
            state.tracer(ReadDropped(context))
    state.output.reads_dropped.extend(contexts)
