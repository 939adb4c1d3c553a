# SPDX-License-Identifier: Apache-2.0
"""A host's disk, on which things go wrong, and what one process sees of it: nothing any more once it is dead."""

from __future__ import annotations

import errno
import random
from collections.abc import Callable
from typing import Any

from tricord.sim.hosts import HostTasks
from tricord.storage.memory_backend import MemoryBackend, Tables
from tricord.storage.memory_disk import MemoryDisk, MemoryFile, PowerLost, _Content, _Directory
from tricord.storage.wal_format import HEADER_BYTES

LOG_DIRECTORY = "/data/wal"
WRITES = frozenset(("pwrite", "datasync", "commit", "truncate", "allocate", "rename", "sync_directory"))


class HostFile(MemoryFile):
    """An open file of a ``HostDisk``."""

    def __init__(self, disk: HostDisk, content: _Content, path: str) -> None:
        super().__init__(disk, content)
        self._host_disk = disk
        self._path = path

    def pwrite(self, data: bytes | bytearray | memoryview, offset: int) -> None:
        data, offset = self._host_disk.spoiled(self._path, bytes(data), offset)
        super().pwrite(data, offset)

    def datasync(self) -> None:
        disk = self._host_disk
        if disk.sync_fails:
            disk.sync_fails = False
            disk.failed_syncs += 1
            disk.fail_at[disk.calls + 1] = errno.EIO
        if disk.lies:
            disk.lost_syncs += 1
            self._call("datasync")
        else:
            super().datasync()


class HostDisk(MemoryDisk):
    """The disk of a machine."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._spoils = random.Random(seed + 1)
        self.lies = False
        """It says that it synced, and does not."""
        self.lost_syncs = 0
        self.sync_fails = False
        """The next sync does."""
        self.failed_syncs = 0
        self.is_full = False
        self.refused = 0
        """How often it had no room."""
        self.rots = False
        """One bit of the next write to the log arrives wrong."""
        self.misdirects = False
        """The next write to the log lands elsewhere in the file."""
        self.spoiled_writes = 0
        self.cut_at_write: int | None = None
        """How many writes are still carried out whole before the power goes."""
        self.wrote: Callable[[bytes, int], None] | None = None
        """Told of every write."""
        self._true_tables: dict[_Content, Tables | None] = {}

    def call(self, name: str, failing: Callable[[float], None] | None = None) -> None:
        if self.cut_at_write is not None and name in WRITES:
            self.cut_at_write -= 1
            if self.cut_at_write < 0:
                self.cut_at_write, self.cut_at = None, self.calls + 1
        super().call(name, failing)

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> MemoryFile:
        return HostFile(self, super().open(path, create=create, exclusive=exclusive)._content, path)

    def open_backend(self, path: str, *, map_size: int) -> MemoryBackend:
        backend = super().open_backend(path, map_size=map_size)
        parent, name = self._parent(f"{path}/tables")
        content = parent.now[name]
        assert isinstance(content, _Content)
        keep = backend._keep

        def kept(tables: Tables) -> None:
            if self.is_full:
                self._refuse()
            if self.lies:
                self._true_tables.setdefault(content, content.tables)
            keep(tables)

        backend._keep = kept
        return backend

    def sync_directory(self, path: str) -> None:
        if self.lies:
            self.call("sync_directory")
        else:
            super().sync_directory(path)

    def reserve(self, size: int) -> None:
        if self.is_full:
            self._refuse()
        super().reserve(size)

    def free_bytes(self, path: str) -> int:
        free = super().free_bytes(path)
        if self.is_full:
            self.refused += 1
            return 0
        return free

    def power_cut(self) -> None:
        for content, tables in self._true_tables.items():
            content.tables = tables
        self.be_honest()
        super().power_cut()

    def be_honest(self) -> None:
        """Nothing is wrong with the disk any more; what it says is synced now is."""
        self._true_tables.clear()
        self.lies = self.sync_fails = self.is_full = self.rots = self.misdirects = False

    def spoiled(self, path: str, data: bytes, offset: int) -> tuple[bytes, int]:
        """What reaches the disk of a write, and where."""
        if self.wrote is not None:
            self.wrote(data, offset)
        if not (self.rots or self.misdirects) or not path.startswith(LOG_DIRECTORY) or len(data) < 32:
            return data, offset
        self.spoiled_writes += 1
        if self.rots:
            self.rots = False
            at = self._spoils.randrange(len(data))
            return data[:at] + bytes([data[at] ^ 1 << self._spoils.randrange(8)]) + data[at + 1 :], offset
        self.misdirects = False
        return data, max(0, offset - self._spoils.randint(1, 4096))

    def rot(self, count: int) -> int:
        """Turn bits around in so many bytes of the log that are in use; how many there were."""
        names = [f"{LOG_DIRECTORY}/{name}" for name in self.list(LOG_DIRECTORY)]
        used = [(name, size) for name in names if (size := self._used(name)) > HEADER_BYTES]
        for _ in range(count if used else 0):
            name, size = self._spoils.choice(used)
            self.flip(name, self._spoils.randrange(8 * HEADER_BYTES, 8 * size))
        return count if used else 0

    def _used(self, path: str) -> int:
        parent, name = self._parent(path)
        content = parent.now[name]
        return len(content.durable.rstrip(b"\0")) if isinstance(content, _Content) else 0

    def image(self) -> _Directory:
        """A copy of what is durable now."""
        return _copied(self._root)

    def become(self, image: _Directory) -> None:
        """Hold what the copy holds. No process may have it open."""
        self._root = _copied(image)
        self.kill()

    def _refuse(self) -> None:
        self.refused += 1
        raise OSError(errno.ENOSPC, "no space left on the simulated disk")


class ProcessDisk:
    """A ``base.environment.Disk`` for one process."""

    def __init__(self, disk: MemoryDisk, process: HostTasks) -> None:
        self._disk = disk
        self._process = process

    def __getattr__(self, name: str) -> Any:
        if self._process.is_dead:
            raise PowerLost
        return getattr(self._disk, name)


def _copied(directory: _Directory) -> _Directory:
    copy = _Directory()
    for name, node in directory.durable.items():
        if isinstance(node, _Directory):
            copy.durable[name] = _copied(node)
        else:
            copy.durable[name] = content = _Content()
            content.durable, content.now, content.tables = bytearray(node.durable), bytearray(node.durable), node.tables
    copy.now = dict(copy.durable)
    return copy
