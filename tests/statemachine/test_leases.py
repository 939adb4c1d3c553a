# SPDX-License-Identifier: Apache-2.0
"""Leases in the log: granted, revoked, expired and checkpointed, the same on every member and after a restart."""

from __future__ import annotations

import pytest

from tests.mvcc.memory_store import MemoryStore
from tests.statemachine.driving import Driver
from tricord.base.errors import LeaseExists, LeaseNotFound, LeaseTimeToLiveTooLarge, NoLeader
from tricord.base.leases import (
    LEASE_TTL_MAX,
    LeaseCheckpoint,
    LeaseCheckpointResult,
    LeaseExpire,
    LeaseExpireResult,
    LeaseGrant,
    LeaseGrantResult,
    LeaseRevoke,
    LeaseRevokeResult,
)
from tricord.base.log import Entry, EntryKind
from tricord.base.operations import DeleteRange, Event, EventKind, KeyValue, Put, Range, RangeResult, Request
from tricord.base.ordered import Table
from tricord.lease.records import LeaseRecord
from tricord.statemachine.applied import Applied
from tricord.statemachine.command import Command, CommandOperation, encode_command, encode_envelope
from tricord.statemachine.machine import StateMachine


@pytest.fixture
def driver() -> Driver:
    return Driver(MemoryStore())


def decided(driver: Driver, request: Request, *, term: int = 1, decided_in: int = 1) -> Applied:
    data = encode_command(request, None, deciding_term=decided_in)
    (applied,) = driver.machine.apply([Entry(driver.machine.applied_index + 1, term, EntryKind.NORMAL, data)])
    return applied


def attached(driver: Driver) -> list[bytes]:
    return [key for key, _ in driver.store.scan(Table.LEASE_KEYS, b"", None)]


def test_a_lease_is_granted_without_a_revision(driver: Driver) -> None:
    applied = driver.apply(LeaseGrant(10, 7))
    assert applied == Applied(1, LeaseGrantResult(7, 10), 1, [])
    assert driver.machine.leases(None, 0) == [(7, LeaseRecord(10))]
    assert driver.call(LeaseGrant(-5, 8)) == LeaseGrantResult(8, 1), "members ask for more; nothing here relies on it"


def test_what_cannot_be_granted(driver: Driver) -> None:
    driver.call(LeaseGrant(10, 7))
    for request, refusal in (
        (LeaseGrant(20, 7), LeaseExists),
        (LeaseGrant(LEASE_TTL_MAX + 1, 9), LeaseTimeToLiveTooLarge),
        (LeaseGrant(10, 0), LeaseNotFound),
    ):
        chain = driver.machine.chain
        assert isinstance(driver.apply(request).outcome, refusal)
        assert driver.machine.chain == chain
    assert driver.machine.leases(None, 0) == [(7, LeaseRecord(10))]
    assert driver.call(LeaseGrant(LEASE_TTL_MAX, 9)) == LeaseGrantResult(9, LEASE_TTL_MAX)


def test_keys_need_a_lease_that_is_there_and_end_with_it_in_one_revision_in_key_order(driver: Driver) -> None:
    driver.call(LeaseGrant(10, 7))
    driver.call(LeaseGrant(10, 8))
    for key in (b"c", b"a", b"b"):
        driver.call(Put(key, b"v", lease=7))
    driver.call(Put(b"d", b"v", lease=8))
    assert driver.machine.lease_keys(7) == [b"a", b"b", b"c"]
    applied = driver.apply(LeaseRevoke(7))
    assert applied.outcome == LeaseRevokeResult()
    assert applied.revision == 6
    assert [(event.kind, event.kv) for event in applied.events] == [
        (EventKind.DELETE, KeyValue(key, b"", 0, 6, 0)) for key in (b"a", b"b", b"c")
    ]
    assert [event.previous and event.previous.lease for event in applied.events] == [7, 7, 7]
    assert [kv.key for kv in driver.machine.read(Range(b"\0", b"\0")).kvs] == [b"d"]  # type: ignore[union-attr]
    assert driver.machine.leases(None, 0) == [(8, LeaseRecord(10))]
    assert [key[8 + 4 :] for key in attached(driver)] == [b"d"]
    assert isinstance(driver.apply(Put(b"e", b"", lease=7)).outcome, LeaseNotFound)
    assert isinstance(driver.apply(LeaseRevoke(7)).outcome, LeaseNotFound)


def test_a_lease_without_keys_ends_without_a_revision(driver: Driver) -> None:
    driver.call(LeaseGrant(10, 7))
    applied = driver.apply(LeaseRevoke(7))
    assert (applied.revision, applied.events) == (1, [])


def test_keys_that_were_put_again_or_deleted_do_not_end_with_the_lease(driver: Driver) -> None:
    driver.call(LeaseGrant(10, 7))
    driver.call(LeaseGrant(10, 8))
    for key in (b"a", b"b", b"c", b"d"):
        driver.call(Put(key, b"1", lease=7))
    driver.call(Put(b"a", b"2"))
    driver.call(Put(b"b", b"2", lease=8))
    driver.call(DeleteRange(b"c"))
    driver.call(Put(b"d", b"2", ignore_lease=True))
    applied = driver.apply(LeaseRevoke(7))
    assert [event.kv.key for event in applied.events] == [b"d"]
    assert driver.machine.lease_keys(8) == [b"b"]


def test_leases_expire_by_a_leaders_word_in_its_own_term_only(driver: Driver) -> None:
    driver.call(LeaseGrant(10, 7))
    driver.call(LeaseGrant(10, 8))
    driver.call(Put(b"a", b"", lease=7))
    chain = driver.machine.chain
    for term, decided_in in ((3, 2), (3, 4), (3, 0)):
        applied = decided(driver, LeaseExpire([7]), term=term, decided_in=decided_in)
        assert isinstance(applied.outcome, NoLeader)
        assert (applied.revision, applied.events, driver.machine.chain) == (2, [], chain)
        applied = decided(driver, LeaseCheckpoint([(7, 5)]), term=term, decided_in=decided_in)
        assert isinstance(applied.outcome, NoLeader)
    assert [identity for identity, _ in driver.machine.leases(None, 0)] == [7, 8]
    applied = decided(driver, LeaseExpire([9, 7, 7, 8]), term=3, decided_in=3)
    assert applied.outcome == LeaseExpireResult([7, 8])
    assert applied.revision == 3
    assert applied.events == [
        Event(EventKind.DELETE, KeyValue(b"a", b"", 0, 3, 0), KeyValue(b"a", b"", 2, 2, 1, lease=7))
    ]
    assert decided(driver, LeaseExpire([7]), term=3, decided_in=3).outcome == LeaseExpireResult([])


def test_a_put_of_another_term_is_no_decision(driver: Driver) -> None:
    data = encode_envelope(Command(CommandOperation.PUT, encode_command(Put(b"a", b"1"), None)[27:], deciding_term=2))
    (applied,) = driver.machine.apply([Entry(1, 3, EntryKind.NORMAL, data)])
    assert isinstance(applied.outcome, NoLeader), "whoever says when it was decided is taken at its word"


def test_checkpoints_are_recorded_and_taken_back(driver: Driver) -> None:
    driver.call(LeaseGrant(1000, 7))
    chain = driver.machine.chain
    assert decided(driver, LeaseCheckpoint([(7, 400), (9, 3)])).outcome == LeaseCheckpointResult()
    assert driver.machine.leases(None, 0) == [(7, LeaseRecord(1000, 400))]
    assert driver.machine.chain != chain
    for nonsense in (0, -1, 1001):
        decided(driver, LeaseCheckpoint([(7, 400)]))
        decided(driver, LeaseCheckpoint([(7, nonsense)]))
        assert driver.machine.leases(None, 0) == [(7, LeaseRecord(1000))]
    assert driver.revision == 1


def test_leases_survive_a_restart_and_tell_members_apart(driver: Driver) -> None:
    other = Driver(MemoryStore())
    for each in (driver, other):
        each.call(LeaseGrant(1000, 7))
        each.call(Put(b"a", b"", lease=7))
        decided(each, LeaseCheckpoint([(7, 400)]))
    assert driver.machine.chain == other.machine.chain
    before = driver.machine.chain
    driver.restart()
    assert driver.machine.chain == before
    assert driver.machine.leases(None, 0) == [(7, LeaseRecord(1000, 400))]
    assert driver.machine.lease_keys(7) == [b"a"]
    other.call(LeaseGrant(10, 8))
    driver.call(LeaseGrant(11, 8))
    assert driver.machine.chain != other.machine.chain


def test_leases_are_listed_in_portions(driver: Driver) -> None:
    for identity in (3, -1, 1, 2, -9):
        driver.call(LeaseGrant(10, identity))
    assert [identity for identity, _ in driver.machine.leases(None, 2)] == [1, 2]
    assert [identity for identity, _ in driver.machine.leases(2, 2)] == [3, -9]
    assert [identity for identity, _ in driver.machine.leases(-9, 2)] == [-1]
    assert driver.machine.leases(-1, 2) == []


def test_what_became_of_leases_is_told_once(driver: Driver) -> None:
    driver.call(LeaseGrant(10, 7))
    driver.call(Put(b"a", b"", lease=7))
    driver.call(LeaseRevoke(7))
    kinds = [(kind, [(identity, data is None) for identity, data in leases]) for kind, leases in told(driver.machine)]
    assert kinds == [(LeaseGrantResult, [(7, False)]), (LeaseRevokeResult, [(7, True)])]
    driver.machine.reload()
    assert told(driver.machine) == []


def told(machine: StateMachine) -> list[tuple[type, list[tuple[int, bytes | None]]]]:
    return list(machine.lease_changes)


def test_a_key_of_a_lease_is_found_where_it_is_the_last(driver: Driver) -> None:
    driver.call(LeaseGrant(10, -1))
    driver.call(Put(b"\xff" * 20, b"v", lease=-1))
    assert driver.machine.lease_keys(-1) == [b"\xff" * 20]
    assert driver.apply(LeaseRevoke(-1)).revision == 3
    assert driver.machine.read(Range(b"\0", b"\0")) == RangeResult([], False, 0)
