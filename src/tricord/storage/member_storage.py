# SPDX-License-Identifier: Apache-2.0
"""Opens a data directory whole: lock, identity, backend, log; each checked against the other.

```
LOCK            held while a process uses the directory; holds its pid
identity        whose data this is (identity.py); written last at creation
wal/            the log
backend/        the ordered store
```

The backend is never ahead of the log: what it holds was durable there first. So a log that ends before the applied
index has lost something, and one that begins behind it has a gap: both are refused, and nothing is repaired by
guessing.
"""

from __future__ import annotations

from collections.abc import Callable

from tricord.base.environment import Disk, Environment, File
from tricord.base.errors import CorruptData
from tricord.base.log import Entry, HardState
from tricord.base.message import message
from tricord.base.ordered import META_APPLIED_INDEX, META_APPLIED_TERM, META_CONFIGURATION, Backend, Table
from tricord.storage.identity import Identity, read_identity, write_identity
from tricord.storage.overlay import Overlay
from tricord.storage.raft_log import RaftLog
from tricord.storage.wal import SEGMENT_BYTES, Wal
from tricord.storage.wal_format import BATCH_HEADER_BYTES, HEADER_BYTES
from tricord.storage.wal_scan import SUFFIX

MAP_SIZE_BYTES = 8 << 30
EARLIER_ENTRIES_MAX = 10_000
"""How many applied entries are given at a start, at most."""


@message
class MemberStorage:
    """An open data directory."""

    identity: Identity
    log: RaftLog
    """The Raft log: ``append(hard_state, entries)``, ``mark()``, ``seal()``, ``cut_before(index)``; on the WAL lane."""
    backend: Backend
    overlay: Overlay
    hard_state: HardState
    applied_index: int
    """The backend's durable index."""
    applied_term: int
    configuration: bytes
    """The cluster's configuration in force at the applied index, encoded; empty: none yet."""
    entries: list[Entry]
    """All entries behind the applied index."""
    earlier: list[Entry]
    """Entries up to the applied one that the log still has, without a gap, for peers that lag: at most
    EARLIER_ENTRIES_MAX, and 16 MiB of them."""
    earlier_base: tuple[int, int]
    """Index and term of the entry before ``earlier``; the applied one's where there is none."""
    lock: File

    def close(self) -> None:
        """Close everything and let go of the directory. Seal log and backend before, at a clean stop."""
        try:
            self.log.close()
            self.overlay.close()
            self.backend.close()
        finally:
            self.lock.close()


def open_member_storage(
    environment: Environment,
    directory: str,
    *,
    new_identity: Callable[[], Identity],
    initial_configuration: bytes = b"",
    map_size: int = MAP_SIZE_BYTES,
    segment_bytes: int = SEGMENT_BYTES,
) -> MemberStorage:
    """Open the data directory, or create it with ``new_identity()`` where there is none. Blocks on the disk.

    ``initial_configuration`` is the cluster's, encoded, that a new directory begins with; an old one ignores it.
    ``map_size`` bounds the backend's file and ``segment_bytes`` is the size of a log file, both in bytes. Raises
    DataDirectoryInUse, CorruptData, NewerFormat, DiskFull, DiskFault, OSError.
    """
    disk = environment.disk
    _make_durable_directory(disk, directory)
    lock = disk.lock(f"{directory}/LOCK")
    try:
        identity = read_identity(disk, directory)
        if identity is None:
            identity = _create(
                disk, directory, new_identity(), initial_configuration, map_size=map_size, segment_bytes=segment_bytes
            )
        return _open(disk, directory, identity, lock, map_size=map_size, segment_bytes=segment_bytes)
    except BaseException:
        lock.close()
        raise


def _make_durable_directory(disk: Disk, directory: str) -> None:
    """Make it and its parents so that a power cut does not take the name away with all that is in it."""
    path = directory.rstrip("/") or "/"
    # The last two always: the start that made them may have failed before its sync.
    to_sync = [path, _parent(path)]
    while not disk.exists(path) and _parent(path) != path:
        path = _parent(path)
        to_sync.append(_parent(path))
    disk.make_directory(directory)
    for name in dict.fromkeys(reversed(to_sync)):
        disk.sync_directory(name)


def _parent(path: str) -> str:
    above, slash, _ = path.rpartition("/")
    return above or slash or "."


def _create(
    disk: Disk, directory: str, identity: Identity, configuration: bytes, *, map_size: int, segment_bytes: int
) -> Identity:
    """Make backend and log anew. Without an identity nothing was ever acknowledged from here: leftovers go.

    Unless they show that something was: then it is the identity that got lost.
    """
    _refuse_to_discard(disk, directory)
    for part in ("wal", "backend"):
        disk.make_directory(f"{directory}/{part}")
        for name in disk.list(f"{directory}/{part}"):
            disk.remove(f"{directory}/{part}/{name}")
    backend = disk.open_backend(f"{directory}/backend", map_size=map_size)
    try:
        if configuration:
            backend.commit([(Table.META, META_CONFIGURATION, configuration)])
    finally:
        backend.close()
    wal = Wal.create(
        disk, f"{directory}/wal", cluster=identity.cluster, history=identity.history, segment_bytes=segment_bytes
    )
    wal.close()
    disk.sync_directory(directory)
    write_identity(disk, directory, identity)
    return identity


def _refuse_to_discard(disk: Disk, directory: str) -> None:
    wal = f"{directory}/wal"
    used = disk.exists(f"{directory}/backend/seal")
    segments = [name for name in disk.list(wal) if name.endswith(SUFFIX)] if disk.exists(wal) else []
    # A creation that did not get to its end left at most one segment, without a batch.
    if len(segments) == 1:
        file = disk.open(f"{wal}/{segments[0]}")
        try:
            used = used or any(file.pread(BATCH_HEADER_BYTES, HEADER_BYTES))
        finally:
            file.close()
    if used or len(segments) > 1:
        raise CorruptData(f"{directory}/identity", 0, "the identity is gone, but log and backend hold data")


def _open(
    disk: Disk, directory: str, identity: Identity, lock: File, *, map_size: int, segment_bytes: int
) -> MemberStorage:
    for part in ("wal", "backend"):
        if not disk.exists(f"{directory}/{part}"):
            raise CorruptData(f"{directory}/{part}", 0, "the directory is gone")
    backend = disk.open_backend(f"{directory}/backend", map_size=map_size)
    try:
        applied_index, applied_term, configuration = _applied(directory, backend)
        log, entries, term_in_log = RaftLog.open(
            disk,
            f"{directory}/wal",
            cluster=identity.cluster,
            history=identity.history,
            after=applied_index,
            earlier=EARLIER_ENTRIES_MAX,
            segment_bytes=segment_bytes,
        )
        if term_in_log and term_in_log != applied_term:
            raise CorruptData(
                f"{directory}/wal", 0, f"entry {applied_index} has term {term_in_log}, applied was {applied_term}"
            )
        earlier, base = _take_earlier(log, applied_index, applied_term)
        overlay = Overlay(backend)
    except BaseException:
        backend.close()
        raise
    return MemberStorage(
        identity=identity,
        log=log,
        backend=backend,
        overlay=overlay,
        hard_state=log.hard_state,
        applied_index=applied_index,
        applied_term=applied_term,
        configuration=configuration,
        entries=entries,
        earlier=earlier,
        earlier_base=base,
        lock=lock,
    )


def _take_earlier(log: RaftLog, applied_index: int, applied_term: int) -> tuple[list[Entry], tuple[int, int]]:
    earlier, base = log.earlier, log.earlier_base
    log.earlier = []
    if not earlier:
        return [], (applied_index, applied_term)
    if base[0] and not base[1]:
        # A log that was cut does not say the term of the entry before its first: that first one is the base then.
        return earlier[1:], (earlier[0].index, earlier[0].term)
    return earlier, base


def _applied(directory: str, backend: Backend) -> tuple[int, int, bytes]:
    view = backend.view()
    try:
        found = [view.get(Table.META, key) for key in (META_APPLIED_INDEX, META_APPLIED_TERM)]
        configuration = view.get(Table.META, META_CONFIGURATION) or b""
    finally:
        view.close()
    for value in found:
        if value is not None and len(value) != 8:
            raise CorruptData(f"{directory}/backend", 0, "the applied index is not a number")
    index, term = (int.from_bytes(value or b"", "big") for value in found)
    return index, term, configuration
