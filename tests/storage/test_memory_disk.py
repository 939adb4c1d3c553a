# SPDX-License-Identifier: Apache-2.0
"""The twin's own powers: losing what was not synced, and failing one call."""

from __future__ import annotations

import errno

import pytest

from tricord.base.ordered import Table
from tricord.storage.memory_disk import SECTOR_BYTES, MemoryDisk, PowerLost


def made(disk: MemoryDisk) -> None:
    disk.make_directory("/d")
    disk.sync_directory("/")


def test_what_was_synced_survives_and_the_rest_may_go_in_any_part() -> None:
    outcomes = set()
    for seed in range(60):
        disk = MemoryDisk(seed)
        made(disk)
        file = disk.open("/d/f", create=True)
        disk.sync_directory("/d")
        file.pwrite(b"A" * 2 * SECTOR_BYTES, 0)
        file.datasync()
        file.pwrite(b"B" * 2 * SECTOR_BYTES, 0)
        disk.power_cut()
        data = disk.open("/d/f").pread(4 * SECTOR_BYTES, 0)
        assert len(data) == 2 * SECTOR_BYTES
        outcomes.add((data[:SECTOR_BYTES], data[SECTOR_BYTES:]))
    sectors = (b"A" * SECTOR_BYTES, b"B" * SECTOR_BYTES)
    assert outcomes == {(first, second) for first in sectors for second in sectors}


def test_later_writes_may_survive_earlier_ones() -> None:
    def left(seed: int) -> bytes:
        disk = MemoryDisk(seed)
        made(disk)
        file = disk.open("/d/f", create=True)
        file.pwrite(b"--", 0)
        file.datasync()
        disk.sync_directory("/d")
        file.pwrite(b"1", 0)
        file.pwrite(b"2", 1)
        disk.power_cut()
        return disk.open("/d/f").pread(2, 0)

    assert {left(seed) for seed in range(40)} == {b"--", b"1-", b"-2", b"12"}


def test_names_need_a_sync_of_their_directory() -> None:
    left = set()
    for seed in range(40):
        disk = MemoryDisk(seed)
        made(disk)
        disk.open("/d/old", create=True).close()
        disk.sync_directory("/d")
        disk.rename("/d/old", "/d/new")
        disk.open("/d/other", create=True).close()
        disk.power_cut()
        left.add(tuple(disk.list("/d")))
    assert left == {("old",), ("new",), ("new", "other")}


def test_a_failed_sync_is_not_made_good_by_a_later_one() -> None:
    disk = MemoryDisk()
    made(disk)
    file = disk.open("/d/f", create=True)
    disk.sync_directory("/d")
    file.pwrite(b"lost", 0)
    disk.fail_at[disk.calls + 1] = errno.EIO
    with pytest.raises(OSError):
        file.datasync()
    assert file.pread(4, 0) == b"lost"
    file.datasync()
    disk.power_cut()
    assert disk.open("/d/f").pread(4, 0) == b""


def test_the_power_goes_during_a_call_and_the_same_seed_leaves_the_same() -> None:
    def left(seed: int) -> tuple[bytes, list[str] | None]:
        disk = MemoryDisk(seed, traced=True)
        made(disk)
        file = disk.open("/d/f", create=True)
        disk.sync_directory("/d")
        disk.cut_at = disk.calls + 1
        with pytest.raises(PowerLost):
            file.pwrite(b"x" * 2000, 0)
        with pytest.raises(PowerLost):
            disk.list("/d")
        disk.power_cut()
        with pytest.raises(PowerLost):
            file.pread(1, 0)  # the process that had it open is gone
        return disk.open("/d/f").pread(2000, 0), disk.trace

    assert left(7) == left(7)
    assert len({left(seed)[0] for seed in range(20)}) > 2


def test_a_commit_during_which_the_power_goes_happened_or_did_not() -> None:
    found = set()
    for seed in range(20):
        disk = MemoryDisk(seed)
        backend = disk.open_backend("/d/b", map_size=1 << 20)
        disk.sync_directory("/")
        disk.sync_directory("/d")
        backend.commit([(Table.HEAD, b"a", b"1"), (Table.META, b"m", b"1")])
        disk.cut_at = disk.calls + 1
        with pytest.raises(PowerLost):
            backend.commit([(Table.HEAD, b"a", b"2"), (Table.META, b"m", b"2")])
        disk.power_cut()
        view = disk.open_backend("/d/b", map_size=1 << 20).view()
        assert view.get(Table.HEAD, b"a") == view.get(Table.META, b"m")
        found.add(view.get(Table.HEAD, b"a"))
    assert found == {b"1", b"2"}


def test_a_full_disk_says_so() -> None:
    disk = MemoryDisk(capacity=1000)
    made(disk)
    file = disk.open("/d/f", create=True)
    with pytest.raises(OSError) as caught:
        file.allocate(2000)
    assert caught.value.errno == errno.ENOSPC
    file.allocate(900)
    disk.remove("/d/f")
    assert disk.free_bytes("/d") == 1000
