# SPDX-License-Identifier: Apache-2.0
"""A replica of three voters gains and loses the lead: who waits is told what is true."""

from __future__ import annotations

from tests.replica.host import ListMachine
from tricord.base.errors import NoLeader, OutcomeUnknown
from tricord.base.log import HardState
from tricord.raft.messages import AppendEntries, AppendEntriesResult, Message, RequestVoteResult
from tricord.replica import Replica, TurnInput


def leading_replica() -> Replica[int]:
    """Member 1 leads in term 1; its no-op is committed and applied."""
    machine = ListMachine()
    replica = Replica(
        member=1,
        voters=(1, 2, 3),
        seed=7,
        hard_state=HardState(),
        entries=[],
        applied_index=0,
        applied_term=0,
        machine=machine,
    )
    while (hard_state := replica.turn(TurnInput(ticks=1)).hard_state) is None:
        pass
    vote = RequestVoteResult(2, 1, hard_state.term, vote_granted=True)
    replica.turn(TurnInput(persisted_hard_state=hard_state, messages=[vote]))
    replica.turn(TurnInput(persisted_to=1, persisted_term=1, messages=[matched(2, 1)]))
    assert replica.caught_up
    return replica


def matched(sender: int, index: int, read_round: int = 0) -> Message:
    return AppendEntriesResult(sender, 1, 1, True, index, 0, read_round)


def new_leader() -> Message:
    """Member 2 leads in term 2."""
    return AppendEntries(2, 1, 2, 1, 1, [], 1, 0)


def test_appended_proposals_of_a_lost_leader_have_an_unknown_outcome() -> None:
    replica = leading_replica()
    replica.turn(TurnInput(proposals=[(1, b"a"), (2, b"b")]))
    output = replica.turn(TurnInput(messages=[new_leader()], proposals=[(3, b"c")], reads=[4]))
    assert {ticket: type(error) for ticket, error in output.dropped} == {
        1: OutcomeUnknown,
        2: OutcomeUnknown,
        3: NoLeader,
        4: NoLeader,
    }
    assert replica.waiting_bytes == 0
    assert (replica.leader, replica.term) == (2, 2)


def test_reads_that_wait_for_their_round_are_dropped_with_the_lead() -> None:
    replica = leading_replica()
    assert replica.turn(TurnInput(reads=[1])).reads == []
    output = replica.turn(TurnInput(messages=[new_leader()]))
    assert [(ticket, type(error)) for ticket, error in output.dropped] == [(1, NoLeader)]


def test_one_round_serves_all_reads_of_a_turn() -> None:
    replica = leading_replica()
    asked = replica.turn(TurnInput(reads=[1, 2, 3]))
    assert [message.receiver for message in asked.messages] == [2, 3]
    assert replica.turn(TurnInput(messages=[matched(3, 1, read_round=1)])).reads == [1, 2, 3]


def test_a_read_waits_until_its_index_is_applied_here() -> None:
    replica = leading_replica()
    replica.turn(TurnInput(proposals=[(1, b"a")]))
    replica.turn(TurnInput(messages=[matched(2, 2), matched(3, 2)]))
    assert (replica.commit_index, replica.applied_index) == (2, 1), "two other disks have it, the own one not yet"
    replica.turn(TurnInput(reads=[2]))
    assert replica.turn(TurnInput(messages=[matched(2, 2, read_round=1)])).reads == []
    output = replica.turn(TurnInput(persisted_to=2, persisted_term=1))
    assert output.replies == [(1, 1)]
    assert output.reads == [2]
