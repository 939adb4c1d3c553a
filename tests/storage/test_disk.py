# SPDX-License-Identifier: Apache-2.0
"""What every disk does, the real one and its twin."""

from __future__ import annotations

import os

import pytest

from tricord.base.environment import Disk
from tricord.base.errors import DataDirectoryInUse


def test_a_file_reads_back_what_was_written(disk: Disk, root: str) -> None:
    file = disk.open(f"{root}/a", create=True)
    file.pwrite(b"hello", 3)
    file.datasync()
    assert file.pread(100, 0) == b"\0\0\0hello"
    assert file.pread(2, 4) == b"el"
    assert file.pread(2, 100) == b""
    assert file.size() == 8
    file.close()
    again = disk.open(f"{root}/a")
    assert again.pread(8, 0) == b"\0\0\0hello"
    again.close()


def test_reserved_space_reads_as_zeros_and_keeps_what_was_there(disk: Disk, root: str) -> None:
    file = disk.open(f"{root}/a", create=True)
    file.pwrite(b"x", 0)
    file.allocate(10_000)
    assert file.size() == 10_000
    assert file.pread(10_000, 0) == b"x" + bytes(9_999)
    file.allocate(5_000)
    assert file.size() == 10_000
    file.truncate(1)
    assert file.pread(10, 0) == b"x"
    file.close()


def test_opening_says_what_is_not_there_and_what_is(disk: Disk, root: str) -> None:
    with pytest.raises(FileNotFoundError):
        disk.open(f"{root}/absent")
    with pytest.raises(FileNotFoundError):
        disk.list(f"{root}/absent")
    with pytest.raises(FileNotFoundError):
        disk.remove(f"{root}/absent")
    disk.open(f"{root}/a", exclusive=True).close()
    with pytest.raises(FileExistsError):
        disk.open(f"{root}/a", exclusive=True)


def test_names_come_and_go(disk: Disk, root: str) -> None:
    disk.make_directory(f"{root}/one/two")
    disk.make_directory(f"{root}/one/two")
    disk.open(f"{root}/one/b", create=True).close()
    disk.open(f"{root}/one/a", create=True).close()
    assert disk.list(f"{root}/one") == ["a", "b", "two"]
    file = disk.open(f"{root}/one/a")
    file.pwrite(b"new", 0)
    file.close()
    disk.rename(f"{root}/one/a", f"{root}/one/b")
    disk.sync_directory(f"{root}/one")
    assert disk.list(f"{root}/one") == ["b", "two"]
    renamed = disk.open(f"{root}/one/b")
    assert renamed.pread(9, 0) == b"new"
    renamed.close()
    disk.remove(f"{root}/one/b")
    assert not disk.exists(f"{root}/one/b")
    assert disk.exists(f"{root}/one/two")
    assert disk.free_bytes(root) > 0


def test_directories_are_renamed_with_what_is_in_them_and_go_when_they_are_empty(disk: Disk, root: str) -> None:
    disk.make_directory(f"{root}/one")
    file = disk.open(f"{root}/one/a", create=True)
    file.pwrite(b"kept", 0)
    disk.rename(f"{root}/one", f"{root}/two")
    disk.sync_directory(root)
    assert (disk.list(root), disk.list(f"{root}/two")) == (["two"], ["a"])
    assert file.pread(9, 0) == b"kept"
    file.close()
    with pytest.raises(OSError):
        disk.remove_directory(f"{root}/two")
    with pytest.raises(OSError):
        disk.remove(f"{root}/two")
    disk.remove(f"{root}/two/a")
    disk.remove_directory(f"{root}/two")
    assert disk.list(root) == []
    with pytest.raises(FileNotFoundError):
        disk.remove_directory(f"{root}/two")


def test_a_locked_directory_is_refused_until_it_is_let_go(disk: Disk, root: str) -> None:
    lock = disk.lock(f"{root}/LOCK")
    with pytest.raises(DataDirectoryInUse):
        disk.lock(f"{root}/LOCK")
    lock.close()
    disk.lock(f"{root}/LOCK").close()


def test_the_refusal_names_the_process(tmp_path: object) -> None:
    from tricord.runtime.disk import RealDisk

    lock = RealDisk().lock(f"{tmp_path}/LOCK")
    with pytest.raises(DataDirectoryInUse, match=f"process {os.getpid()}$"):
        RealDisk().lock(f"{tmp_path}/LOCK")
    lock.close()
