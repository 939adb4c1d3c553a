# SPDX-License-Identifier: Apache-2.0
"""A replica of one voter, turn by turn."""

from __future__ import annotations

import pytest

from tests.replica.host import Host
from tricord.base.errors import OutcomeUnknown, Stopping, TooManyRequests
from tricord.base.log import Entry, EntryKind, HardState
from tricord.base.membership import Configuration
from tricord.raft import RaftConfig
from tricord.replica import Replica, ReplicaConfig, TurnInput
from tricord.replica.log_retention import PIECE_ENTRIES


def test_the_first_turns_make_a_leader_and_each_waits_for_the_disk() -> None:
    host = Host()
    first = host.turn()
    assert first.hard_state == HardState(term=1, vote=1, commit=0)
    assert first.entries == []
    assert not host.replica.is_leader

    host.write_one()
    second = host.turn()
    assert second.hard_state is None
    assert second.entries == [Entry(1, 1, EntryKind.NOOP, b"")]
    assert host.replica.is_leader and not host.replica.caught_up

    host.write_one()
    third = host.turn()
    assert len(third.applied) == 1
    assert host.replica.caught_up


def test_a_proposal_is_answered_when_it_is_durable_and_applied() -> None:
    host = Host()
    host.settle()
    proposed = host.turn([b"a", b"b"])
    assert [entry.data for entry in proposed.entries] == [b"a", b"b"]
    assert proposed.replies == []

    host.write_one()
    answered = host.turn()
    assert answered.replies == [(1, 1), (2, 2)]
    assert host.acknowledged == [b"a", b"b"]
    assert host.replica.waiting_bytes == 0


def test_turns_do_not_wait_for_the_disk_and_a_part_can_come_back() -> None:
    host = Host()
    host.settle()
    host.turn([b"a", b"b", b"c"])
    host.turn([b"d"])
    # The disk holds the first two of the four entries behind the no-op.
    answered = host.replica.turn(TurnInput(persisted_to=3, persisted_term=1))
    assert [ticket for ticket, _ in answered.replies] == [1, 2]
    assert host.replica.waiting_bytes == 2
    answered = host.replica.turn(TurnInput(persisted_to=5, persisted_term=1))
    assert [ticket for ticket, _ in answered.replies] == [3, 4]
    assert host.replica.waiting_bytes == 0


def test_before_it_leads_proposals_and_reads_wait() -> None:
    host = Host()
    output = host.turn([b"early"], reads=1)
    assert output.dropped == []
    host.settle()
    assert host.machine.commands == [b"early"]
    assert host.acknowledged == [b"early"]
    assert set(host.served) == {2}


def test_a_proposal_that_waits_for_a_leader_can_be_withdrawn_and_one_in_the_log_cannot() -> None:
    host = Host()
    host.turn([b"early", b"impatient"])
    assert host.replica.withdraw({2, 7}) == [2]
    assert host.replica.waiting_bytes == len(b"early")
    host.settle()
    assert host.machine.commands == [b"early"]
    host.turn([b"appended"])
    assert host.replica.withdraw({3}) == []
    host.settle()
    assert host.machine.commands == [b"early", b"appended"]


def test_a_read_waits_for_the_first_commit_of_the_term() -> None:
    host = Host()
    host.turn()
    host.write_one()
    assert host.turn(reads=2).reads == []
    host.write_one()
    assert host.turn().reads == [1, 2]


def test_a_read_sees_what_was_acknowledged_before_it_and_waits_for_nothing_later() -> None:
    host = Host()
    host.settle()
    host.turn([b"a"])
    host.write_one()
    host.turn()
    output = host.turn([b"b"], reads=1)
    assert output.reads == [3]
    assert host.served == {3: 1}


def test_beyond_the_limit_of_bytes_on_their_way_a_proposal_is_refused_and_nothing_of_it_is_kept() -> None:
    host = Host(ReplicaConfig(uncommitted_bytes_max=10))
    host.settle()
    output = host.turn([b"123456", b"7890", b"x", b"y"])
    assert [(ticket, type(error)) for ticket, error in output.dropped] == [(3, TooManyRequests), (4, TooManyRequests)]
    assert isinstance(dict(host.turn([b"z"]).dropped)[5], TooManyRequests)
    host.settle()
    assert host.acknowledged == [b"123456", b"7890"]
    host.turn([b"again"])
    host.settle()
    assert host.machine.commands == [b"123456", b"7890", b"again"]


def test_a_command_larger_than_the_limit_passes_when_it_is_alone() -> None:
    host = Host(ReplicaConfig(uncommitted_bytes_max=10))
    host.settle()
    host.turn([b"larger than ten bytes"])
    host.settle()
    assert host.acknowledged == [b"larger than ten bytes"]


def test_stopping_tells_each_who_waits_what_is_known() -> None:
    host = Host()
    host.turn()
    host.write_one()
    host.turn([b"appended"], reads=1)
    output = host.replica.stop()
    assert [(ticket, type(error)) for ticket, error in output.dropped] == [(1, OutcomeUnknown), (2, Stopping)]
    after = host.turn([b"late"], reads=1)
    assert [type(error) for _, error in after.dropped] == [Stopping, Stopping]
    assert after.entries == []


def test_a_restart_replays_behind_the_backend_and_answers_nobody_twice() -> None:
    host = Host()
    host.settle()
    host.turn([b"a"])
    host.settle()
    host.machine.drain()
    host.turn([b"b"])
    host.settle()

    host.crash()
    assert host.machine.commands == [b"a"]
    host.settle()
    assert host.replica.term == 2
    assert host.machine.commands == [b"a", b"b"]
    assert host.acknowledged == [b"a", b"b"]


def test_two_replays_of_one_log_are_the_same() -> None:
    host = Host()
    host.settle()
    host.turn([b"a", b"b"])
    host.settle()
    runs = []
    for _ in range(2):
        host.starts = 1
        host.boot()
        hard_state, log = host.hard_state, list(host.log)
        host.settle()
        runs.append((list(host.machine.commands), list(host.log), host.hard_state))
        host.hard_state, host.log = hard_state, log
    assert runs[0] == runs[1]


def test_the_log_kept_in_memory_is_bounded_by_entries_and_by_bytes() -> None:
    for limits, most in ((ReplicaConfig(kept_entries=5), PIECE_ENTRIES), (ReplicaConfig(kept_bytes=50), 6)):
        host = Host(limits)
        host.settle()
        for number in range(600):
            host.turn([b"%010d" % number])
            host.settle()
            kept = host.replica.kept_entries
            assert kept <= most + 1
        assert len(host.machine.commands) == 600
        host.crash()
        host.settle()
        assert len(host.machine.commands) == 600


def test_what_is_not_applied_is_kept_however_large() -> None:
    host = Host(ReplicaConfig(kept_bytes=10))
    host.settle()
    for _ in range(5):
        host.turn([b"0123456789"])
    assert host.replica.kept_entries >= 5
    host.settle()
    host.turn()
    assert host.replica.kept_entries == 1


def test_a_machine_that_is_elsewhere_than_the_log_is_refused() -> None:
    host = Host()
    with pytest.raises(AssertionError, match="where the state machine is"):
        Replica(
            RaftConfig(1),
            configuration=Configuration((1,)),
            hard_state=HardState(),
            base=(3, 1),
            entries=[],
            machine=host.machine,
        )
