# SPDX-License-Identifier: Apache-2.0
"""Applying the log: refusals advance it, marks survive, and whatever should not happen stops before an effect."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mvcc.memory_store import MemoryStore
from tests.statemachine.driving import Driver
from tests.strategies import requests
from tricord.base.errors import (
    ApplyFailed,
    CorruptData,
    KeyspaceNotFound,
    LeaseNotFound,
    MalformedMessage,
    RevisionCompacted,
)
from tricord.base.log import Entry, EntryKind
from tricord.base.operations import (
    Compact,
    CompactResult,
    Compare,
    DeleteRange,
    Event,
    EventKind,
    KeyValue,
    Put,
    PutResult,
    Range,
    RangeResult,
    Request,
    Txn,
    is_read,
)
from tricord.base.ordered import META_APPLIED_INDEX, META_APPLIED_TERM, Table
from tricord.statemachine.applied import Applied
from tricord.statemachine.command import Command, encode_command, encode_envelope
from tricord.statemachine.machine import StateMachine


def normal(index: int, data: bytes, term: int = 1) -> Entry:
    return Entry(index, term, EntryKind.NORMAL, data)


def put_entry(index: int, key: bytes, value: bytes = b"", term: int = 1) -> Entry:
    return normal(index, encode_command(Put(key, value), None), term)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def test_a_configuration_is_recorded_where_the_log_has_it_and_survives(store: MemoryStore) -> None:
    machine = StateMachine(store)
    assert machine.configuration == b""
    before = machine.chain
    (answer,) = machine.apply([Entry(1, 3, EntryKind.CONFIGURATION, b"one")])
    assert answer == Applied(1, None, 1, [])
    assert machine.chain != before, "members compare what they have"
    machine.apply([put_entry(2, b"a"), Entry(3, 3, EntryKind.CONFIGURATION, b"two")])
    assert machine.configuration == b"two"
    again = StateMachine(store)
    assert (again.configuration, again.applied_index, again.chain) == (b"two", 3, machine.chain)


def test_another_state_in_the_store_is_taken_as_it_is(store: MemoryStore) -> None:
    machine = StateMachine(store)
    machine.apply([put_entry(1, b"a", b"old"), Entry(2, 1, EntryKind.CONFIGURATION, b"old")])
    other = MemoryStore()
    theirs = StateMachine(other)
    theirs.apply([put_entry(index, b"b", b"new", 4) for index in range(1, 8)])
    theirs.apply([Entry(8, 4, EntryKind.CONFIGURATION, b"new"), normal(9, encode_command(Compact(5), None), 4)])
    other.drain()
    store.replace_backend(other.backend)
    space = machine.keyspace()
    machine.reload()
    assert (machine.applied_index, machine.applied_term, machine.chain) == (9, 4, theirs.chain)
    assert (machine.configuration, machine.revision(), machine.compacted()) == (b"new", 8, 5)
    assert machine.keyspace() is space, "who holds it goes on with it"
    while not machine.sweep(2):
        pass
    assert machine.swept(5)
    machine.apply([put_entry(10, b"c", b"", 4)])
    theirs.apply([put_entry(10, b"c", b"", 4)])
    assert machine.chain == theirs.chain


def test_a_batch_answers_each_entry_in_order_with_revision_and_events(store: MemoryStore) -> None:
    machine = StateMachine(store)
    answers = machine.apply(
        [
            Entry(1, 3, EntryKind.NOOP, b""),
            put_entry(2, b"a", b"1", 3),
            normal(3, encode_command(Put(b"a", b"", lease=9), None), 3),
            Entry(4, 3, EntryKind.CONFIGURATION, b"whoever reads it"),
            normal(5, encode_command(DeleteRange(b"a"), None), 4),
        ]
    )
    kv = KeyValue(b"a", b"1", 2, 2, 1)
    gone = Event(EventKind.DELETE, KeyValue(b"a", b"", 0, 3, 0), kv)
    assert [answer.index for answer in answers] == [1, 2, 3, 4, 5]
    assert answers[0] == Applied(1, None, 1, [])
    assert answers[1] == Applied(2, PutResult(), 2, [Event(EventKind.PUT, kv, None)])
    assert isinstance(answers[2].outcome, LeaseNotFound)
    assert (answers[2].revision, answers[2].events) == (2, [])
    assert answers[3] == Applied(4, None, 2, [])
    assert (answers[4].revision, answers[4].events) == (3, [gone])
    assert (machine.applied_index, machine.applied_term, machine.revision()) == (5, 4, 3)


def test_a_refused_entry_advances_the_applied_index_for_good(store: MemoryStore) -> None:
    Driver(store).apply(Put(b"a", b"", lease=9))
    machine = StateMachine(store)
    assert (machine.applied_index, machine.revision()) == (1, 1)


def test_the_storage_finds_index_and_term_under_their_names(store: MemoryStore) -> None:
    StateMachine(store).apply([put_entry(1, b"a", term=7)])
    assert store.get(Table.META, META_APPLIED_INDEX) == (1).to_bytes(8, "big")
    assert store.get(Table.META, META_APPLIED_TERM) == (7).to_bytes(8, "big")


def test_a_restart_goes_on_where_the_store_is(store: MemoryStore) -> None:
    driver = Driver(store)
    for value in (b"1", b"2", b"3"):
        driver.apply(Put(b"a", value))
    driver.apply(Compact(3))
    store.drain()
    again = StateMachine(reopened(store))
    assert (again.applied_index, again.applied_term, again.revision(), again.compacted()) == (4, 1, 4, 3)
    assert again.chain == driver.machine.chain
    assert again.read(Range(b"a")) == RangeResult([KeyValue(b"a", b"3", 2, 4, 3)], False, 1)
    assert not again.swept(3)
    assert again.sweep(100)
    assert again.swept(3)


def reopened(store: MemoryStore) -> MemoryStore:
    """A new overlay on the same backend: what a process finds that starts after another ended."""
    again = MemoryStore()
    again.backend.commit(
        [(table, key, value) for table in Table for key, value in store.backend.view().scan(table, b"", None)]
    )
    again.drained()
    return again


def test_an_entry_that_does_not_follow_stops_the_machine(store: MemoryStore) -> None:
    machine = StateMachine(store)
    with pytest.raises(ApplyFailed, match="entry 2"):
        machine.apply([put_entry(2, b"a")])
    machine.apply([put_entry(1, b"a")])
    with pytest.raises(ApplyFailed, match="entry 1"):
        machine.apply([put_entry(1, b"a")])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (encode_envelope(Command(99, b"")), "operation 99 is not known"),
        (b"\x02" + encode_command(Put(b"a", b""), None)[1:], "format 2"),
        (b"", "unreadable"),
        (encode_envelope(Command(1, b"", session=4)), "not known to this version"),
        (encode_envelope(Command(1, b"", group=1)), "not known to this version"),
    ],
)
def test_a_command_of_another_version_stops_before_it_has_an_effect(store: MemoryStore, data: bytes, why: str) -> None:
    machine = StateMachine(store)
    with pytest.raises(ApplyFailed, match=f"entry 2 of term 5 .*{why}"):
        machine.apply([put_entry(1, b"a", b"1", 5), normal(2, data, 5), put_entry(3, b"a", b"3", 5)])
    again = StateMachine(store)
    assert (machine.applied_index, again.applied_index, again.applied_term, again.revision()) == (1, 1, 5, 2)
    assert again.read(Range(b"a")) == RangeResult([KeyValue(b"a", b"1", 2, 2, 1)], False, 1)


class DamagedStore(MemoryStore):
    """Every HEAD record of ``b`` reads as damaged."""

    def get(self, table: Table, key: bytes) -> bytes | None:
        if table == Table.HEAD and key.endswith(b"b"):
            raise CorruptData("backend", 4096, "checksum")
        return super().get(table, key)


def test_damage_met_while_applying_stops_before_any_effect_of_the_entry() -> None:
    store = DamagedStore()
    machine = StateMachine(store)
    machine.apply([put_entry(1, b"a")])
    before = store.everything()
    both = Txn([], [Put(b"a", b"2"), Put(b"b", b"2")], [])
    with pytest.raises(ApplyFailed, match=r"entry 2 of term 1 \(kind 0, TXN\).*CorruptData"):
        machine.apply([normal(2, encode_command(both, None))])
    assert store.everything() == before


def test_damage_met_while_reading_is_told_as_such() -> None:
    with pytest.raises(CorruptData):
        StateMachine(DamagedStore()).read(Range(b"b"))


def test_a_message_never_shows_what_an_entry_holds(store: MemoryStore) -> None:
    secret = encode_envelope(Command(99, b"secret", identity="secret"))
    with pytest.raises(ApplyFailed) as failure:
        StateMachine(store).apply([normal(1, secret)])
    assert "secret" not in str(failure.value)


def test_a_body_that_does_not_parse_is_refused_and_the_log_goes_on(store: MemoryStore) -> None:
    machine = StateMachine(store)
    refused, done = machine.apply([normal(1, encode_envelope(Command(1, b"\xff\xff"))), put_entry(2, b"a")])
    assert isinstance(refused.outcome, MalformedMessage)
    assert done.outcome == PutResult()
    assert machine.revision() == 2


@pytest.mark.parametrize(
    "request_",
    [
        Put(b"", b"v"),
        DeleteRange(b"", b"z"),
        Txn([], [Put(b"a", b"1"), Put(b"a", b"2")], []),
        Txn([], [Put(b"a", b"1"), Range(b"", b"z")], []),
        Txn([], [Put(b"a", b"1"), Range(b"a", b"z", sort_order=9)], []),
        Txn([], [Put(b"a", b"1"), Range(b"a", b"z", sort_target=9)], []),
        Put(b"a", b"v", ignore_value=True),
    ],
)
def test_a_bad_request_that_was_logged_anyway_is_refused_and_changes_nothing(
    store: MemoryStore, request_: Request
) -> None:
    machine = StateMachine(store)
    machine.apply([put_entry(1, b"kept")])
    head = list(store.scan(Table.HEAD, b"", None))
    (applied,) = machine.apply([normal(2, encode_command(request_, None))])
    assert isinstance(applied.outcome, Exception)
    assert (applied.revision, applied.events) == (2, [])
    assert list(store.scan(Table.HEAD, b"", None)) == head


any_number = st.one_of(
    st.just(0), st.sampled_from((-(1 << 63), -1, 1, 2, (1 << 63) - 1)), st.integers(-(1 << 63), (1 << 63) - 1)
)
any_choice = st.one_of(st.just(0), st.integers(-2, 9))
any_key = st.sampled_from((b"", b"a", b"b", b"\x00"))
hostile_operations = st.one_of(
    st.builds(Put, any_key, any_key, any_number, st.booleans(), st.booleans(), st.booleans()),
    st.builds(DeleteRange, any_key, any_key, st.booleans()),
    st.builds(
        Range,
        any_key,
        any_key,
        limit=any_number,
        revision=any_number,
        sort_order=any_choice,
        sort_target=any_choice,
        min_mod_revision=any_number,
        max_create_revision=any_number,
    ),
)
hostile_compares = st.one_of(
    st.builds(Compare, any_key, st.just(3), any_choice, any_key, any_key),
    st.builds(Compare, any_key, any_choice.filter(lambda target: target != 3), any_choice, any_number, any_key),
)
hostile_txns = st.builds(
    Txn,
    st.lists(hostile_compares, max_size=2),
    st.lists(st.one_of(hostile_operations, st.builds(Txn, st.just([]), st.lists(hostile_operations), st.just([])))),
    st.lists(hostile_operations),
)
hostile = st.one_of(
    hostile_txns, hostile_operations.filter(lambda one: not is_read(one)), st.builds(Compact, any_number)
)


@settings(max_examples=200, deadline=None)
@given(st.lists(hostile, max_size=6), st.lists(st.tuples(st.integers(1, 4), st.binary(max_size=12)), max_size=4))
def test_no_request_however_wrong_stops_the_machine(log: list[Request], bodies: list[tuple[int, bytes]]) -> None:
    machine = StateMachine(MemoryStore())
    commands = [encode_command(request, None) for request in log]
    commands += [encode_envelope(Command(operation, body)) for operation, body in bodies]
    machine.apply([put_entry(1, b"a"), put_entry(2, b"b")])
    answers = machine.apply([normal(index, command) for index, command in enumerate(commands, 3)])
    assert len(answers) == len(commands)
    assert all(answer.outcome is not None for answer in answers)


def test_a_keyspace_that_is_not_there_is_refused(store: MemoryStore) -> None:
    machine = StateMachine(store)
    (applied,) = machine.apply([normal(1, encode_command(Put(b"a", b""), None, keyspace=5))])
    assert isinstance(applied.outcome, KeyspaceNotFound)
    with pytest.raises(KeyspaceNotFound):
        machine.read(Range(b"a"), 5)


def test_who_asked_travels_with_the_command(store: MemoryStore) -> None:
    driver = Driver(store)
    (applied,) = driver.machine.apply([driver.entry(Put(b"a", b"1"), identity="ana")])
    assert applied.outcome == PutResult()


def test_a_compaction_moves_the_mark_at_once_and_is_swept_in_slices(store: MemoryStore) -> None:
    driver = Driver(store)
    for number in range(5):
        driver.apply(Put(b"a", b"%d" % number))
    assert driver.apply(Compact(6)).outcome == CompactResult()
    with pytest.raises(RevisionCompacted):
        driver.call(Range(b"a", revision=5))
    assert store.count(Table.HISTORY, b"", None) == 4
    assert not driver.machine.sweep(3)
    assert not driver.machine.swept(6)
    assert driver.machine.sweep(3)
    assert driver.machine.swept(6)
    assert store.count(Table.HISTORY, b"", None) == 0
    assert isinstance(driver.apply(Compact(6)).outcome, RevisionCompacted)
    assert driver.machine.sweep(3)


def test_a_second_compaction_overtakes_a_sweep(store: MemoryStore) -> None:
    driver = Driver(store)
    for number in range(8):
        driver.apply(Put(b"a", b"%d" % number))
    driver.apply(Compact(5))
    assert not driver.machine.sweep(2)
    driver.apply(Compact(9))
    while not driver.machine.sweep(2):
        pass
    assert driver.machine.swept(9)
    assert store.count(Table.HISTORY, b"", None) == 0
    assert store.count(Table.REVISIONS, b"", None) == 1


writes = st.lists(requests.filter(lambda request: not is_read(request)), max_size=12)


@settings(max_examples=100, deadline=None)
@given(writes, st.data())
def test_the_same_log_gives_the_same_bytes_however_it_is_cut_into_batches(
    history: list[Request], data: st.DataObject
) -> None:
    log = [normal(index, encode_command(request, None)) for index, request in enumerate(history, 1)]
    whole, cut = MemoryStore(), MemoryStore()
    StateMachine(whole).apply(log)
    rest = log
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        StateMachine(cut).apply(rest[:size])
        cut.drain()
        rest = rest[size:]
    if log:
        assert cut.everything() == whole.everything()


def test_the_chain_tells_apart_logs_that_wrote_different_things(store: MemoryStore) -> None:
    one, two, three = (StateMachine(MemoryStore()) for _ in range(3))
    one.apply([put_entry(1, b"a", b"1"), put_entry(2, b"b", b"2")])
    two.apply([put_entry(1, b"b", b"2"), put_entry(2, b"a", b"1")])
    three.apply([put_entry(1, b"a", b"1")])
    assert len({one.chain, two.chain, three.chain}) == 3
    before = three.chain
    three.apply([normal(2, encode_command(Compact(2), None))])
    assert three.chain != before


def test_reads_are_reads_alone(store: MemoryStore) -> None:
    machine = StateMachine(store)
    assert machine.read(Txn([], [Range(b"a")], [])).results == [RangeResult([], False, 0)]  # type: ignore[union-attr]
    with pytest.raises(AssertionError):
        machine.read(Txn([], [Put(b"a", b"")], []))
    assert machine.revision() == 1
