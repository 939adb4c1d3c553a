# SPDX-License-Identifier: Apache-2.0
"""A faulty disk does what its rules say, and else what the disk under it does."""

from __future__ import annotations

import errno
from collections.abc import Callable

import msgspec
import pytest

from tricord.base.environment import Disk
from tricord.base.ordered import Table
from tricord.storage.faulty_disk import OPERATIONS, DiskRule, FaultyDisk
from tricord.storage.memory_disk import MemoryDisk


class Made:
    """A faulty disk with a file in it, and what it slept."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.disk = FaultyDisk(MemoryDisk(), self.slept.append)
        self.disk.make_directory("/d/wal")
        self.file = self.disk.open("/d/wal/1", create=True)


@pytest.fixture
def made() -> Made:
    return Made()


def test_without_rules_it_is_the_disk_under_it(made: Made) -> None:
    disk, file = made.disk, made.file
    file.allocate(10)
    file.pwrite(b"abc", 1)
    file.datasync()
    file.truncate(5)
    assert (file.size(), file.pread(9, 0)) == (5, b"\0abc\0")
    disk.rename("/d/wal/1", "/d/wal/2")
    disk.sync_directory("/d/wal")
    assert disk.list("/d/wal") == ["2"] and disk.exists("/d/wal/2") and disk.free_bytes("/d") > 0
    disk.remove("/d/wal/2")
    disk.remove_directory("/d/wal")
    disk.lock("/d/LOCK").close()
    backend = disk.open_backend("/d/backend", map_size=1 << 20)
    backend.commit([(Table.META, b"k", b"v")])
    backend.seal()
    view = backend.view()
    assert view.get(Table.META, b"k") == b"v"
    view.close()
    assert list(backend.sums()) and backend.size_bytes() >= backend.used_bytes() >= 0
    backend.retire()
    assert (made.slept, disk.hits) == ([], {})


CALLS: dict[str, Callable[[Disk], object]] = {
    "allocate": lambda disk: disk.open("/d/f").allocate(1),
    "commit": lambda disk: disk.open_backend("/d/f", map_size=1 << 20).commit([]),
    "datasync": lambda disk: disk.open("/d/f").datasync(),
    "exists": lambda disk: disk.exists("/d/f"),
    "free_bytes": lambda disk: disk.free_bytes("/d/f"),
    "list": lambda disk: disk.list("/d/f"),
    "lock": lambda disk: disk.lock("/d/f"),
    "make_directory": lambda disk: disk.make_directory("/d/f"),
    "open": lambda disk: disk.open("/d/f"),
    "open_backend": lambda disk: disk.open_backend("/d/f", map_size=1 << 20),
    "pread": lambda disk: disk.open("/d/f").pread(1, 0),
    "pwrite": lambda disk: disk.open("/d/f").pwrite(b"x", 0),
    "remove": lambda disk: disk.remove("/d/f"),
    "remove_directory": lambda disk: disk.remove_directory("/d/f"),
    "rename": lambda disk: disk.rename("/d/f", "/d/g"),
    "seal": lambda disk: disk.open_backend("/d/f", map_size=1 << 20).seal(),
    "size": lambda disk: disk.open("/d/f").size(),
    "sync_directory": lambda disk: disk.sync_directory("/d/f"),
    "truncate": lambda disk: disk.open("/d/f").truncate(0),
}


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_each_call_can_fail_and_then_does_nothing(made: Made, operation: str) -> None:
    # What is at the path is what the call wants: a store's directory, or a file.
    if operation not in ("commit", "open_backend", "seal"):
        made.disk.open("/d/f", create=True).close()
    made.disk.replace([DiskRule(operations=(operation,), path="/d/f", error="EIO")])
    with pytest.raises(OSError, match=f"{operation} fails on purpose") as caught:
        CALLS[operation](made.disk)
    assert (caught.value.errno, caught.value.filename) == (errno.EIO, "/d/f")
    assert made.disk.hits == {operation: 1}


def test_a_rule_is_about_the_paths_that_its_pattern_names(made: Made) -> None:
    made.disk.replace([DiskRule(operations=("pwrite",), path="*/wal/*", error="ENOSPC")])
    other = made.disk.open("/d/other", create=True)
    other.pwrite(b"fine", 0)
    with pytest.raises(OSError) as caught:
        made.file.pwrite(b"not", 0)
    assert caught.value.errno == errno.ENOSPC
    assert made.file.size() == 0 and other.size() == 4
    made.disk.replace([])
    made.file.pwrite(b"now", 0)


def test_a_slow_call_waits_first_and_every_third_one_fails(made: Made) -> None:
    made.disk.replace([DiskRule(operations=("datasync",), delay=0.5), DiskRule(("pwrite",), error="EIO", every=3)])
    made.file.datasync()
    failed = []
    for number in range(9):
        try:
            made.file.pwrite(b"x", 0)
        except OSError:
            failed.append(number)
    assert (made.slept, failed, made.disk.hits) == ([0.5], [2, 5, 8], {"datasync": 1, "pwrite": 3})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"operations": ["fsync"]}', "a disk has no operation 'fsync'"),
        ('{"error": "EWHAT"}', "there is no error 'EWHAT'"),
        ('{"error": "errorcode"}', "there is no error 'errorcode'"),
        ('{"every": 0}', "every is at least 1"),
        ('{"delay": -1}', "delay at least 0"),
        ('{"dealy": 1}', "unknown field `dealy`"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(text: str, reason: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=reason):
        msgspec.json.decode(text, type=DiskRule)
