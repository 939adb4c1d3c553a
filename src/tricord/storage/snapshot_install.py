# SPDX-License-Identifier: Apache-2.0
"""Puts a snapshot in place of a member's state and log.

```
1  backend.new/ is built from the file and verified (prepare_install)      undone at the next start
2  the file "install" is written: from here on the new state counts        finished at the next start
3  backend/ becomes backend.old/, backend.new/ becomes backend/
4  backend.old/ goes; the log begins anew behind the snapshot's index
5  the file "install" goes
```

Each step is durable before the next one begins, and each may be done again. Nothing is appended to the log between 4
and 5 but hard states: a start that finishes the steps begins the log anew.
"""

from __future__ import annotations

import errno
from itertools import repeat
from struct import Struct

from crc32c import crc32c

from tricord.base.environment import Disk
from tricord.base.errors import Cancelled, CorruptData, DiskFull, NewerFormat
from tricord.base.log import HardState
from tricord.base.ordered import (
    META_APPLIED_INDEX,
    META_APPLIED_TERM,
    META_CONFIGURATION,
    Backend,
    Table,
    Write,
)
from tricord.storage.raft_log import RaftLog
from tricord.storage.snapshot_format import SnapshotInfo
from tricord.storage.snapshot_reader import SnapshotReader
from tricord.storage.snapshot_writer import IsCancelled, Progress, never, nobody_told

CURRENT = "backend"
NEW = "backend.new"
OLD = "backend.old"
MARK = "install"
MARK_VERSION = 1
BATCH_BYTES = 16 << 20
"""Of one commit. Larger: fewer syncs; smaller: less memory."""

_MARK = Struct(">8sIQQ")
_MARK_MAGIC = b"tricinst"
_CHECK = Struct(">I")
_ROOM_BYTES = 1 << 20
_RECORD_BYTES = 64


def prepare_install(
    disk: Disk,
    directory: str,
    path: str,
    *,
    cluster: int,
    history: int,
    map_size: int,
    progress: Progress = nobody_told,
    cancelled: IsCancelled = never,
) -> SnapshotInfo:
    """Build ``backend.new`` of the data directory from the snapshot file, verified and durable; the member goes on.

    Blocks: for a thread. ``map_size`` bounds the backend's file. Costs about 5 us a record, and memory for one commit.
    Raises CorruptData, NewerFormat, DiskFull, OSError, Cancelled: nothing is left then but what the next call removes.
    """
    remove_tree(disk, f"{directory}/{NEW}")
    reader = SnapshotReader(disk, path)
    try:
        if (reader.info.cluster, reader.info.history) != (cluster, history):
            raise CorruptData(path, 0, "the snapshot belongs to another cluster or history")
        if disk.free_bytes(directory) < reader.size + reader.size // 4 + _ROOM_BYTES:
            raise DiskFull(f"{directory}: no room to install a snapshot of {reader.size} bytes")
        _build(disk, directory, reader, map_size, progress, cancelled)
        disk.sync_directory(directory)
        return reader.info
    except (OSError, Cancelled, CorruptData) as error:
        remove_tree(disk, f"{directory}/{NEW}")
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"{directory}: no room to install a snapshot: {error}") from error
        raise
    finally:
        reader.close()


def _build(
    disk: Disk, directory: str, reader: SnapshotReader, map_size: int, progress: Progress, cancelled: IsCancelled
) -> None:
    backend = disk.open_backend(f"{directory}/{NEW}", map_size=map_size)
    try:
        writes: list[Write] = []
        size = 0
        for block in reader.blocks():
            if cancelled():
                raise Cancelled("the snapshot is not wanted any more")
            writes += zip(repeat(block.table), block.keys, block.values, strict=False)
            size += sum(map(len, block.values)) + _RECORD_BYTES * len(block.keys)
            if size >= BATCH_BYTES:
                backend.commit(writes)
                writes, size = [], 0
            progress(reader.at)
        backend.commit(writes)
        _compare(f"{directory}/{NEW}", backend, reader.info)
        backend.seal()
    finally:
        backend.close()


def _compare(path: str, backend: Backend, info: SnapshotInfo) -> None:
    view = backend.view()
    try:
        counts = tuple(view.count(table, b"", None) for table in Table)
        index, term = (
            int.from_bytes(view.get(Table.META, key) or b"") for key in (META_APPLIED_INDEX, META_APPLIED_TERM)
        )
        configuration = view.get(Table.META, META_CONFIGURATION) or b""
    finally:
        view.close()
    if counts != info.counts:
        raise CorruptData(path, 0, f"{counts} records are there of the {info.counts} that the snapshot holds")
    if (index, term, configuration) != (info.index, info.term, info.configuration):
        raise CorruptData(path, 0, "what the snapshot holds is of another place in the log than it says")


def begin_install(disk: Disk, directory: str, info: SnapshotInfo) -> None:
    """Step 2: decide for what was prepared. Raises OSError: then nothing is decided, and it may be called again."""
    data = _MARK.pack(_MARK_MAGIC, MARK_VERSION, info.index, info.term)
    file = disk.open(f"{directory}/{MARK}.new", create=True)
    try:
        file.truncate(0)
        file.pwrite(data + _CHECK.pack(crc32c(data)), 0)
        file.datasync()
    finally:
        file.close()
    disk.rename(f"{directory}/{MARK}.new", f"{directory}/{MARK}")
    disk.sync_directory(directory)


def undo_preparation(disk: Disk, directory: str) -> None:
    """Remove what an install left that was not decided. Raises OSError."""
    remove_tree(disk, f"{directory}/{NEW}")
    if disk.exists(f"{directory}/{MARK}.new"):
        disk.remove(f"{directory}/{MARK}.new")


def install_under_way(disk: Disk, directory: str) -> tuple[int, int] | None:
    """Index and term of an install that was decided and not finished. Raises CorruptData, NewerFormat, OSError."""
    path = f"{directory}/{MARK}"
    if not disk.exists(path):
        return None
    file = disk.open(path)
    try:
        data = file.pread(_MARK.size + _CHECK.size + 1, 0)
    finally:
        file.close()
    if len(data) != _MARK.size + _CHECK.size or data[-4:] != _CHECK.pack(crc32c(data[:-4])):
        raise CorruptData(path, 0, "the mark of an install does not match its checksum")
    magic, version, index, term = _MARK.unpack_from(data)
    if magic != _MARK_MAGIC:
        raise CorruptData(path, 0, "this is no mark of an install")
    if version > MARK_VERSION:
        raise NewerFormat(f"{path} has format {version}; this version knows up to {MARK_VERSION}")
    return index, term


def swap_backends(disk: Disk, directory: str) -> None:
    """Step 3, and the end of the old one. A backend that is open goes on answering its views."""
    current, new, old = (f"{directory}/{name}" for name in (CURRENT, NEW, OLD))
    if disk.exists(new):
        if disk.exists(current):
            disk.rename(current, old)
        disk.rename(new, current)
    disk.sync_directory(directory)
    remove_tree(disk, old)


def reset_log(log: RaftLog, index: int, term: int) -> None:
    """Step 4: the log begins anew behind the snapshot. Raises DiskFull, DiskFault."""
    state = log.hard_state
    # A member that holds an entry has seen its term; it gave no vote in one that its hard state does not know.
    vote = state.vote if state.term >= term else 0
    log.reset(index, term, HardState(max(state.term, term), vote, max(state.commit, index)))


def end_install(disk: Disk, directory: str) -> None:
    """Step 5."""
    disk.remove(f"{directory}/{MARK}")
    disk.sync_directory(directory)


def remove_tree(disk: Disk, path: str) -> None:
    """Remove a directory of files; fine if it is not there."""
    if not disk.exists(path):
        return
    for name in disk.list(path):
        disk.remove(f"{path}/{name}")
    disk.remove_directory(path)
