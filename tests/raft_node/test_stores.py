# SPDX-License-Identifier: Apache-2.0
"""What every store promises, in memory and on a disk; and what the one on a disk adds: it survives."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.raft_node.world import SEGMENT_BYTES
from tricord.base.errors import CorruptData, DiskFull, NewerFormat
from tricord.base.log import Entry, EntryKind, HardState
from tricord.base.membership import Configuration
from tricord.raft_node import SnapshotInfo, Stores, memory_stores, open_disk_stores
from tricord.sim.environment import SeededRandom
from tricord.storage.memory_disk import MemoryDisk

Open = Callable[[], Stores]


def entries(first: int, last: int, term: int = 1) -> list[Entry]:
    return [Entry(index, term, EntryKind.NORMAL, b"%d" % index) for index in range(first, last + 1)]


def on_disk(disk: MemoryDisk) -> Stores:
    return open_disk_stores(disk, SeededRandom(1), "/data", "a", segment_bytes=SEGMENT_BYTES)


def in_memory(stores: Stores) -> Open:
    return lambda: stores


@pytest.fixture(params=["memory", "disk"])
def opened(request: pytest.FixtureRequest) -> Open:
    """Opens the same stores, again and again."""
    if request.param == "memory":
        return in_memory(memory_stores())
    disk = MemoryDisk()
    return lambda: on_disk(disk)


def close(stores: Stores) -> None:
    stores.log.close(clean=True)
    stores.close()


def save(stores: Stores, info: SnapshotInfo, data: bytes = b"state") -> SnapshotInfo:
    sink = stores.snapshots.create(info)
    for place in range(len(data)):
        assert sink.write(data[place : place + 1]) == 1
    return sink.commit()


def snapshot(index: int, kept_from: int, *, installed: bool = False) -> SnapshotInfo:
    return SnapshotInfo(index, 1, Configuration((1, 2), info={1: b"one"}), kept_from, installed=installed)


def test_a_log_holds_consecutive_entries_of_which_the_last_may_be_replaced(opened: Open) -> None:
    stores = opened()
    log = stores.log
    assert (log.first_index, log.last_index, log.get(1)) == (1, 0, None)
    log.append(entries(1, 5))
    log.append(entries(4, 6, term=2))
    assert (log.first_index, log.last_index) == (1, 6)
    found = [log.get(index) for index in range(8)]
    assert found == [None, *entries(1, 3), *entries(4, 6, term=2), None]
    with pytest.raises(AssertionError):
        log.append(entries(8, 8))
    log.mark()
    close(stores)
    log = opened().log
    assert [log.get(index) for index in range(8)] == found


def test_a_log_is_cut_from_the_front_and_never_between(opened: Open) -> None:
    log = opened().log
    log.append(entries(1, 10))
    log.cut_before(4)
    assert log.get(4) == entries(4, 4)[0]
    assert log.first_index <= 4 and log.last_index == 10
    log.append(entries(11, 11))
    assert log.last_index == 11


def test_a_log_that_is_reset_goes_on_behind_the_index(opened: Open) -> None:
    stores = opened()
    stores.log.append(entries(1, 3))
    save(stores, snapshot(20, 21, installed=True))
    stores.log.reset(20, 1)
    assert (stores.log.first_index, stores.log.last_index, stores.log.get(3)) == (21, 20, None)
    stores.log.append(entries(21, 22))
    close(stores)
    log = opened().log
    assert (log.first_index, log.last_index, log.get(22)) == (21, 22, entries(22, 22)[0])


def test_the_newest_hard_state_counts(opened: Open) -> None:
    stores = opened()
    assert stores.stable.load() == HardState()
    stores.stable.save(HardState(1, 7, 0))
    stores.stable.save(HardState(2, 0, 0))
    assert stores.stable.load() == HardState(2, 0, 0)
    close(stores)
    assert opened().stable.load() == HardState(2, 0, 0)


def test_a_snapshot_is_there_when_it_is_committed_whole_with_all_that_is_known_of_it(opened: Open) -> None:
    stores = opened()
    assert stores.snapshots.indexes() == []
    stores.log.append(entries(1, 3))
    begun = stores.snapshots.create(snapshot(2, 1))
    begun.write(b"not this")
    assert stores.snapshots.indexes() == []
    begun.abandon()
    info = save(stores, snapshot(3, 1), b"the state")
    assert info.size == 9 and info.checksum
    close(stores)
    stores = opened()
    assert stores.snapshots.indexes() == [3]
    found = stores.snapshots.open(3)
    assert (found.info, found.stream.read()) == (info, b"the state")
    found.stream.seek(4)
    assert found.stream.read(3) == b"sta"
    found.stream.close()


def test_the_newest_few_snapshots_are_kept(opened: Open) -> None:
    stores = opened()
    stores.log.append(entries(1, 9))
    for index in (2, 5, 9):
        save(stores, snapshot(index, 1), b"")
    assert stores.snapshots.indexes() == [9, 5]
    with pytest.raises((CorruptData, FileNotFoundError)):
        stores.snapshots.open(2)


def test_what_a_crash_left_half_written_is_gone_at_the_next_start() -> None:
    disk = MemoryDisk()
    stores = on_disk(disk)
    stores.snapshots.create(snapshot(2, 1)).write(b"half")
    disk.kill()
    assert len(disk.list("/data/snapshots")) == 1
    on_disk(disk)
    assert disk.list("/data/snapshots") == []


def test_a_full_disk_leaves_the_other_snapshots() -> None:
    disk = MemoryDisk()
    stores = on_disk(disk)
    stores.log.append(entries(1, 9))
    save(stores, snapshot(2, 1), b"one")
    disk.fail_at[disk.calls + 4] = 28
    with pytest.raises(DiskFull):
        save(stores, snapshot(5, 1), b"two")
    assert stores.snapshots.open(2).stream.read() == b"one"


@pytest.mark.parametrize("byte", [0, 9, 11, 60, -1])
def test_damage_is_told_by_file(byte: int) -> None:
    disk = MemoryDisk()
    stores = on_disk(disk)
    stores.log.append(entries(1, 3))
    save(stores, snapshot(3, 1))
    path = f"/data/snapshots/{3:016x}.snapshot"
    size = disk.open(path).size()
    disk.flip(path, (byte % size) * 8)
    with pytest.raises(CorruptData, match=path):
        stores.snapshots.open(3)


def test_a_newer_format_is_not_taken_for_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = MemoryDisk()
    stores = on_disk(disk)
    stores.log.append(entries(1, 3))
    monkeypatch.setattr("tricord.raft_node.snapshot_files.FORMAT_VERSION", 3)
    save(stores, snapshot(3, 1))
    monkeypatch.undo()
    with pytest.raises(NewerFormat, match="format 3"):
        stores.snapshots.open(3)


def test_a_log_that_ends_before_a_snapshot_of_its_own_is_damaged() -> None:
    disk = MemoryDisk()
    stores = on_disk(disk)
    stores.log.append(entries(1, 3))
    save(stores, snapshot(9, 1))
    close(stores)
    with pytest.raises(CorruptData, match="ends at 3"):
        on_disk(disk)
