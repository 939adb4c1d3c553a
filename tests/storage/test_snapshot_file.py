# SPDX-License-Identifier: Apache-2.0
"""A snapshot file holds what the view showed, and no damage to it passes."""

from __future__ import annotations

import errno
import random
import re

import pytest

from tests.storage.snapshot_script import CLUSTER, HISTORY, content_of, filled, snapshot_of
from tricord.base.environment import Disk
from tricord.base.errors import Cancelled, CorruptData, DiskFull, NewerFormat
from tricord.base.ordered import Table
from tricord.storage import snapshot_format
from tricord.storage.memory_disk import MemoryDisk
from tricord.storage.snapshot_reader import SnapshotReader, verify_snapshot
from tricord.storage.snapshot_writer import write_snapshot


def read_all(disk: Disk, path: str) -> dict[Table, list[tuple[bytes, bytes]]]:
    found: dict[Table, list[tuple[bytes, bytes]]] = {table: [] for table in Table}
    reader = SnapshotReader(disk, path)
    try:
        for block in reader.blocks():
            found[block.table] += zip(block.keys, block.values, strict=True)
    finally:
        reader.close()
    return found


@pytest.mark.parametrize("records", [0, 1, 3000])
def test_what_the_view_shows_is_read_back(disk: Disk, root: str, records: int) -> None:
    backend = filled(disk, f"{root}/backend", 70, 4, records)
    view = backend.view()
    backend.commit([(Table.HEAD, b"later", b""), (Table.META, b"applied_index", (71).to_bytes(8, "big"))])
    info = write_snapshot(disk, f"{root}/a.snap", view, cluster=CLUSTER, history=HISTORY)
    expected = content_of(view)
    assert (info.cluster, info.history, info.index, info.term) == (CLUSTER, HISTORY, 70, 4)
    assert info.configuration == b"members of 70"
    assert info.counts == tuple(len(expected[table]) for table in Table)
    assert verify_snapshot(disk, f"{root}/a.snap") == info
    assert read_all(disk, f"{root}/a.snap") == expected
    file = disk.open(f"{root}/a.snap")
    assert file.size() == info.size
    file.close()
    assert "a.snap.part" not in disk.list(root)
    backend.close()


def test_the_same_state_gives_the_same_bytes(disk: Disk, root: str) -> None:
    one = filled(disk, f"{root}/one", 70, 4, 500)
    two = filled(disk, f"{root}/two", 70, 4, 500)
    other = filled(disk, f"{root}/other", 70, 4, 500, seed=2)
    infos = [snapshot_of(disk, f"{root}/{place}.snap", backend) for place, backend in enumerate((one, two, other))]
    assert infos[0] == infos[1]
    assert infos[0].id != infos[2].id
    assert infos[0].checksum != infos[2].checksum
    for backend in (one, two, other):
        backend.close()


def test_any_flipped_bit_is_found_with_file_and_offset() -> None:
    disk = MemoryDisk()
    disk.make_directory("/d")
    backend = filled(disk, "/d/backend", 9, 2, 30)
    info = snapshot_of(disk, "/d/a.snap", backend)
    bits = info.size * 8
    head = range(1200)
    tail = range(bits - 900, bits)
    anywhere = random.Random(1).sample(range(bits), 300)
    for bit in [*head, *tail, *anywhere]:
        disk.flip("/d/a.snap", bit)
        with pytest.raises(CorruptData) as caught:
            verify_snapshot(disk, "/d/a.snap")
        assert caught.value.path == "/d/a.snap"
        assert 0 <= caught.value.offset <= bit // 8
        disk.flip("/d/a.snap", bit)
    assert verify_snapshot(disk, "/d/a.snap") == info


def test_bytes_that_are_missing_or_too_many_are_found(disk: Disk, root: str) -> None:
    backend = filled(disk, f"{root}/backend", 9, 2, 2000)
    info = snapshot_of(disk, f"{root}/a.snap", backend)
    backend.close()
    file = disk.open(f"{root}/a.snap")
    whole = file.pread(info.size, 0)
    for size in (0, 10, 40, info.size // 2, info.size - 1, info.size + 1):
        file.truncate(size)
        with pytest.raises(CorruptData):
            verify_snapshot(disk, f"{root}/a.snap")
        file.truncate(0)
        file.pwrite(whole, 0)
    assert verify_snapshot(disk, f"{root}/a.snap") == info
    file.close()


def test_blocks_that_belong_elsewhere_are_found(disk: Disk, root: str) -> None:
    """A whole block of another snapshot, or of another place of this one, does not pass for the one that belongs."""
    backend = filled(disk, f"{root}/backend", 9, 2, 5000)
    info = snapshot_of(disk, f"{root}/a.snap", backend)
    backend.commit([(Table.META, b"applied_index", (10).to_bytes(8, "big"))])
    snapshot_of(disk, f"{root}/b.snap", backend)
    backend.close()
    a, b = disk.open(f"{root}/a.snap"), disk.open(f"{root}/b.snap")
    whole = a.pread(info.size, 0)
    half = info.size // 2
    a.pwrite(b.pread(info.size, half), half)
    with pytest.raises(CorruptData):
        verify_snapshot(disk, f"{root}/a.snap")
    a.pwrite(whole, 0)
    starts = [found.start() for found in re.finditer(re.escape(snapshot_format.BLOCK_MAGIC), whole)]
    a.pwrite(whole[: starts[1]] + whole[starts[2] :], 0)
    a.truncate(info.size - starts[2] + starts[1])
    with pytest.raises(CorruptData):
        verify_snapshot(disk, f"{root}/a.snap")
    a.close()
    b.close()


def test_a_newer_format_is_refused(disk: Disk, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = filled(disk, f"{root}/backend", 9, 2, 3)
    monkeypatch.setattr(snapshot_format, "FORMAT_VERSION", 2)
    snapshot_of(disk, f"{root}/a.snap", backend)
    monkeypatch.undo()
    with pytest.raises(NewerFormat, match="format 2"):
        verify_snapshot(disk, f"{root}/a.snap")
    backend.close()


def test_progress_is_told_and_what_is_cancelled_leaves_nothing(disk: Disk, root: str) -> None:
    backend = filled(disk, f"{root}/backend", 9, 2, 2000)
    view = backend.view()
    told: list[int] = []
    info = write_snapshot(disk, f"{root}/a.snap", view, cluster=1, history=3, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == info.size
    told.clear()
    verify_snapshot(disk, f"{root}/a.snap", progress=told.append)
    assert told == sorted(told)
    with pytest.raises(Cancelled):
        write_snapshot(disk, f"{root}/b.snap", view, cluster=1, history=3, cancelled=lambda: True)
    assert [name for name in disk.list(root) if name.startswith("b.")] == []
    with pytest.raises(Cancelled):
        verify_snapshot(disk, f"{root}/a.snap", cancelled=lambda: True)
    view.close()
    backend.close()


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_every_call_fails_once_while_it_is_written(code: int) -> None:
    def prepared() -> MemoryDisk:
        disk = MemoryDisk(1)
        disk.make_directory("/d")
        return disk

    disk = prepared()
    backend = filled(disk, "/d/backend", 9, 2, 50)
    before = disk.calls
    snapshot_of(disk, "/d/a.snap", backend)
    for number in range(1, disk.calls - before + 1):
        disk = prepared()
        backend = filled(disk, "/d/backend", 9, 2, 50)
        disk.fail_at[disk.calls + number] = code
        with pytest.raises(DiskFull if code == errno.ENOSPC else OSError):
            snapshot_of(disk, "/d/a.snap", backend)
        assert not disk.fail_at
        assert disk.list("/d") in (["backend"], ["a.snap", "backend"]), f"call {number}"
        info = snapshot_of(disk, "/d/a.snap", backend)
        assert verify_snapshot(disk, "/d/a.snap") == info
