# SPDX-License-Identifier: Apache-2.0
"""Stories of a few replicas: writes, acknowledgements, repair, times to live, starts, retirement."""

from __future__ import annotations

import pytest

from tests.eventual.group import START, Group
from tricord.base.changes import Add, AddElement, ChangeField, Put, PutLast, Remove
from tricord.base.errors import ConfigurationError, TooFewReplicas, TypeMismatch
from tricord.crdt.shown import show
from tricord.eventual.turn import ReadRequest, WriteRequest


def test_a_write_is_answered_when_it_is_durable_here_and_reaches_all_at_once() -> None:
    group = Group(1, 2, 3)
    group.run(0.1)
    group.change(1, b"k", Put(b"v"))
    (answer,) = group.turn(1).writes
    assert (answer.acks, answer.error) == (1, None)
    group.run(0.1)
    assert group.values(b"k") == [b"v"] * 3


def test_a_write_of_another_type_is_refused_and_has_no_name() -> None:
    group = Group(1)
    group.change(1, b"k", Put(b"v"))
    (refused,) = (each for each in group.turn(1, WriteRequest(2, b"k", Add(1))).writes if each.ticket == 2)
    assert isinstance(refused.error, TypeMismatch)
    assert refused.dot is None


def test_a_write_with_acks_is_answered_when_so_many_have_it_durably() -> None:
    group = Group(1, 2, 3)
    group.run(0.1)
    group.turn(1, WriteRequest(5, b"k", Put(b"v"), acks=3, deadline=9.0))
    answers = [each for output in group.run(1.0) for each in output.writes]
    assert [(each.ticket, each.acks, each.error) for each in answers] == [(5, 3, None)]


def test_too_few_acknowledgements_are_counted_and_nothing_is_undone() -> None:
    group = Group(1, 2, 3)
    group.run(0.1)
    group.cut = {(1, 3)}
    group.turn(1, WriteRequest(5, b"k", Put(b"v"), acks=3, deadline=0.5))
    (answer,) = (each for output in group.run(0.6) for each in output.writes)
    assert isinstance(answer.error, TooFewReplicas)
    assert answer.acks == 2
    group.heal()
    group.run(3.0)
    assert group.values(b"k") == [b"v"] * 3


def test_a_round_counts_as_an_acknowledgement_where_deltas_were_lost() -> None:
    group = Group(1, 2)
    group.run(0.1)
    group.part()
    group.turn(1, WriteRequest(5, b"k", Put(b"v"), acks=2, deadline=60.0))
    assert group.replicas[1].unsent == 1
    group.run(3.0)
    group.heal()
    answers = [each for output in group.run(5.0) for each in output.writes]
    assert [(each.acks, each.error) for each in answers] == [(2, None)]
    assert group.replicas[1].unsent == 0


def test_a_read_of_several_replicas_merges_what_they_have() -> None:
    group = Group(1, 2)
    group.run(0.1)
    group.part()
    group.change(1, b"k", AddElement(b"a"))
    group.change(2, b"k", AddElement(b"b"))
    group.run(0.2)
    group.heal()
    group.turn(1, ReadRequest(9, [b"k"], replicas=2, deadline=60.0))
    (answer,) = (each for output in group.run(0.3) for each in output.reads)
    shown = show(answer.cells[0], START)
    assert shown is not None
    assert shown.value == [b"a", b"b"]


def test_a_read_of_more_replicas_than_answer_says_so() -> None:
    group = Group(1, 2)
    group.run(0.1)
    group.part()
    group.turn(1, ReadRequest(9, [b"k"], replicas=2, deadline=0.5))
    (answer,) = (each for output in group.run(1.0) for each in output.reads)
    assert isinstance(answer.error, TooFewReplicas)


def test_what_all_wrote_behind_cuts_is_equal_after_the_stated_time() -> None:
    group = Group(1, 2, 3, 4)
    group.run(0.1)
    group.part()
    for number in range(200):
        for replica in group.replicas:
            group.change(replica, b"k%d" % (number % 50), ChangeField(b"f%d" % replica, Put(b"%d" % number)))
    group.change(1, b"total", Add(5))
    group.change(2, b"total", Add(10))
    group.run(5.0)
    assert not group.equal()
    group.heal()
    group.run(3 * 1.0 + 3 * (1.0 + 8 * 2 * 0.1) + 0.1)
    assert group.equal()
    assert group.values(b"total") == [15] * 4
    assert all(age < 8 for replica in group.replicas.values() for age in replica.agreement_ages().values())


def test_a_removal_that_was_missed_is_repaired_and_does_not_come_back() -> None:
    group = Group(1, 2, 3)
    group.run(0.1)
    group.change(1, b"k", Put(b"v"))
    group.run(1.0)
    group.cut = {(1, 2), (1, 3)}
    group.change(1, b"k", Remove())
    group.run(4.0)
    group.heal()
    group.run(8.0)
    assert group.values(b"k") == [None] * 3
    assert [replica.keys for replica in group.replicas.values()] == [0, 0, 0]


def test_a_time_to_live_is_the_writers_and_ends_by_each_readers_clock() -> None:
    group = Group(1, 2)
    group.run(0.1)
    group.part()
    group.change(1, b"k", Put(b"v"), ttl=5000)
    group.run(4.0)
    group.heal()
    group.run(0.9)
    assert group.values(b"k") == [b"v", b"v"] or group.value(1, b"k") == b"v"
    group.run(4.0)
    assert group.values(b"k") == [None, None]
    assert group.equal()


def test_what_ended_gives_its_room_back_and_brings_nothing_back() -> None:
    group = Group(1, 2, 3, ending_seconds=2.0)
    group.run(0.1)
    group.part()
    group.change(2, b"k", PutLast(b"older"))
    group.run(0.1)
    group.change(1, b"k", PutLast(b"newer"), ttl=1000)
    group.heal()
    group.run(2.0)
    assert [replica.keys for replica in group.replicas.values()] == [1, 1, 1]
    group.run(12.0)
    assert [replica.keys for replica in group.replicas.values()] == [0, 0, 0]
    assert group.values(b"k") == [None] * 3


def test_vectors_do_not_grow_with_starts() -> None:
    group = Group(1, 2, 3)
    group.run(0.1)
    sizes = []
    for incarnation in range(2, 12):
        group.start(1, incarnation)
        group.change(1, b"k", Put(b"%d" % incarnation))
        group.run(6.0)
        sizes.append(max(replica.entries for replica in group.replicas.values()))
    assert sizes[-1] <= 4
    assert group.values(b"k") == [b"11"] * 3
    assert group.equal()


def test_a_replica_starts_under_a_higher_incarnation_each_time() -> None:
    group = Group(1)
    group.change(1, b"k", Put(b"v"))
    with pytest.raises(ConfigurationError):
        group.start(1, 1)


def test_an_earlier_incarnation_is_told_that_it_is_not_heard() -> None:
    group = Group(1, 2)
    group.start(1, 9)
    group.run(2.0)
    del group.stores[1]
    group.start(1, 4)
    group.run(2.0)
    assert group.replicas[1].superseded == 9


def test_a_wiped_replica_gets_all_back() -> None:
    group = Group(1, 2)
    group.run(0.1)
    group.change(1, b"k", Put(b"v"))
    group.change(1, b"gone", Put(b"v"))
    group.run(1.0)
    group.change(1, b"gone", Remove())
    group.run(1.0)
    del group.stores[1]
    group.start(1, 2)
    group.run(4.0)
    assert (group.value(1, b"k"), group.value(1, b"gone")) == (b"v", None)


def test_a_retired_replica_keeps_its_unsent_writes_under_new_names_and_resurrects_nothing() -> None:
    group = Group(1, 2, 3)
    group.run(0.1)
    group.change(3, b"removed", Put(b"v"))
    group.change(3, b"total", Add(5))
    group.run(3.0)
    group.part()
    group.change(3, b"kept", Put(b"unsent"))
    group.change(3, b"total", Add(2))
    group.change(3, b"total", Add(1))
    group.run(1.0)
    formers = group.formers(3)
    group.retire(3)
    group.heal()
    group.change(1, b"removed", Remove())
    group.run(1.0)
    group.start(4, 1, formers)
    outputs = group.run(8.0)
    assert sum(output.adopted for output in outputs) == 1
    assert group.values(b"kept") == [b"unsent"] * 3
    assert group.values(b"removed") == [None] * 3
    assert group.values(b"total") == [8] * 3


def test_a_write_that_others_know_as_replaced_by_an_unsent_one_does_not_come_back() -> None:
    """They missed the first three and have the fourth, which says that it replaced the third."""
    group = Group(1, 2, 3)
    group.run(3.0)
    group.part()
    for value in (b"1", b"2", b"3"):
        group.change(3, b"total", Add(1))
        group.change(3, b"register", Put(value))
    group.run(3.0)
    group.cut = {(1, 3), (2, 3)}
    group.change(3, b"total", Add(1))
    group.change(3, b"register", Put(b"4"))
    group.run(0.2)
    formers = group.formers(3)
    group.retire(3)
    group.start(4, 1, formers)
    group.run(8.0)
    assert group.values(b"total") == [4] * 3
    assert [list(map(len, replica.cell(b"register").values())) for replica in group.replicas.values()] == [[1]] * 3


def test_nobody_hears_a_replica_that_does_not_belong() -> None:
    group = Group(1, 2, 3)
    group.run(0.1)
    stranger = group.replicas[3]
    group.change(3, b"k", Put(b"v"))
    group.retire(3)
    group.run(2.0)
    assert group.values(b"k") == [None, None]
    assert group.replicas[1].refused["rejected"] >= 1
    assert stranger.unsent == 1


def test_a_clock_ten_minutes_ahead_is_told_and_changes_nothing_else() -> None:
    group = Group(1, 2)
    group.ahead[1] = 600_000
    group.run(0.1)
    group.change(1, b"k", Put(b"v"))
    outputs = group.run(0.2)
    assert max(output.ahead for output in outputs) > 590_000
    group.change(2, b"k", Put(b"w"))
    group.run(0.2)
    assert group.values(b"k") == [b"w", b"w"]


def test_an_incarnation_is_over_only_after_rounds_with_all() -> None:
    group = Group(1, 2, 3)
    group.run(0.1)
    group.change(1, b"before", Put(b"v"))
    group.run(0.5)
    group.cut = {(1, 2), (2, 3), (3, 2)}
    group.change(1, b"k", Put(b"v"))
    group.run(0.3)
    group.cut = {(2, 3), (3, 2), (1, 3), (3, 1)}
    del group.stores[1]
    group.start(1, 2)
    group.run(4.0)
    group.heal()
    group.run(8.0)
    assert group.values(b"k") == [b"v"] * 3


def test_what_ended_waits_for_rounds_with_all() -> None:
    group = Group(1, 2, 3, ending_seconds=2.0)
    group.run(0.1)
    group.cut = {(2, 1), (1, 2), (2, 3), (3, 2)}
    group.change(2, b"k", PutLast(b"older"))
    group.run(0.1)
    group.change(1, b"k", PutLast(b"newer"), ttl=1000)
    group.run(12.0)
    group.heal()
    group.run(15.0)
    assert group.values(b"k") == [None] * 3
    assert [replica.keys for replica in group.replicas.values()] == [0, 0, 0]


def test_a_write_known_by_its_successor_alone_is_finished_when_its_replica_returns() -> None:
    group = Group(1, 2, 3)
    group.run(0.1)
    group.change(3, b"k", Put(b"first"))
    group.run(0.5)
    group.part()
    group.change(3, b"k", Put(b"second"))
    group.run(3.0)
    group.cut = {(1, 3), (2, 3)}
    group.change(3, b"k", Put(b"third"))
    group.run(0.1)
    formers = group.formers(3)
    group.retire(3)
    group.heal()
    group.start(4, 1, formers)
    group.run(8.0)
    for replica in group.replicas.values():
        shown = show(replica.cell(b"k"), START)
        assert shown is not None
        assert [each.value for each in shown.siblings] == [b"third"]
