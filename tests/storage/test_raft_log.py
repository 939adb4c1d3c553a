# SPDX-License-Identifier: Apache-2.0
"""The Raft log as a stream of the WAL."""

from __future__ import annotations

import errno

import pytest

from tricord.base.environment import Disk
from tricord.base.errors import CorruptData, DiskFault, DiskFull
from tricord.base.log import Entry, EntryKind, HardState
from tricord.storage.memory_disk import MemoryDisk, PowerLost
from tricord.storage.raft_log import RaftLog
from tricord.storage.wal import Wal
from tricord.storage.wal_format import HEADER_BYTES

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


def test_the_entries_before_are_given_as_far_as_they_are_asked_for(disk: Disk, root: str) -> None:
    log = create(disk, f"{root}/wal")
    log.append(HardState(1, 5, 0), [entry(i, term=i) for i in range(1, 10)])
    log.append(None, [entry(8, term=20)])
    log.close()
    for earlier in range(10):
        log, entries, term = open_with(disk, f"{root}/wal", after=7, earlier=earlier)
        first = max(8 - earlier, 1)
        assert log.earlier == [entry(i, term=i) for i in range(first, 8)]
        assert log.earlier_base == (first - 1, first - 1)
        assert (entries, term) == ([entry(8, term=20)], 7)
        log.close()


def test_entries_before_that_were_replaced_are_not_given(disk: Disk, root: str) -> None:
    log = create(disk, f"{root}/wal")
    log.append(None, [entry(i) for i in range(1, 10)])
    log.append(None, [entry(3, term=2), entry(4, term=2)])
    log.close()
    log, entries, term = open_with(disk, f"{root}/wal", after=4, earlier=3)
    assert log.earlier == [entry(2), entry(3, term=2), entry(4, term=2)]
    assert (log.earlier_base, entries, term) == ((1, 1), [], 2)
    log.close()


def test_entries_before_are_bounded_by_their_bytes(disk: Disk, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tricord.storage.raft_log.EARLIER_BYTES_MAX", 1000)
    log = create(disk, f"{root}/wal")
    log.append(None, [entry(i, data=bytes(90)) for i in range(1, 60)])
    log.close()
    log, entries, _ = open_with(disk, f"{root}/wal", after=50, earlier=100)
    assert [one.index for one in log.earlier] == list(range(42, 51))
    assert [one.index for one in entries] == list(range(51, 60))
    log.close()


def open_with(disk: Disk, directory: str, *, after: int, earlier: int) -> tuple[RaftLog, list[Entry], int]:
    return RaftLog.open(
        disk, directory, cluster=1, history=1, after=after, earlier=earlier, segment_bytes=SEGMENT_BYTES
    )


@pytest.mark.parametrize("base", [3, 9, 500])
def test_a_log_that_was_reset_goes_on_behind_its_base(disk: Disk, root: str, base: int) -> None:
    """Whether the base lies within the old log or beyond it: nothing of that one is left."""
    log = create(disk, f"{root}/wal")
    for index in range(1, 300):
        log.append(None, [entry(index, data=bytes(100))])
    log.append(HardState(3, 1, 8), [entry(9, term=3)])
    log.reset(base, 4, HardState(4, 2, base))
    assert (log.first_index, log.last_index, log.last_term) == (base + 1, base, 4)
    assert len(disk.list(f"{root}/wal")) == 1
    for _ in range(2):
        log.close()
        log, entries, term = reopen(disk, f"{root}/wal", base)
        assert (entries, term, log.hard_state) == ([], 4, HardState(4, 2, base))
        assert (log.first_index, log.last_index, log.last_term) == (base + 1, base, 4)
    log.append(None, [entry(base + 1, term=4)])
    log.append(HardState(5, 0, base), [entry(base + 1, term=5), entry(base + 2, term=5)])
    log.close()
    log, entries, _ = reopen(disk, f"{root}/wal", base)
    assert entries == [entry(base + 1, term=5), entry(base + 2, term=5)]
    log.close()
    with pytest.raises(CorruptData, match="begins at"):
        reopen(disk, f"{root}/wal", base - 1)


def test_a_reset_that_ends_anywhere_left_the_old_log_or_the_new_one() -> None:
    def prepared() -> tuple[MemoryDisk, RaftLog]:
        disk = MemoryDisk(1)
        log = create(disk, "/wal")
        disk.sync_directory("/")
        for index in range(1, 300):
            log.append(None, [entry(index, data=bytes(100))])
        log.append(HardState(1, 1, 250), [])
        return disk, log

    disk, log = prepared()
    before = disk.calls
    log.reset(280, 2, HardState(2, 0, 280))
    calls = disk.calls - before
    seen = set()
    for number in range(1, calls + 1):
        for fault in ("power", "error", "full"):
            disk, log = prepared()
            if fault == "power":
                disk.cut_at = disk.calls + number
            else:
                disk.fail_at[disk.calls + number] = errno.EIO if fault == "error" else errno.ENOSPC
            try:
                log.reset(280, 2, HardState(2, 0, 280))
            except (PowerLost, DiskFault, DiskFull):
                pass
            disk.power_cut()
            log, entries, _ = reopen(disk, "/wal", 280)
            seen.add(len(entries))
            expected = (HardState(1, 1, 250), 299) if entries else (HardState(2, 0, 280), 280)
            assert (log.hard_state, log.last_index) == expected, f"call {number}, {fault}"
            log.append(None, [entry(log.last_index + 1, term=3)])
            log.close()
            reopen(disk, "/wal", 280)
    assert seen == {0, 19}


def test_a_log_that_is_about_to_be_reset_may_end_and_begin_anywhere(disk: Disk, root: str) -> None:
    log = create(disk, f"{root}/wal")
    log.append(HardState(2, 2, 1), [entry(1)])
    log.close()
    log = RaftLog.open_for_reset(disk, f"{root}/wal", cluster=1, history=1, segment_bytes=SEGMENT_BYTES)
    assert log.hard_state == HardState(2, 2, 1)
    log.reset(1000, 2, HardState(2, 2, 1000))
    log.close()
    log, entries, _ = reopen(disk, f"{root}/wal", 1000)
    assert (entries, log.first_index) == ([], 1001)
    log.close()


def test_segments_go_although_a_replaced_end_had_begun_one_later(disk: Disk, root: str) -> None:
    log = create(disk, f"{root}/wal")
    for index in range(1, 300):
        log.append(None, [entry(index, data=bytes(100))])
    log.append(None, [entry(50, term=2, data=bytes(100))])
    for index in range(51, 200):
        log.append(None, [entry(index, term=2, data=bytes(100))])
    log.cut_before(190)
    log.close()
    log, entries, _ = reopen(disk, f"{root}/wal", 190)
    assert 190 >= log.first_index > 100
    assert [one.index for one in entries] == list(range(191, 200))
    log.close()


def test_a_segment_that_lost_its_beginning_gets_it_again() -> None:
    """The hard state begins each segment: killed before that was written, it must not go with the segment before."""

    def filled() -> tuple[MemoryDisk, RaftLog]:
        disk = MemoryDisk(1)
        log = create(disk, "/wal")
        disk.sync_directory("/")
        log.append(HardState(4, 2, 0), [])
        for index in range(1, 100):
            log.append(None, [entry(index, data=bytes(100))])
        return disk, log

    disk, log = filled()
    before = disk.calls
    log.wal.begin_segment()
    for number in range(1, disk.calls - before + 1):
        disk, log = filled()
        disk.cut_at = disk.calls + number
        with pytest.raises(PowerLost):
            log.wal.begin_segment()
        disk.power_cut()
        log, _, _ = reopen(disk, "/wal", 0)
        log.append(None, [entry(100)])
        log.cut_before(100)
        log.close()
        log, _, _ = reopen(disk, "/wal", 99)
        assert log.hard_state == HardState(4, 2, 0), f"call {number}"


@pytest.mark.parametrize("reset", [True, False])
def test_term_and_vote_that_rotted_at_the_beginning_are_no_torn_tail(disk: Disk, root: str, reset: bool) -> None:
    """Nothing behind vouches for them yet, but what they stood in before is gone: a member without them votes twice."""
    log = create(disk, f"{root}/wal")
    log.append(HardState(4, 2, 0), [entry(1)])
    if reset:
        log.reset(80, 4)
    else:
        log.wal.begin_segment()
        log.cut_before(2)
    log.close()
    path = f"{root}/wal/{2:016x}.wal"
    file = disk.open(path)
    file.pwrite(b"\xff", HEADER_BYTES + 60)
    file.close()
    for opened in (
        lambda: reopen(disk, f"{root}/wal", 80 if reset else 1),
        lambda: RaftLog.open_for_reset(disk, f"{root}/wal", cluster=1, history=1, segment_bytes=SEGMENT_BYTES),
    ):
        with pytest.raises(CorruptData, match="term and vote") as caught:
            opened()
        assert (caught.value.path, caught.value.offset) == (path, HEADER_BYTES)


def test_a_log_beyond_its_budget_gives_up_what_only_others_may_want(disk: Disk, root: str) -> None:
    log = create(disk, f"{root}/wal")
    for index in range(1, 1000):
        log.append(None, [entry(index, data=bytes(100))])
    segments = len(disk.list(f"{root}/wal"))
    assert segments > 6
    log.cut_before(1, 900, segments * SEGMENT_BYTES)
    assert log.first_index == 1, "it is within the budget"
    log.cut_before(1, 900, 4 * SEGMENT_BYTES)
    assert len(disk.list(f"{root}/wal")) == 4
    log.cut_before(1, 900, SEGMENT_BYTES)
    assert 700 < log.first_index <= 901, "what is not applied stays"
    log.close()
    log, entries, _ = reopen(disk, f"{root}/wal", 900)
    assert [one.index for one in entries] == list(range(901, 1000))
    log.close()
