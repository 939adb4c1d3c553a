# SPDX-License-Identifier: Apache-2.0
"""The Raft log as a stream of the WAL."""

from __future__ import annotations

import pytest

from tricord.base.environment import Disk
from tricord.base.errors import CorruptData
from tricord.base.log import Entry, EntryKind, HardState
from tricord.storage.raft_log import RaftLog
from tricord.storage.wal import Wal

SEGMENT_BYTES = 16 << 10


def entry(index: int, term: int = 1, data: bytes = b"data") -> Entry:
    return Entry(index, term, EntryKind.NORMAL, data)


def create(disk: Disk, directory: str) -> RaftLog:
    return RaftLog(Wal.create(disk, directory, cluster=1, history=1, segment_bytes=SEGMENT_BYTES))


def reopen(disk: Disk, directory: str, after: int = 0) -> tuple[RaftLog, list[Entry], int]:
    return RaftLog.open(disk, directory, cluster=1, history=1, after=after, segment_bytes=SEGMENT_BYTES)


def test_entries_and_hard_state_come_back(disk: Disk, root: str) -> None:
    log = create(disk, f"{root}/wal")
    log.append(HardState(1, 5, 0), [entry(1), entry(2, data=b"")])
    log.append(None, [entry(3)])
    log.append(HardState(2, 0, 3), [])
    log.append(None, [])
    log.close()
    log, entries, term = reopen(disk, f"{root}/wal")
    assert entries == [entry(1), entry(2, data=b""), entry(3)]
    assert log.hard_state == HardState(2, 0, 3)
    assert (log.first_index, log.last_index, log.last_term, term) == (1, 3, 1, 0)
    log.close()


def test_only_what_was_not_applied_is_given(disk: Disk, root: str) -> None:
    log = create(disk, f"{root}/wal")
    log.append(HardState(3, 5, 0), [entry(i, term=1 + i // 4) for i in range(1, 8)])
    log.close()
    for after in range(8):
        log, entries, term = reopen(disk, f"{root}/wal", after)
        assert [found.index for found in entries] == list(range(after + 1, 8))
        assert term == (1 + after // 4 if after else 0)
        assert (log.last_index, log.last_term) == (7, 2)
        log.close()


def test_a_new_leaders_entries_replace_a_suffix(disk: Disk, root: str) -> None:
    log = create(disk, f"{root}/wal")
    log.append(HardState(1, 5, 0), [entry(i) for i in range(1, 10)])
    log.append(HardState(2, 0, 4), [entry(6, term=2)])
    log.append(None, [entry(7, term=2)])
    assert log.last_index == 7
    log.close()
    log, entries, _ = reopen(disk, f"{root}/wal", 4)
    assert entries == [entry(5), entry(6, term=2), entry(7, term=2)]
    assert log.last_term == 2
    log.append(None, [entry(5, term=3)])
    log.close()
    log, entries, term = reopen(disk, f"{root}/wal", 5)
    assert (entries, term, log.last_index, log.last_term) == ([], 3, 5, 3)
    log.close()


def test_the_log_is_cut_and_keeps_its_hard_state(disk: Disk, root: str) -> None:
    log = create(disk, f"{root}/wal")
    log.append(HardState(4, 2, 0), [])
    for index in range(1, 400):
        log.append(None, [entry(index, term=4, data=bytes(100))])
    log.cut_before(300)
    first = log.first_index
    assert 1 < first <= 300
    log.close()
    log, entries, _ = reopen(disk, f"{root}/wal", 350)
    assert log.hard_state == HardState(4, 2, 0)
    assert (log.first_index, log.last_index) == (first, 399)
    assert entries[0].index == 351
    log.close()
    with pytest.raises(CorruptData, match="begins at"):
        reopen(disk, f"{root}/wal", 0)


def test_a_log_that_ends_before_what_was_applied_is_refused(disk: Disk, root: str) -> None:
    log = create(disk, f"{root}/wal")
    log.append(None, [entry(1), entry(2)])
    log.close()
    with pytest.raises(CorruptData, match="ends at 2, but 3 was applied"):
        reopen(disk, f"{root}/wal", 3)


def test_a_torn_tail_below_the_applied_index_is_rot_and_left_as_it_is(disk: Disk, root: str) -> None:
    log = create(disk, f"{root}/wal")
    log.append(None, [entry(1)])
    at = log.wal._end
    log.append(None, [entry(2)])
    log.close()
    path = f"{root}/wal/{1:016x}.wal"
    file = disk.open(path)
    file.pwrite(b"\xff", at + 50)
    with pytest.raises(CorruptData) as caught:
        reopen(disk, f"{root}/wal", 2)
    assert (caught.value.path, caught.value.offset) == (path, at)
    assert file.pread(1, at + 50) == b"\xff"
    file.close()
    log, entries, _ = reopen(disk, f"{root}/wal", 1)  # had it not been applied, it is a torn tail
    assert entries == []
    log.close()


def test_a_commit_index_behind_the_end_of_the_log_is_refused(disk: Disk, root: str) -> None:
    log = create(disk, f"{root}/wal")
    log.append(HardState(1, 1, 5), [entry(1)])
    log.close()
    with pytest.raises(CorruptData, match="5 was committed"):
        reopen(disk, f"{root}/wal")


def test_a_log_without_segments_is_gone(disk: Disk, root: str) -> None:
    disk.make_directory(f"{root}/wal")
    with pytest.raises(CorruptData, match="gone"):
        reopen(disk, f"{root}/wal")


def test_a_log_that_a_snapshot_replaced_goes_on_behind_it(disk: Disk, root: str) -> None:
    log = create(disk, f"{root}/wal")
    log.append(HardState(2, 5, 0), [entry(i) for i in range(1, 6)])
    log.reset(20, 2)
    assert (log.first_index, log.last_index, log.last_term) == (21, 20, 2)
    log.close()
    log, entries, term = reopen(disk, f"{root}/wal", 20)
    assert (entries, term, log.first_index, log.last_index, log.last_term) == ([], 2, 21, 20, 2)
    log.append(None, [entry(21, term=2)])
    log.close()
    log, entries, term = reopen(disk, f"{root}/wal", 20)
    assert (entries, term, log.hard_state) == ([entry(21, term=2)], 2, HardState(2, 5, 0))
    log.close()


@pytest.mark.parametrize("last", [3, 8])
def test_a_snapshot_that_was_installed_just_before_a_crash_replaces_the_log_at_the_next_start(
    disk: Disk, root: str, last: int
) -> None:
    log = create(disk, f"{root}/wal")
    log.append(HardState(2, 5, 0), [entry(i) for i in range(1, last + 1)])
    log.close()
    for _ in range(2):
        log, entries, term = RaftLog.open(
            disk, f"{root}/wal", cluster=1, history=1, after=6, installed_term=2, segment_bytes=SEGMENT_BYTES
        )
        assert (entries, term, log.first_index, log.last_index) == ([], 2, 7, 6)
        log.close()


def test_a_snapshot_whose_last_entry_is_in_the_log_replaces_nothing(disk: Disk, root: str) -> None:
    log = create(disk, f"{root}/wal")
    log.append(HardState(2, 5, 0), [entry(i, term=2) for i in range(1, 9)])
    log.close()
    log, entries, term = RaftLog.open(
        disk, f"{root}/wal", cluster=1, history=1, after=6, installed_term=2, segment_bytes=SEGMENT_BYTES
    )
    assert ([found.index for found in entries], term, log.first_index) == ([7, 8], 2, 1)
    log.close()
