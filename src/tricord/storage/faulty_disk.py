# SPDX-License-Identifier: Apache-2.0
"""A disk that is slow or fails on purpose, around another one.

A member has one only with ``--unsafe-faults`` (``server.faults`` reads the file); without it none of this runs. What
LMDB itself reads and writes passes this by: of the backend, ``commit`` and ``seal`` can be slow or fail as a whole.
"""

from __future__ import annotations

import errno
import fnmatch
import threading
from collections.abc import Callable, Collection, Iterable, Iterator

import msgspec

from tricord.base.environment import Disk, File
from tricord.base.ordered import Backend, BackendView, Write

FILE_OPERATIONS = ("allocate", "datasync", "pread", "pwrite", "size", "truncate")
NAME_OPERATIONS = ("exists", "list", "make_directory", "open", "remove", "remove_directory", "rename", "sync_directory")
BACKEND_OPERATIONS = ("commit", "open_backend", "seal")
OPERATIONS = frozenset((*FILE_OPERATIONS, *NAME_OPERATIONS, *BACKEND_OPERATIONS, "free_bytes", "lock"))


class DiskRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which calls are slow or fail, and how. Raises ValueError for an operation or an error that there is not."""

    operations: tuple[str, ...] = ()
    """Of ``OPERATIONS``; empty: all."""
    path: str = "*"
    """Pattern of the path, as the shell's, where ``*`` also stands for slashes."""
    delay: float = 0.0
    """Seconds that the call waits before it does anything."""
    error: str = ""
    """The name of an error (EIO, ENOSPC); the call does nothing and fails with it. Empty: it does not fail."""
    every: int = 1
    """Of the calls that match, only each so-manieth is hit."""

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.operations) - OPERATIONS):
            raise ValueError(f"a disk has no operation {unknown[0]!r}: one of {', '.join(sorted(OPERATIONS))}")
        if self.error and not isinstance(getattr(errno, self.error, None), int):
            raise ValueError(f"there is no error {self.error!r}: a name as EIO or ENOSPC")
        if self.every < 1 or self.delay < 0:
            raise ValueError("every is at least 1, delay at least 0 seconds")

    def matches(self, operation: str, path: str) -> bool:
        """Whether it is about such a call."""
        return (not self.operations or operation in self.operations) and fnmatch.fnmatchcase(path, self.path)


class FaultyDisk:
    """A ``Disk``. Calls come from any thread, as do changes of the rules."""

    def __init__(self, disk: Disk, sleep: Callable[[float], object]) -> None:
        """``sleep(seconds)`` blocks the calling thread, as a slow disk does."""
        self.disk = disk
        """The one that works."""
        self.hits: dict[str, int] = {}
        """How many calls were delayed or failed, by operation."""
        self._sleep = sleep
        self._lock = threading.Lock()
        self._rules: tuple[tuple[DiskRule, list[int]], ...] = ()

    def replace(self, rules: Iterable[DiskRule]) -> None:
        """From now on these hold, and no others."""
        self._rules = tuple((rule, [0]) for rule in rules)

    def call(self, operation: str, path: str) -> None:
        """What happens before the call itself. Raises OSError."""
        for rule, count in self._rules:
            if not rule.matches(operation, path):
                continue
            with self._lock:
                count[0] += 1
                if count[0] % rule.every:
                    continue
                self.hits[operation] = self.hits.get(operation, 0) + 1
            if rule.delay:
                self._sleep(rule.delay)
            if rule.error:
                raise OSError(getattr(errno, rule.error), f"{operation} fails on purpose", path)

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> File:
        self.call("open", path)
        return _FaultyFile(self, path, self.disk.open(path, create=create, exclusive=exclusive))

    def lock(self, path: str) -> File:
        self.call("lock", path)
        return _FaultyFile(self, path, self.disk.lock(path))

    def list(self, path: str) -> list[str]:
        self.call("list", path)
        return self.disk.list(path)

    def exists(self, path: str) -> bool:
        self.call("exists", path)
        return self.disk.exists(path)

    def make_directory(self, path: str) -> None:
        self.call("make_directory", path)
        self.disk.make_directory(path)

    def rename(self, old: str, new: str) -> None:
        self.call("rename", old)
        self.disk.rename(old, new)

    def remove(self, path: str) -> None:
        self.call("remove", path)
        self.disk.remove(path)

    def remove_directory(self, path: str) -> None:
        self.call("remove_directory", path)
        self.disk.remove_directory(path)

    def sync_directory(self, path: str) -> None:
        self.call("sync_directory", path)
        self.disk.sync_directory(path)

    def free_bytes(self, path: str) -> int:
        self.call("free_bytes", path)
        return self.disk.free_bytes(path)

    def open_backend(self, path: str, *, map_size: int) -> Backend:
        self.call("open_backend", path)
        return _FaultyBackend(self, path, self.disk.open_backend(path, map_size=map_size))


class _FaultyFile:
    """An open file of a ``FaultyDisk``, by the name it was opened with."""

    def __init__(self, disk: FaultyDisk, path: str, file: File) -> None:
        self._disk = disk
        self._path = path
        self._file = file

    def pread(self, size: int, offset: int) -> bytes:
        self._disk.call("pread", self._path)
        return self._file.pread(size, offset)

    def pwrite(self, data: bytes | bytearray | memoryview, offset: int) -> None:
        self._disk.call("pwrite", self._path)
        self._file.pwrite(data, offset)

    def datasync(self) -> None:
        self._disk.call("datasync", self._path)
        self._file.datasync()

    def allocate(self, size: int) -> None:
        self._disk.call("allocate", self._path)
        self._file.allocate(size)

    def truncate(self, size: int) -> None:
        self._disk.call("truncate", self._path)
        self._file.truncate(size)

    def size(self) -> int:
        self._disk.call("size", self._path)
        return self._file.size()

    def close(self) -> None:
        self._file.close()


class _FaultyBackend:
    """A backend whose commits and seals are calls of a ``FaultyDisk``."""

    def __init__(self, disk: FaultyDisk, path: str, backend: Backend) -> None:
        self._disk = disk
        self._path = path
        self._backend = backend

    def view(self) -> BackendView:
        return self._backend.view()

    def commit(self, writes: Collection[Write]) -> None:
        self._disk.call("commit", self._path)
        self._backend.commit(writes)

    def seal(self) -> None:
        self._disk.call("seal", self._path)
        self._backend.seal()

    def size_bytes(self) -> int:
        return self._backend.size_bytes()

    def used_bytes(self) -> int:
        return self._backend.used_bytes()

    def sums(self) -> Iterator[tuple[str, int, int]]:
        return self._backend.sums()

    def retire(self) -> None:
        self._backend.retire()

    def close(self) -> None:
        self._backend.close()
