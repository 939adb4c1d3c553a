# SPDX-License-Identifier: Apache-2.0
"""Who hears its leader stands by it, who campaigns asked first, and only a sign of life makes a follower patient."""

from __future__ import annotations

import pytest

from tricord.base.log import HardState
from tricord.raft import Raft, RaftConfig, Role
from tricord.raft.messages import AppendEntries, Message, RequestVote, RequestVoteResult
from tricord.raft.state import State
from tricord.replica import TurnInput
from tricord.sim.invariants.broken import Broken
from tricord.sim.invariants.patience import Patience

ASKED = RequestVote(3, 2, 6, 0, 0, pre_vote=True)
WILLING = RequestVoteResult(2, 3, 6, vote_granted=True, pre_vote=True)


def follower(leader: int = 1, silent: int = 4) -> State:
    state = Raft(RaftConfig(2, voters=(1, 2, 3)), HardState(5, 1)).state
    state.leader_id, state.election_elapsed_ticks = leader, silent
    return state


def heartbeat(term: int) -> AppendEntries:
    return AppendEntries(1, 2, term, 0, 0, [], 0, 0, heartbeat=True)


def turn(*messages: Message, ticks: int = 0) -> TurnInput:
    return TurnInput(ticks=ticks, messages=list(messages))


def test_who_hears_its_leader_promises_its_vote_to_nobody_else() -> None:
    patience, state = Patience(), follower()
    patience.answered(WILLING, state, turn(ASKED))  # nothing is known of it yet
    patience.turned(2, state, turn())
    with pytest.raises(Broken, match="progress: 2 would vote for 3"):
        patience.answered(WILLING, state, turn(ASKED))
    for taken in (turn(ASKED, ticks=8), turn(), turn(RequestVoteResult(1, 2, 7, vote_granted=False), ASKED)):
        patience.answered(WILLING, state, taken)


def test_nobody_enters_a_term_before_a_majority_is_willing() -> None:
    patience, state = Patience(), follower()
    state.role = Role.CANDIDATE
    campaign = RequestVote(2, 1, 6, 0, 0)
    with pytest.raises(Broken, match="only \\[2\\] would vote"):
        patience.campaigned(campaign, state)
    patience.campaigned(RequestVote(2, 1, 6, 0, 0, transfer=True), state)
    patience.answered(RequestVoteResult(3, 2, 6, vote_granted=True, pre_vote=True), follower(), turn())
    patience.campaigned(campaign, state)


def test_a_follower_is_patient_anew_only_after_a_sign_of_life() -> None:
    patience, state = Patience(), follower()
    patience.turned(2, state, turn())
    state.election_elapsed_ticks = 0
    patience.turned(2, state, turn(heartbeat(5)))
    state.election_elapsed_ticks = 3
    patience.turned(2, state, turn(ticks=3))
    state.election_elapsed_ticks = 0
    with pytest.raises(Broken, match="having heard AppendEntries of term 4"):
        patience.turned(2, state, turn(heartbeat(4)))
    patience.started(2)
    patience.turned(2, state, turn(heartbeat(4)))
