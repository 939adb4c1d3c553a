# SPDX-License-Identifier: Apache-2.0
"""Leader election (section 5.2): campaign, count votes.

The own vote is counted when the disk has it, like everybody else's: so a sole voter, which campaigns as soon as it
starts, leads only once its new term is durable.
"""

from __future__ import annotations

from tricord.base.reachable import reachable
from tricord.raft import outbox, roles
from tricord.raft.messages import RequestVote
from tricord.raft.quorum import VoteResult, election_result
from tricord.raft.state import Role, State

INSISTS = 1 << 31
"""The priority that a server claims after its first try: who was preferred had its chance."""


def campaign(state: State, *, transfer: bool = False) -> None:
    """Begin an election, or ask first whether it can be won. This server is a voter."""
    assert state.is_promotable
    state.campaigns += 1
    if state.config.pre_vote and not transfer and not state.is_sole_voter:
        roles.become_pre_candidate(state)
        ask_for_votes(state, pre_vote=True)
        _settle(state)
    else:
        begin(state, transfer=transfer)


def begin(state: State, *, transfer: bool = False) -> None:
    """Enter a new term and ask for its votes."""
    roles.become_candidate(state)
    ask_for_votes(state, transfer=transfer)


def ask_for_votes(state: State, *, pre_vote: bool = False, transfer: bool = False) -> None:
    """Send a RequestVote to each other voter of the configuration in force."""
    configuration, own = state.configuration, state.config.id
    for voter in sorted({*configuration.voters, *configuration.outgoing}):
        if voter != own:
            outbox.send(
                state,
                RequestVote(
                    sender=own,
                    receiver=voter,
                    term=state.persistent.current_term + pre_vote,
                    last_log_index=state.log.last_index,
                    last_log_term=state.log.last_term,
                    pre_vote=pre_vote,
                    transfer=transfer,
                    priority=state.config.priority if state.campaigns <= 1 else INSISTS,
                ),
            )


def count_vote(state: State, voter: int, granted: bool) -> None:
    """A candidate or pre-candidate got an answer; the first one of each voter stays."""
    assert state.role in (Role.CANDIDATE, Role.PRE_CANDIDATE)
    state.votes.setdefault(voter, granted)
    _settle(state)


def _settle(state: State) -> None:
    result = election_result(state.configuration, state.votes)
    if result is VoteResult.LOST:
        reachable("an election was lost")
        roles.become_follower(state, state.persistent.current_term, 0)
    elif result is VoteResult.WON:
        if state.role is Role.CANDIDATE:
            roles.become_leader(state)
        else:
            begin(state)
