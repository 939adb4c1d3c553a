# SPDX-License-Identifier: Apache-2.0
"""The redo log of a replica: what it gives back, what a crash leaves, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tricord.base.environment import Disk
from tricord.base.errors import CorruptData
from tricord.base.ordered import Table
from tricord.storage.memory_disk import MemoryDisk, PowerLost
from tricord.storage.overlay import Records
from tricord.storage.replica_log import META_LOGGED, SEGMENT_BYTES, ReplicaLog, open_replica_log
from tricord.storage.replica_storage import ReplicaStorage, open_replica_storage
from tricord.storage.wal import Wal
from tricord.storage.wal_format import Record

MAP_SIZE = 64 << 20


def put(key: bytes, value: bytes | None) -> Records:
    return {Table.CELLS: {key: value}}


def opened(disk: Disk, directory: str, held: int = 0) -> tuple[ReplicaLog, list[tuple[int, Records]]]:
    found: list[tuple[int, Records]] = []
    return open_replica_log(disk, directory, held, lambda index, records: found.append((index, records))), found


def storage_at(disk: Disk, data: str) -> ReplicaStorage:
    return open_replica_storage(disk, data, 7, 1, map_size=MAP_SIZE)


def test_a_start_gets_the_groups_that_the_tables_do_not_hold(disk: Disk, root: str) -> None:
    log, found = opened(disk, f"{root}/log")
    assert (log.last, found) == (0, [])
    groups: list[Records] = [put(b"a", b"1"), {Table.CELLS: {b"a": None, b"b": b""}, Table.META: {b"m": b"2"}}]
    for records in groups:
        log.append(records)
    log.close()
    log, found = opened(disk, f"{root}/log")
    assert (log.last, found) == (2, list(enumerate(groups, 1)))
    log.close()
    log, found = opened(disk, f"{root}/log", held=1)
    assert (log.last, found) == (2, [(2, groups[1])])
    log.append(put(b"c", b"3"))
    log.seal()
    log.close()
    log, found = opened(disk, f"{root}/log", held=3)
    assert (log.last, found) == (3, [])
    log.close()


def test_segments_whose_groups_the_tables_hold_go() -> None:
    disk = MemoryDisk()
    log, _ = opened(disk, "log")
    for number in range(6):
        log.append(put(b"key %d" % number, bytes(SEGMENT_BYTES // 2)))
    before = len(disk.list("log"))
    log.cut(4)
    assert before - len(disk.list("log")) >= 2
    log.close()
    log, found = opened(disk, "log", held=4)
    assert [index for index, _ in found] == [5, 6]
    log.cut(6)
    log.append(put(b"last", b""))
    log.close()
    _, found = opened(disk, "log", held=6)
    assert [index for index, _ in found] == [7]


def test_what_lies_between_tables_and_log_is_refused() -> None:
    disk = MemoryDisk()
    log, _ = opened(disk, "log")
    for number in range(6):
        log.append(put(b"key %d" % number, bytes(SEGMENT_BYTES // 2)))
    with pytest.raises(CorruptData, match="ends at 6, the tables hold 7"):
        opened(disk, "log", held=7)
    log.cut(4)
    with pytest.raises(CorruptData, match="the tables end at 0"):
        opened(disk, "log", held=0)
    with pytest.raises(CorruptData, match="gone"):
        opened(disk, "elsewhere", held=1)


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (Record(0, 0, b""), "is no group"),
        (Record(1, 0, b"\xc1"), "cannot be read"),
        (Record(1, 0, b"\x92\x01\x81\x63\x80"), "cannot be read"),  # table 99
        (Record(1, 0, b"\x92\x02\x80"), "begins at 2"),
    ],
)
def test_records_that_are_no_groups_are_refused(record: Record, why: str) -> None:
    disk = MemoryDisk()
    wal = Wal.create(disk, "log", cluster=0, history=0, segment_bytes=SEGMENT_BYTES)
    wal.append([record])
    with pytest.raises(CorruptData, match=why):
        opened(disk, "log")


def test_tables_follow_the_log_and_say_how_far(disk: Disk, root: str) -> None:
    storage = storage_at(disk, root)
    storage.overlay.write([(Table.CELLS, b"a", b"1")])
    taken = storage.overlay.take().records()
    assert storage.overlay.committed.get(Table.CELLS, b"a") is None, "not durable yet"
    storage.log.append(taken)
    storage.logged(taken)
    assert storage.overlay.committed.get(Table.CELLS, b"a") == b"1"
    storage.close()  # without a commit of the backend
    storage = storage_at(disk, root)
    assert storage.overlay.get(Table.CELLS, b"a") == b"1"
    storage.overlay.write([(Table.CELLS, b"a", b"2")])
    storage.commit()
    storage.close()
    storage = storage_at(disk, root)
    assert storage.backend.view().get(Table.META, META_LOGGED) == (2).to_bytes(8, "big")
    assert [storage.tables.active_bytes, storage.overlay.get(Table.CELLS, b"a")] == [0, b"2"]


_KEYS = st.binary(min_size=1, max_size=2)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.dictionaries(_KEYS, st.none() | st.binary(max_size=3), min_size=1, max_size=4), st.booleans()),
        max_size=12,
    ),
    st.integers(1, 160),
)
def test_a_power_cut_leaves_all_that_was_logged_and_nothing_by_halves(
    steps: list[tuple[dict[bytes, bytes | None], bool]], cut_at: int
) -> None:
    """Groups, some of them with a commit of the backend behind: what a start finds is the state after one of them, and
    not one before the last that was acknowledged."""
    disk = MemoryDisk(seed=cut_at)
    disk.cut_at = cut_at
    states: list[dict[bytes, bytes]] = [{}]
    acknowledged = 0
    try:
        storage = storage_at(disk, "data")
        for records, commits in steps:
            merged = {**states[-1], **records}
            states.append({key: value for key, value in merged.items() if value is not None})
            storage.overlay.write([(Table.CELLS, key, value) for key, value in records.items()])
            taken = storage.overlay.take().records()
            storage.log.append(taken)
            storage.logged(taken)
            acknowledged = len(states) - 1
            if commits:
                storage.commit()
    except PowerLost:
        pass
    disk.power_cut()
    storage = storage_at(disk, "data")
    found = dict(storage.overlay.scan(Table.CELLS, b"", None))
    assert found in states[acknowledged:]
    storage.commit()
    storage.close()
    assert dict(storage_at(disk, "data").overlay.scan(Table.CELLS, b"", None)) == found
