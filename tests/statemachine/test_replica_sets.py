# SPDX-License-Identifier: Apache-2.0
"""Who holds a keyspace, in the log: numbers that are given once, the same on every member and after a restart."""

from __future__ import annotations

import pytest

from tests.mvcc.memory_store import MemoryStore
from tests.statemachine.driving import Driver
from tricord.base.alarms import AlarmChange, AlarmKind
from tricord.base.errors import (
    ApplyFailed,
    CorruptCluster,
    CorruptData,
    InvalidRequest,
    KeyspaceNotFound,
    NoSpace,
    ResourceExhausted,
    TooManyEdges,
)
from tricord.base.keyspaces import KeyspaceCreate, KeyspaceDrop, Model
from tricord.base.log import Entry, EntryKind
from tricord.base.operations import Request
from tricord.base.ordered import Table
from tricord.base.replica_sets import (
    EDGES_MAX,
    REPLICA_MAX,
    EdgeReplica,
    MemberReplica,
    ReplicaAttach,
    ReplicaAttachResult,
    ReplicaRetire,
    ReplicaRetireResult,
    ReplicaSet,
)
from tricord.statemachine import replica_sets
from tricord.statemachine.alarms import refusal_of
from tricord.statemachine.command import Command, CommandOperation, encode_envelope
from tricord.statemachine.machine import StateMachine

CARTS = 1
ONE, TWO = MemberReplica(0xA1), MemberReplica(0xA2)
EDGE = EdgeReplica(b"e" * 16)


@pytest.fixture
def driver() -> Driver:
    """Keyspaces: 1 is causal, 2 strong, 3 eventual."""
    driver = Driver(MemoryStore())
    for name, model in (("carts", Model.CAUSAL), ("strong", Model.STRONG), ("likes", Model.EVENTUAL)):
        driver.call(KeyspaceCreate(name, model))
    return driver


def number(driver: Driver, request: ReplicaAttach) -> int:
    result = driver.call(request)
    assert isinstance(result, ReplicaAttachResult)
    return result.number


def rows(driver: Driver) -> int:
    return driver.store.count(Table.META, b"catalogue/replica/", b"catalogue/replica0") + driver.store.count(
        Table.META, b"catalogue/set/", b"catalogue/set0"
    )


def test_numbers_count_from_one_and_the_same_holder_keeps_its_own(driver: Driver) -> None:
    assert driver.machine.catalogue.replicas(CARTS) == ReplicaSet(0, {}, 1)
    assert driver.call(ReplicaAttach(CARTS, ONE)) == ReplicaAttachResult(1, 1)
    assert driver.call(ReplicaAttach(CARTS, EDGE)) == ReplicaAttachResult(2, 2)
    changes = driver.machine.catalogue.changes
    assert driver.call(ReplicaAttach(CARTS, ONE)) == ReplicaAttachResult(1, 2)
    assert driver.machine.catalogue.changes == changes
    assert driver.call(ReplicaAttach(3, ONE)) == ReplicaAttachResult(1, 1), "each keyspace counts by itself"
    assert driver.machine.catalogue.replicas(CARTS) == ReplicaSet(2, {1: ONE, 2: EDGE}, 3)
    assert driver.machine.catalogue.changes == changes + 1


def test_a_retired_number_is_never_given_again(driver: Driver) -> None:
    for holder in (ONE, EDGE):
        driver.call(ReplicaAttach(CARTS, holder))
    assert driver.call(ReplicaRetire(CARTS, 2)) == ReplicaRetireResult(3)
    assert driver.call(ReplicaRetire(CARTS, 2)) == ReplicaRetireResult(3), "retired it stays"
    driver.restart()
    assert number(driver, ReplicaAttach(CARTS, EDGE)) == 3, "it comes back as another"
    found = driver.machine.catalogue.replicas(CARTS)
    assert (found.epoch, found.retired, sorted(found.active)) == (4, [2], [1, 3])
    assert [found.is_retired(one) for one in range(5)] == [False, False, True, False, False]
    assert (found.number_of(EDGE), found.number_of(TWO), found.edges) == (3, 0, [3])


def test_a_former_number_is_retired_in_the_same_step(driver: Driver) -> None:
    driver.call(ReplicaAttach(CARTS, ONE))
    driver.call(ReplicaAttach(CARTS, TWO))
    again = ReplicaAttach(CARTS, ONE, former=1)
    assert driver.call(again) == ReplicaAttachResult(3, 3)
    assert driver.call(again) == ReplicaAttachResult(3, 3), "asked twice, given once"
    assert number(driver, ReplicaAttach(CARTS, TWO, former=3)) == 2, "another's number is not its own to retire"
    assert number(driver, ReplicaAttach(CARTS, EDGE, former=77)) == 4
    assert driver.machine.catalogue.replicas(CARTS) == ReplicaSet(4, {2: TWO, 3: ONE, 4: EDGE}, 5)


def test_a_restart_another_member_and_a_snapshot_know_the_same(driver: Driver) -> None:
    lagging = StateMachine(store := MemoryStore())
    for holder in (ONE, TWO, EDGE):
        driver.call(ReplicaAttach(CARTS, holder))
    driver.call(ReplicaRetire(CARTS, 1))
    driver.call(ReplicaAttach(3, EDGE))
    other = StateMachine(MemoryStore())
    other.apply(driver.log)
    store.write([(table, *row) for table in Table for row in driver.store.scan(table, b"", None)])
    changes = lagging.catalogue.changes
    lagging.reload()
    assert lagging.catalogue.changes > changes
    chain, expected = driver.machine.chain, [driver.machine.catalogue.replicas(one) for one in (CARTS, 3)]
    assert expected == [ReplicaSet(4, {2: TWO, 3: EDGE}, 4), ReplicaSet(1, {1: EDGE}, 2)]
    driver.restart()
    for machine in (driver.machine, other, lagging):
        assert machine.chain == chain
        assert [machine.catalogue.replicas(one) for one in (CARTS, 3)] == expected


def test_a_drop_takes_the_set_with_it(driver: Driver) -> None:
    driver.call(ReplicaAttach(3, ONE))
    for holder in (ONE, TWO, EDGE):
        driver.call(ReplicaAttach(CARTS, holder))
    driver.call(ReplicaRetire(CARTS, 2))
    driver.call(KeyspaceDrop("carts"))
    assert rows(driver) == 2, "those of the other keyspace"
    for request in (ReplicaAttach(CARTS, ONE), ReplicaRetire(CARTS, 1)):
        assert type(driver.apply(request).outcome) is KeyspaceNotFound
    with pytest.raises(KeyspaceNotFound):
        driver.machine.catalogue.replicas(CARTS)
    driver.call(KeyspaceCreate("carts", Model.CAUSAL))
    assert number(driver, ReplicaAttach(4, ONE)) == 1


def test_what_is_refused_changes_nothing(driver: Driver) -> None:
    driver.call(ReplicaAttach(CARTS, ONE))
    refused: list[tuple[Request, type[Exception]]] = [
        (ReplicaAttach(0, ONE), InvalidRequest),
        (ReplicaAttach(2, ONE), InvalidRequest),
        (ReplicaAttach(9, ONE), KeyspaceNotFound),
        (ReplicaRetire(2, 1), InvalidRequest),
        (ReplicaRetire(9, 1), KeyspaceNotFound),
        (ReplicaRetire(CARTS, 2), InvalidRequest),
        (ReplicaRetire(CARTS, 1), InvalidRequest),
    ]
    for request, refusal in refused:
        chain, found = driver.machine.chain, driver.machine.catalogue.replicas(CARTS)
        assert type(driver.apply(request).outcome) is refusal, request
        assert (driver.machine.chain, driver.machine.catalogue.replicas(CARTS)) == (chain, found)
        assert rows(driver) == 2


@pytest.mark.parametrize(
    "request_",
    [
        ReplicaAttach(CARTS, MemberReplica(0)),
        ReplicaAttach(CARTS, MemberReplica(1 << 64)),
        ReplicaAttach(CARTS, EdgeReplica(b"short")),
        ReplicaAttach(1 << 32, ONE),
        ReplicaAttach(CARTS, ONE, former=-1),
        ReplicaRetire(CARTS, 0),
        ReplicaRetire(CARTS, REPLICA_MAX + 1),
    ],
)
def test_what_cannot_be_is_refused_before_it_is_logged(driver: Driver, request_: Request) -> None:
    with pytest.raises(InvalidRequest):
        driver.call(request_)


def test_the_1025th_edge_is_refused_until_another_is_retired(driver: Driver) -> None:
    driver.call(ReplicaAttach(CARTS, ONE))
    for edge in range(EDGES_MAX):
        driver.call(ReplicaAttach(CARTS, EdgeReplica(edge.to_bytes(16, "big"))))
    with pytest.raises(TooManyEdges, match="1024 edges"):
        driver.call(ReplicaAttach(CARTS, EDGE))
    assert number(driver, ReplicaAttach(CARTS, EdgeReplica(bytes(16)))) == 2, "those that are there go on"
    assert number(driver, ReplicaAttach(CARTS, EdgeReplica(bytes(16)), former=2)) == EDGES_MAX + 2
    assert number(driver, ReplicaAttach(CARTS, TWO)) == EDGES_MAX + 3, "members are not counted"
    driver.call(ReplicaRetire(CARTS, 3))
    assert number(driver, ReplicaAttach(CARTS, EDGE)) == EDGES_MAX + 4
    assert number(driver, ReplicaAttach(3, EDGE)) == 1, "each keyspace has so many"


def test_numbers_end_at_32_bits(driver: Driver) -> None:
    last = replica_sets._SET.pack(1, 7, REPLICA_MAX)
    driver.store.write([(Table.META, replica_sets.META_SETS + b"\0\0\0\1", last)])
    driver.restart()
    assert driver.call(ReplicaAttach(CARTS, ONE)) == ReplicaAttachResult(REPLICA_MAX, 8)
    with pytest.raises(ResourceExhausted, match="every number"):
        driver.call(ReplicaAttach(CARTS, TWO))


@pytest.mark.parametrize(
    ("alarm", "attach", "retire"),
    [(AlarmKind.NOSPACE, NoSpace, ReplicaRetireResult), (AlarmKind.CORRUPT, CorruptCluster, CorruptCluster)],
)
def test_alarms_refuse_what_they_refuse_of_keyspaces(
    driver: Driver, alarm: AlarmKind, attach: type[object], retire: type[object]
) -> None:
    driver.call(AlarmChange(1, alarm, raised=True))
    assert type(refusal_of(driver.machine.alarms, ReplicaAttach(CARTS, ONE))) is attach
    refused = refusal_of(driver.machine.alarms, ReplicaRetire(CARTS, 1))
    assert refused is None if retire is ReplicaRetireResult else type(refused) is retire


def test_a_holder_of_a_later_version_stops_the_member_before_any_effect(driver: Driver) -> None:
    for body in (b"\x08\x01", b"\x08\x01\x1a\x01a", b"\x08\x01\x10\x01\x1a\x10" + b"e" * 16, b"\xff"):
        later = encode_envelope(Command(CommandOperation.REPLICA_ATTACH, body))
        applied = driver.machine.applied_index
        with pytest.raises(ApplyFailed):
            driver.machine.apply([Entry(applied + 1, 1, EntryKind.NORMAL, later)])
        assert driver.machine.applied_index == applied
    assert not rows(driver)


def test_a_damaged_record_is_said(driver: Driver) -> None:
    driver.call(ReplicaAttach(CARTS, ONE))
    places = (replica_sets.META_SETS + b"\0\0\0\1", replica_sets.META_REPLICAS + b"\0\0\0\1\0\0\0\1")
    for place in places:
        whole = driver.store.get(Table.META, place)
        assert whole is not None
        for damage in (b"", whole[:-1], b"\x07" + whole[1:], whole + b"a"):
            driver.store.write([(Table.META, place, damage)])
            with pytest.raises(CorruptData):
                driver.restart()
        driver.store.write([(Table.META, place, whole)])
    driver.restart()
