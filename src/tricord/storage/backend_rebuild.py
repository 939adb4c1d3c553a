# SPDX-License-Identifier: Apache-2.0
"""Rebuilds the backend's file without its unused space, beside the one in use, which is written on meanwhile.

```
1  backend.new/ gets the records table by table in key order, some at a time; of each commit to the backend it gets at
   once what lies in the part that was copied already. So it holds the same as soon as the last record is copied.
2  No commit is under way: it is compared, sealed, closed, and verified like any file at a start.
3  backend/ becomes backend.old/, backend.new/ becomes backend/
4  backend.old/ goes
```

Until a commit follows 3 both hold the same, so nothing has to be decided durably: a start takes whichever is called
backend/, or backend.old/ where nothing is called so, and removes the others (settle_rebuild).
"""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable
from itertools import repeat

from tricord.base.environment import Disk
from tricord.base.errors import CorruptData, DiskFault, DiskFull, StorageError
from tricord.base.ordered import Backend, Table, Write
from tricord.storage.snapshot_install import CURRENT, NEW, OLD, remove_tree

SLICE_BYTES = 512 << 10
SLICE_RECORDS = 2000
"""A slice ends at either. Larger: fewer commits; smaller: a commit of the member waits for less, 10 ms as it is."""
ROOM_BYTES = 16 << 20
"""What must be left of the disk beside the copy: the member goes on writing its log."""
LEAST_ROOM_BYTES = 2 << 20
"""Of a small copy less is asked: it is made soon, and is what ends a full disk when all was deleted and compacted."""
_RECORD_BYTES = 64


class BackendRebuild:
    """One rebuild. All methods block, and run on the backend's lane: no commit is under way while one runs."""

    def __init__(self, disk: Disk, directory: str, source: Backend, *, map_size: int) -> None:
        """Raises DiskFull where there is no room for a copy, OSError."""
        self._disk = disk
        self._directory = directory
        self._path = f"{directory}/{NEW}"
        self._source = source
        self._map_size = map_size
        self._table = 0
        self._start = b""
        """In this table what lies before this key was copied, and all of the tables before."""
        self._failure: Exception | None = None
        self.is_undecided = False
        """Whether a start may find the old one or the new one: nothing more may be committed to either."""
        settle_rebuild(disk, directory)
        remove_tree(disk, self._path)
        used = source.used_bytes()
        room = min(ROOM_BYTES, max(LEAST_ROOM_BYTES, used))
        if disk.free_bytes(directory) < used + used // 8 + room:
            raise DiskFull(f"{directory}: no room for a copy of the {used} bytes in use")
        self._target: Backend | None = disk.open_backend(self._path, map_size=map_size)

    def step(self) -> bool:
        """Copy the next records; False: all are there. Raises DiskFull, CorruptData, OSError; ``discard`` it then."""
        if self._failure is not None:
            raise self._failure
        if self._table == len(Table):
            return False
        assert self._target is not None
        keys: list[bytes] = []
        values: list[bytes] = []
        size = 0
        view = self._source.view()
        try:
            for key, value in view.scan(Table(self._table), self._start, None):
                keys.append(key)
                values.append(value)
                size += len(key) + len(value) + _RECORD_BYTES
                if size >= SLICE_BYTES or len(keys) == SLICE_RECORDS:
                    break
        finally:
            view.close()
        self._commit(list(zip(repeat(Table(self._table)), keys, values, strict=False)))
        if size >= SLICE_BYTES or len(keys) == SLICE_RECORDS:
            self._start = keys[-1] + b"\0"
        else:
            self._table += 1
            self._start = b""
        return True

    def mirror(self, writes: Iterable[Write]) -> None:
        """These were committed to the backend just now. What goes wrong is kept for ``step`` and ``finish``."""
        if self._failure is not None or self._target is None:
            return
        table, start = self._table, self._start
        try:
            self._commit([write for write in writes if write[0] < table or (write[0] == table and write[1] < start)])
        except (OSError, StorageError) as error:
            self._failure = error

    def finish(self) -> None:
        """All was copied, and no commit begins any more: hold it against the backend, seal it, verify its file.

        Costs about 0.5 s a gigabyte. Raises as ``step``.
        """
        if self._failure is not None:
            raise self._failure
        target = self._target
        assert target is not None and self._table == len(Table), "it was copied whole"
        compare(self._path, self._source, target)
        try:
            target.seal()
        except OSError as error:
            raise self._full_or(error) from error
        self._target = None
        target.close()
        self._disk.open_backend(self._path, map_size=self._map_size).close()
        self._disk.sync_directory(self._directory)

    def put_in_place(self) -> Backend:
        """Step 3: the new backend. Raises OSError where nothing was changed; DiskFault: the member must stop, and
        its next start finds one of the two.
        """
        current = f"{self._directory}/{CURRENT}"
        self._disk.rename(current, f"{self._directory}/{OLD}")
        self.is_undecided = True
        try:
            self._disk.rename(self._path, current)
            self._disk.sync_directory(self._directory)
            backend = self._disk.open_backend(current, map_size=self._map_size)
        except (OSError, StorageError) as error:
            raise DiskFault(f"{current}: a new one was not put in its place: {error}") from error
        self.is_undecided = False
        return backend

    def remove_old(self) -> None:
        """Step 4. Raises OSError: then it goes at the next start."""
        remove_tree(self._disk, f"{self._directory}/{OLD}")

    def discard(self) -> None:
        """It is not wanted, or did not work. Raises OSError: then it goes at the next start."""
        target, self._target = self._target, None
        if target is not None:
            target.close()
        remove_tree(self._disk, self._path)

    def _commit(self, writes: Collection[Write]) -> None:
        assert self._target is not None
        try:
            self._target.commit(writes)
        except OSError as error:
            raise self._full_or(error) from error

    def _full_or(self, error: OSError) -> Exception:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return DiskFull(f"{self._directory}: no room for a copy of the data")
        return error


def compare(path: str, source: Backend, target: Backend) -> None:
    """Raise CorruptData unless both hold the same.

    Where there are long keys their hashes differ, for they hold numbers that each file gives by itself: the counts of
    records do not.
    """
    ours, theirs = list(source.sums()), list(target.sums())
    if any(name == "long" and count for name, count, _ in ours):
        ours, theirs = [(name, count, 0) for name, count, _ in ours], [(name, count, 0) for name, count, _ in theirs]
    if ours != theirs:
        raise CorruptData(path, 0, "the copy does not hold what it was made from")


def settle_rebuild(disk: Disk, directory: str) -> None:
    """At a start: end what a process that died left of a rebuild. Raises OSError."""
    current, old = f"{directory}/{CURRENT}", f"{directory}/{OLD}"
    if not disk.exists(old):
        return
    if not disk.exists(current):
        disk.rename(old, current)
        disk.sync_directory(directory)
    remove_tree(disk, old)
