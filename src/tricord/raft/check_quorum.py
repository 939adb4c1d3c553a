# SPDX-License-Identifier: Apache-2.0
"""Leaders that lead nobody, and voters that hear their leader (dissertation 6.2 and 4.2.3).

A leader that a majority has not answered for an election timeout steps down, so that its clients look elsewhere. A
voter that heard of its leader within the shortest election timeout does not listen to candidates: a removed or
confused server cannot unseat a leader that works. A leader's own request (``transfer``) is the exception.
"""

from __future__ import annotations

from tricord.base.reachable import reachable
from tricord.raft import roles
from tricord.raft.messages import RequestVote
from tricord.raft.quorum import VoteResult, election_result
from tricord.raft.state import LEADER, State
from tricord.raft.trace import QuorumLost


def tick(state: State) -> None:
    """One tick of a leader: count everybody's silence, and step down when a majority is silent for too long."""
    election_ticks, own = state.config.election_ticks, state.config.id
    silent = 0
    for member, progress in state.progress.items():
        if member != own:
            progress.silent_ticks += 1
            silent += progress.silent_ticks >= election_ticks
    if silent and state.config.check_quorum and not hears_majority(state):
        reachable("a leader heard no majority and stepped down")
        if state.tracer is not None:
            state.tracer(QuorumLost(state.persistent.current_term))
        roles.become_follower(state, state.persistent.current_term, 0)


def is_heard(state: State, member: int) -> bool:
    """On a leader: whether the member spoke within an election timeout. It hears itself."""
    return member == state.config.id or state.progress[member].silent_ticks < state.config.election_ticks


def hears_majority(state: State) -> bool:
    """On a leader: whether a majority spoke within an election timeout."""
    heard = {member: is_heard(state, member) for member in state.progress}
    return election_result(state.configuration, heard) is VoteResult.WON


def leader_is_fresh(state: State, message: RequestVote) -> bool:
    """Whether this server heard of its leader too recently to listen to a candidate."""
    config = state.config
    if message.transfer or not (message.pre_vote or config.check_quorum):
        return False
    if config.lease_reads and state.now_ticks < state.promised_ticks:
        return True
    if state.role is LEADER:
        # Without check_quorum it leads on, for ever, where it leads nobody.
        return hears_majority(state)
    return state.leader_id != 0 and state.election_elapsed_ticks < config.election_ticks
