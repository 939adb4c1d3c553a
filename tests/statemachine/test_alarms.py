# SPDX-License-Identifier: Apache-2.0
"""Alarms are part of the state: the same on all members at the same index, and they refuse what follows in the log."""

from __future__ import annotations

import pytest

from tests.mvcc.memory_store import MemoryStore
from tests.statemachine.driving import Driver
from tricord.base.alarms import AlarmChange, AlarmChangeResult, AlarmKind
from tricord.base.downgrading import DowngradeChange
from tricord.base.errors import CorruptCluster, InvalidRequest, NoSpace, ResourceExhausted, TricordError
from tricord.base.leases import LeaseExpire, LeaseGrant, LeaseKeepAlive, LeaseRevoke
from tricord.base.log import Entry, EntryKind
from tricord.base.operations import Compact, Compare, CompareTarget, DeleteRange, Put, Range, Request, Txn
from tricord.statemachine.alarms import ALARMS_MAX, grows, refusal_of
from tricord.statemachine.command import Command, CommandOperation, encode_envelope
from tricord.statemachine.machine import CHAINS_KEPT, StateMachine
from tricord.statemachine.validation import Limits, validate

NOSPACE, CORRUPT = AlarmKind.NOSPACE, AlarmKind.CORRUPT
UNMET = Compare(b"a", CompareTarget.VERSION, 0, 99)


@pytest.fixture
def driver() -> Driver:
    return Driver(MemoryStore())


def outcome(driver: Driver, request: Request) -> object:
    return driver.apply(request).outcome


def test_an_alarm_stays_over_a_restart_and_is_no_revision(driver: Driver) -> None:
    chain = driver.machine.chain
    assert outcome(driver, AlarmChange(7, NOSPACE, True)) == AlarmChangeResult(True)
    assert outcome(driver, AlarmChange(7, NOSPACE, True)) == AlarmChangeResult(False)
    assert outcome(driver, AlarmChange(0, CORRUPT, True)) == AlarmChangeResult(True)
    assert driver.machine.chain != chain, "members compare what they have"
    driver.restart()
    assert driver.machine.alarms == {(7, NOSPACE): False, (0, CORRUPT): False}
    assert (driver.machine.applied_index, driver.revision) == (3, 1)
    assert outcome(driver, AlarmChange(7, NOSPACE, False)) == AlarmChangeResult(True)
    assert outcome(driver, AlarmChange(7, NOSPACE, False)) == AlarmChangeResult(False)
    assert outcome(driver, AlarmChange(8, CORRUPT, False)) == AlarmChangeResult(False)
    driver.restart()
    assert driver.machine.alarms == {(0, CORRUPT): False}


def test_a_measure_clears_what_a_measure_raised_and_nothing_else(driver: Driver) -> None:
    measured = AlarmChange(7, NOSPACE, True, automatic=True)
    cleared = AlarmChange(7, NOSPACE, False, automatic=True)
    outcome(driver, AlarmChange(7, NOSPACE, True))
    assert outcome(driver, measured) == AlarmChangeResult(False)
    assert outcome(driver, cleared) == AlarmChangeResult(False)
    assert driver.machine.alarms == {(7, NOSPACE): False}
    outcome(driver, AlarmChange(7, NOSPACE, False))
    outcome(driver, measured)
    driver.restart()
    assert driver.machine.alarms == {(7, NOSPACE): True}
    assert outcome(driver, cleared) == AlarmChangeResult(True)
    outcome(driver, measured)
    assert outcome(driver, AlarmChange(7, NOSPACE, False)) == AlarmChangeResult(True)


WRITES: list[tuple[Request, bool]] = [
    (Put(b"a", b"1"), True),
    (Txn([], [Put(b"a", b"1")], []), True),
    (Txn([], [], [Put(b"a", b"1")]), True),
    (Txn([UNMET], [Txn([], [], [Put(b"a", b"1")])], [Range(b"a")]), True),
    (LeaseGrant(10, 1), True),
    (DeleteRange(b"a"), False),
    (Txn([], [DeleteRange(b"a")], [Range(b"a")]), False),
    (Compact(1), False),
    (LeaseRevoke(1), False),
    (LeaseExpire([1]), False),
    (LeaseKeepAlive(1), False),
    (AlarmChange(1, NOSPACE, True), False),
]


@pytest.mark.parametrize(("request_", "larger"), WRITES)
def test_without_space_what_grows_is_refused_and_with_differing_data_all_that_changes_it(
    request_: Request, larger: bool
) -> None:
    assert grows(request_) == larger
    assert refusal_of({}, request_) is None
    assert isinstance(refusal_of({(3, NOSPACE): True}, request_), NoSpace if larger else type(None))
    free = isinstance(request_, LeaseKeepAlive | AlarmChange)
    corrupt = refusal_of({(3, NOSPACE): True, (3, CORRUPT): True}, request_)
    assert isinstance(corrupt, type(None) if free else CorruptCluster)


def test_what_was_proposed_in_time_and_comes_behind_the_alarm_is_refused_by_all_alike(driver: Driver) -> None:
    """Every entry advances the index, a refused one as well, and changes nothing."""
    driver.call(Put(b"a", b"1"))
    driver.call(AlarmChange(7, NOSPACE, True))
    before = driver.machine.chain
    assert isinstance(outcome(driver, Put(b"a", b"2")), NoSpace)
    assert isinstance(outcome(driver, Txn([UNMET], [Put(b"b", b"2")], [])), NoSpace)
    assert (driver.machine.applied_index, driver.revision, driver.machine.chain) == (4, 2, before)
    driver.restart()
    assert driver.machine.applied_index == 4
    driver.call(DeleteRange(b"a"))
    driver.call(Compact(3))
    driver.call(AlarmChange(7, CORRUPT, True))
    for request in (Put(b"a", b"2"), DeleteRange(b"a"), Compact(3)):
        assert isinstance(outcome(driver, request), CorruptCluster)
    driver.call(AlarmChange(7, CORRUPT, False))
    driver.call(AlarmChange(7, NOSPACE, False))
    driver.call(Put(b"a", b"2"))
    assert driver.revision == 4
    again = StateMachine(MemoryStore())
    again.apply(driver.log)
    assert (again.chain, again.alarms) == (driver.machine.chain, {})


def test_there_are_not_too_many(driver: Driver) -> None:
    for member in range(ALARMS_MAX):
        driver.call(AlarmChange(member, NOSPACE, True))
    assert isinstance(outcome(driver, AlarmChange(ALARMS_MAX, NOSPACE, True)), ResourceExhausted)
    driver.call(AlarmChange(5, NOSPACE, False))
    driver.call(AlarmChange(1 << 64 - 1, CORRUPT, True))
    driver.restart()
    assert len(driver.machine.alarms) == ALARMS_MAX


@pytest.mark.parametrize("body", [b"", b"\x08\x01", b"\x08\x01\x18\x09", b"\x08\x09\x18\x01", b"\x08"])
def test_a_body_that_changes_no_alarm_is_refused_and_advances_the_index(driver: Driver, body: bytes) -> None:
    data = encode_envelope(Command(CommandOperation.ALARM, body))
    (applied,) = driver.machine.apply([Entry(1, 1, EntryKind.NORMAL, data)])
    assert isinstance(applied.outcome, TricordError)
    assert (driver.machine.applied_index, driver.machine.alarms, driver.machine.chain) == (1, {}, 0)


@pytest.mark.parametrize("member", [-1, 1 << 64])
def test_only_ids_that_can_be_are_proposed(member: int) -> None:
    with pytest.raises(InvalidRequest):
        validate(AlarmChange(member, NOSPACE, True), Limits())


def test_the_mark_of_a_downgrade_stays_and_goes(driver: Driver) -> None:
    driver.call(DowngradeChange("3.5.0"))
    driver.restart()
    assert (driver.machine.downgrade, driver.revision) == ("3.5.0", 1)
    assert isinstance(outcome(driver, DowngradeChange("3." * 40)), InvalidRequest)
    driver.call(DowngradeChange(""))
    driver.restart()
    assert driver.machine.downgrade == ""
    again = StateMachine(MemoryStore())
    again.apply(driver.log)
    assert again.chain == driver.machine.chain


@pytest.mark.parametrize("body", [b"", b"\x08\x01", b"\x08\x09", b"\x08", b"\x12\x033.5"])
def test_a_body_that_sets_no_mark_is_refused(driver: Driver, body: bytes) -> None:
    data = encode_envelope(Command(CommandOperation.DOWNGRADE, body))
    (applied,) = driver.machine.apply([Entry(1, 1, EntryKind.NORMAL, data)])
    assert isinstance(applied.outcome, TricordError)
    assert (driver.machine.applied_index, driver.machine.downgrade) == (1, "")


def test_a_snapshot_brings_its_alarms() -> None:
    store, theirs = MemoryStore(), MemoryStore()
    driver, other = Driver(store), Driver(theirs)
    driver.call(AlarmChange(7, NOSPACE, True))
    other.call(AlarmChange(8, CORRUPT, True, automatic=True))
    other.call(DowngradeChange("3.5.0"))
    theirs.drain()
    store.replace_backend(theirs.backend)
    driver.machine.reload()
    assert driver.machine.alarms == {(8, CORRUPT): True}
    assert driver.machine.downgrade == "3.5.0"


def test_the_chain_is_remembered_of_the_last_entries_and_since_the_start(driver: Driver) -> None:
    seen = {0: 0}
    for number in range(1, 6):
        driver.call(Put(b"a", b"%d" % number))
        seen[number] = driver.machine.chain
    assert {index: driver.machine.chain_at(index) for index in range(6)} == seen
    assert driver.machine.chain_at(6) is None
    driver.restart()
    assert [driver.machine.chain_at(index) for index in (4, 5, 6)] == [None, seen[5], None]
    for _ in range(CHAINS_KEPT):
        driver.call(AlarmChange(1, NOSPACE, False))
    assert driver.machine.chain_at(5) is None
    assert driver.machine.chain_at(6) == seen[5]
