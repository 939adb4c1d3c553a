# SPDX-License-Identifier: Apache-2.0
"""Stores in one directory: log, term and vote share a write-ahead log; snapshots are files beside it.

```
LOCK          held while a process uses the directory
identity      whose data this is; written last at creation
wal/          entries and hard states
snapshots/    the newest few snapshots
```
"""

from __future__ import annotations

from tricord.base.environment import Disk, Random
from tricord.base.errors import ConfigurationError, CorruptData
from tricord.base.log import Entry, HardState
from tricord.raft_node.config import cluster_number, member_number
from tricord.raft_node.log_mirror import LogMirror
from tricord.raft_node.recovery import newest_whole
from tricord.raft_node.snapshot_files import SnapshotFiles
from tricord.raft_node.stores import Stores
from tricord.storage.identity import Identity, read_identity, write_identity
from tricord.storage.raft_log import RaftLog
from tricord.storage.wal import Wal

SEGMENT_BYTES = 16 << 20


class DiskLog:
    """Log store and stable store on one write-ahead log. ``get`` answers from memory."""

    def __init__(self, log: RaftLog, entries: list[Entry], first_index: int) -> None:
        self._log = log
        self._mirror = LogMirror(first_index, entries)

    @property
    def first_index(self) -> int:
        return self._mirror.first_index

    @property
    def last_index(self) -> int:
        return self._mirror.last_index

    def append(self, entries: list[Entry]) -> None:
        self._log.append(None, entries)
        self._mirror.append(entries)

    def get(self, index: int) -> Entry | None:
        return self._mirror.get(index)

    def cut_before(self, index: int) -> None:
        self._log.cut_before(index)
        self._mirror.cut_before(index)

    def reset(self, index: int, term: int) -> None:
        self._log.reset(index, term)
        self._mirror.reset(index)

    def mark(self) -> None:
        self._log.mark()

    def close(self, *, clean: bool) -> None:
        try:
            if clean:
                self._log.seal()
        finally:
            self._log.close()

    def save(self, hard_state: HardState) -> None:
        self._log.append(hard_state, [])

    def load(self) -> HardState:
        return self._log.hard_state


def open_disk_stores(
    disk: Disk,
    random: Random,
    directory: str,
    local_id: str,
    *,
    cluster: str = "raft",
    snapshots_kept: int = 2,
    segment_bytes: int = SEGMENT_BYTES,
) -> Stores:
    """Open the stores in the directory, or make them; log files of ``segment_bytes``. Blocks.

    Raises DataDirectoryInUse, CorruptData, NewerFormat, DiskFull, DiskFault, OSError, and ConfigurationError when the
    directory is another node's, or of another cluster.
    """
    directory = directory.rstrip("/") or "/"
    _make_directory(disk, directory)
    lock = disk.lock(f"{directory}/LOCK")
    try:
        identity = read_identity(disk, directory)
        if identity is None:
            identity = _create(disk, random, directory, local_id, cluster, segment_bytes)
        if identity.name != local_id:
            raise ConfigurationError(f"{directory} holds the data of {identity.name!r}, not of {local_id!r}")
        if identity.cluster != cluster_number(cluster):
            raise ConfigurationError(f"{directory} belongs to another cluster than {cluster!r}")
        snapshots = SnapshotFiles(disk, f"{directory}/snapshots", snapshots_kept)
        log = _open_log(disk, directory, identity, snapshots, segment_bytes)
    except BaseException:
        lock.close()
        raise
    return Stores(log, log, snapshots, lock.close)


def _open_log(disk: Disk, directory: str, identity: Identity, snapshots: SnapshotFiles, segment_bytes: int) -> DiskLog:
    """The log behind the newest snapshot that is whole. One that is damaged is made good by those before it and the
    log, as far as both reach."""
    info, damaged = newest_whole(snapshots)
    # Behind the newest one the log is kept from where it says; behind an older one only what the state needs is sure.
    index = 0 if info is None else info.index
    first_index = info.kept_from if info is not None and not damaged else index + 1
    try:
        log, entries, _ = RaftLog.open(
            disk,
            f"{directory}/wal",
            cluster=identity.cluster,
            history=identity.history,
            after=first_index - 1,
            installed_term=info.term if info is not None and info.installed and not damaged else None,
            segment_bytes=segment_bytes,
        )
    except CorruptData as error:
        raise damaged[0].error if damaged else error from None
    needed = damaged[0].index if damaged else index
    if log.last_index < needed:
        log.close()
        raise CorruptData(f"{directory}/wal", 0, f"the log ends at {log.last_index}, but a snapshot holds {needed}")
    return DiskLog(log, entries, first_index)


def _make_directory(disk: Disk, directory: str) -> None:
    """Make it and its parents so that a power cut does not take a name away with all that is in it."""
    missing = [directory]
    while not disk.exists(parent_of(missing[-1])):
        missing.append(parent_of(missing[-1]))
    disk.make_directory(directory)
    for path in missing:
        disk.sync_directory(parent_of(path))


def parent_of(path: str) -> str:
    """The directory that a path is in."""
    above, slash, _ = path.rpartition("/")
    return above or slash or "."


def _create(disk: Disk, random: Random, directory: str, local_id: str, cluster: str, segment_bytes: int) -> Identity:
    """Make the log anew. Without an identity nothing was ever acknowledged from here: leftovers go."""
    identity = Identity(
        cluster=cluster_number(cluster),
        member=member_number(cluster, local_id),
        history=random.bits(63) + 1,
        incarnation=random.bits(63) + 1,
        name=local_id,
    )
    for part in ("wal", "snapshots"):
        disk.make_directory(f"{directory}/{part}")
        for name in disk.list(f"{directory}/{part}"):
            disk.remove(f"{directory}/{part}/{name}")
    wal = Wal.create(
        disk, f"{directory}/wal", cluster=identity.cluster, history=identity.history, segment_bytes=segment_bytes
    )
    wal.close()
    disk.sync_directory(directory)
    write_identity(disk, directory, identity)
    return identity
