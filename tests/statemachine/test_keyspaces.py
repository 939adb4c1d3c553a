# SPDX-License-Identifier: Apache-2.0
"""Keyspaces in the log: made, written, dropped and swept, the same on every member and after a restart."""

from __future__ import annotations

import pytest

from tests.mvcc.memory_store import MemoryStore
from tests.statemachine.driving import Driver
from tricord.base.errors import (
    ApplyFailed,
    CorruptData,
    InvalidRequest,
    KeyspaceExists,
    KeyspaceNotFound,
    LeaseNotFound,
    ResourceExhausted,
)
from tricord.base.keyspaces import (
    DEFAULT_RECORD,
    KEYSPACES_MAX,
    KeyspaceCreate,
    KeyspaceCreateResult,
    KeyspaceDrop,
    KeyspaceDropResult,
    KeyspaceRecord,
    Model,
)
from tricord.base.leases import LeaseGrant, LeaseRevoke
from tricord.base.log import Entry, EntryKind
from tricord.base.operations import Compact, DeleteRange, Put, Range, RangeResult, Request
from tricord.base.ordered import Table
from tricord.base.values import DataType
from tricord.statemachine import catalogue
from tricord.statemachine.applied import Applied
from tricord.statemachine.command import Command, CommandOperation, encode_command, encode_envelope
from tricord.statemachine.machine import StateMachine

CARTS = KeyspaceRecord(1, "carts", Model.STRONG)


@pytest.fixture
def driver() -> Driver:
    return Driver(MemoryStore())


def apply(driver: Driver, request: Request, keyspace: int) -> Applied:
    data = encode_command(request, None, keyspace=keyspace)
    entry = Entry(driver.machine.applied_index + 1, 1, EntryKind.NORMAL, data)
    (applied,) = driver.machine.apply([entry])
    driver.log.append(entry)
    return applied


def values(machine: StateMachine, keyspace: int) -> dict[bytes, tuple[bytes, int]]:
    found = machine.read(Range(b"\0", b"\0"), keyspace)
    assert isinstance(found, RangeResult)
    return {kv.key: (kv.value, kv.mod_revision) for kv in found.kvs}


def rows(driver: Driver, keyspace: int) -> int:
    prefix, stop = keyspace.to_bytes(4, "big"), (keyspace + 1).to_bytes(4, "big")
    tables = (Table.HEAD, Table.HISTORY, Table.REVISIONS)
    return sum(driver.store.count(table, prefix, stop) for table in tables) + sum(
        key[8:12] == prefix for key, _ in driver.store.scan(Table.LEASE_KEYS, b"", None)
    )


def test_a_keyspace_has_keys_and_revisions_of_its_own(driver: Driver) -> None:
    assert driver.call(KeyspaceCreate("carts")) == KeyspaceCreateResult(CARTS)
    driver.call(Put(b"a", b"in default"))
    assert apply(driver, Put(b"a", b"in carts"), 1).revision == 2
    assert apply(driver, Put(b"b", b"too"), 1).revision == 3
    assert values(driver.machine, 0) == {b"a": (b"in default", 2)}
    assert values(driver.machine, 1) == {b"a": (b"in carts", 2), b"b": (b"too", 3)}
    assert (driver.machine.revision(0), driver.machine.revision(1)) == (2, 3)


def test_a_restart_and_another_member_know_the_same(driver: Driver) -> None:
    driver.call(KeyspaceCreate("carts"))
    driver.call(KeyspaceCreate("gone"))
    driver.call(KeyspaceCreate("slow", Model.CAUSAL))
    driver.call(KeyspaceCreate("visits", Model.EVENTUAL, DataType.COUNTER))
    apply(driver, Put(b"a", b"1"), 1)
    driver.call(KeyspaceDrop("gone"))
    other = StateMachine(MemoryStore())
    other.apply(driver.log)
    chain, records = driver.machine.chain, driver.machine.catalogue.records
    driver.restart()
    for machine in (driver.machine, other):
        assert machine.chain == chain
        assert machine.catalogue.records == records
        assert machine.catalogue.find("visits").type is DataType.COUNTER
        assert machine.catalogue.dropped == [2]
        assert machine.keyspaces == [0, 1], "a causal one is not the state machine's to write"
        assert values(machine, 1) == {b"a": (b"1", 2)}


def test_a_machine_whose_store_is_replaced_knows_the_new_ones(driver: Driver) -> None:
    """As when a snapshot is installed."""
    lagging = StateMachine(store := MemoryStore())
    driver.call(KeyspaceCreate("carts"))
    apply(driver, Put(b"a", b"1"), 1)
    store.write([(table, *row) for table in Table for row in driver.store.scan(table, b"", None)])
    lagging.reload()
    assert lagging.catalogue.records == [DEFAULT_RECORD, CARTS]
    assert values(lagging, 1) == {b"a": (b"1", 2)}


def test_what_is_refused_changes_nothing(driver: Driver) -> None:
    driver.call(KeyspaceCreate("carts"))
    for request, refusal in (
        (KeyspaceCreate("carts"), KeyspaceExists),
        (KeyspaceCreate("default"), KeyspaceExists),
        (KeyspaceCreate("Carts"), InvalidRequest),
        (KeyspaceCreate(""), InvalidRequest),
        (KeyspaceCreate("a" * 65), InvalidRequest),
        (KeyspaceCreate("a\n"), InvalidRequest),
        (KeyspaceCreate("typed", Model.STRONG, DataType.REGISTER), InvalidRequest),
        (KeyspaceDrop("default"), InvalidRequest),
        (KeyspaceDrop("nobody"), KeyspaceNotFound),
    ):
        chain, store = driver.machine.chain, driver.machine.catalogue.records
        applied = driver.apply(request)
        assert type(applied.outcome) is refusal, request
        assert (driver.machine.chain, driver.machine.catalogue.records) == (chain, store)
    assert type(apply(driver, Put(b"a", b"1"), 9).outcome) is KeyspaceNotFound


def test_there_is_a_most(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    assert KEYSPACES_MAX == 1000
    monkeypatch.setattr(catalogue, "KEYSPACES_MAX", 3)
    driver.call(KeyspaceCreate("one"))
    driver.call(KeyspaceCreate("two"))
    assert type(driver.apply(KeyspaceCreate("three")).outcome) is ResourceExhausted
    driver.call(KeyspaceDrop("one"))
    driver.call(KeyspaceCreate("three"))


def test_a_dropped_keyspace_is_gone_at_once_and_swept_in_slices(driver: Driver) -> None:
    driver.call(LeaseGrant(60, 7))
    driver.call(KeyspaceCreate("carts"))
    driver.call(Put(b"mine", b"1", lease=7))
    for turn in range(5):
        apply(driver, Put(b"k%d" % turn, b"1", lease=7), 1)
        apply(driver, Put(b"k%d" % turn, b"2", lease=7 * (turn % 2)), 1)
    apply(driver, DeleteRange(b"k0"), 1)
    assert driver.call(KeyspaceDrop("carts")) == KeyspaceDropResult(CARTS)
    with pytest.raises(KeyspaceNotFound):
        driver.machine.read(Range(b"k1"), 1)
    assert type(apply(driver, Put(b"k1", b"3"), 1).outcome) is KeyspaceNotFound
    chain = driver.machine.chain
    assert rows(driver, 1), "to be swept"
    slices = 1
    while not driver.machine.sweep(3):
        slices += 1
        if slices == 3:
            driver.restart()  # a sweep that was interrupted goes on
    assert slices > 5
    assert not rows(driver, 1)
    assert not [name for name, _ in driver.store.scan(Table.META, b"catalogue/dropped/", b"catalogue/dropped0")]
    assert driver.machine.chain == chain, "members sweep at their own pace"
    assert not driver.machine.has_to_sweep
    driver.restart()
    assert driver.machine.catalogue.dropped == []
    assert values(driver.machine, 0) == {b"mine": (b"1", 2)}
    assert driver.machine.lease_keys(7) == [b"mine"]


def test_an_id_is_never_used_again(driver: Driver) -> None:
    driver.call(KeyspaceCreate("carts"))
    apply(driver, Put(b"old", b"1"), 1)
    driver.call(KeyspaceDrop("carts"))
    driver.restart()
    assert driver.call(KeyspaceCreate("carts")) == KeyspaceCreateResult(KeyspaceRecord(2, "carts", Model.STRONG))
    assert values(driver.machine, 2) == {}


def test_a_lease_takes_its_keys_with_it_wherever_they_are(driver: Driver) -> None:
    driver.call(LeaseGrant(60, 7))
    driver.call(KeyspaceCreate("carts"))
    driver.call(KeyspaceCreate("other"))
    driver.call(Put(b"a", b"1", lease=7))
    apply(driver, Put(b"b", b"1", lease=7), 1)
    apply(driver, Put(b"c", b"1", lease=7), 1)
    apply(driver, Put(b"stays", b"1"), 2)
    applied = driver.apply(LeaseRevoke(7))
    assert [(event.key, event.revision) for event in applied.events] == [(b"a", 3)]
    ((keyspace, revision, events),) = applied.elsewhere
    assert (keyspace, revision) == (1, 4)
    assert [(event.key, event.revision) for event in events] == [(b"b", 4), (b"c", 4)]
    assert [list(applied.within(one)) for one in (0, 1, 2)] == [[(3, list(applied.events))], [(4, list(events))], []]
    assert (values(driver.machine, 1), values(driver.machine, 2)) == ({}, {b"stays": (b"1", 2)})
    assert type(apply(driver, Put(b"b", b"2", lease=7), 1).outcome) is LeaseNotFound
    chain = driver.machine.chain
    other = StateMachine(MemoryStore())
    other.apply(driver.log)
    assert other.chain == chain
    driver.restart()
    assert driver.machine.revision(1) == 4


def test_each_is_compacted_and_swept_by_itself(driver: Driver) -> None:
    driver.call(KeyspaceCreate("carts"))
    for turn in range(4):
        driver.call(Put(b"a", b"%d" % turn))
        apply(driver, Put(b"a", b"%d" % turn), 1)
    apply(driver, Compact(4), 1)
    driver.call(Compact(3))
    assert (driver.machine.compacted(0), driver.machine.compacted(1)) == (3, 4)
    while not driver.machine.sweep(1):
        pass
    assert driver.machine.swept(3, 0)
    assert driver.machine.swept(4, 1)
    driver.restart()
    assert (driver.machine.compacted(0), driver.machine.compacted(1)) == (3, 4)
    assert not driver.machine.has_to_sweep


def test_a_model_of_a_later_version_stops_the_member_before_any_effect(driver: Driver) -> None:
    later = encode_envelope(Command(CommandOperation.KEYSPACE_CREATE, b"\x0a\x01a\x10\x63"))
    with pytest.raises(ApplyFailed, match="model 99 is not known"):
        driver.machine.apply([Entry(1, 1, EntryKind.NORMAL, later)])
    assert driver.machine.applied_index == 0
    assert driver.machine.catalogue.records == [DEFAULT_RECORD]


def test_a_damaged_record_is_said(driver: Driver) -> None:
    driver.call(KeyspaceCreate("carts"))
    for damage in (b"", b"\1", b"\1\1", b"\1\x09\0carts", b"\2\1\0carts", b"\1\1\0\xff", b"\1\2\x63carts"):
        driver.store.write([(Table.META, catalogue.META_RECORDS + b"\0\0\0\1", damage)])
        with pytest.raises(CorruptData):
            driver.restart()
