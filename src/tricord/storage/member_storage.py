# SPDX-License-Identifier: Apache-2.0
"""Opens a data directory whole: lock, identity, backend, log; each checked against the other.

```
LOCK            held while a process uses the directory; holds its pid
identity        whose data this is (identity.py); written last at creation
wal/            the log
backend/        the ordered store
snapshots/      snapshot files on their way out or in (snapshot_files.py)
backend.new/, backend.old/, install     while a snapshot is put in place of the store (snapshot_install.py)
backend.new/, backend.old/              while the store is rebuilt (backend_rebuild.py)
```

The backend is never ahead of the log: what it holds was durable there first. So a log that ends before the applied
index has lost something, and one that begins behind it has a gap: both are refused, and nothing is repaired by
guessing.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass

from tricord.base.environment import Disk, Environment, File
from tricord.base.errors import CorruptData, DiskFull
from tricord.base.log import Entry, HardState
from tricord.base.ordered import META_APPLIED_INDEX, META_APPLIED_TERM, META_CONFIGURATION, Backend, Table
from tricord.storage.backend_rebuild import BackendRebuild, settle_rebuild
from tricord.storage.creation import create_data_directory, make_durable_directory
from tricord.storage.identity import Identity, read_identity
from tricord.storage.overlay import Overlay
from tricord.storage.raft_log import RaftLog
from tricord.storage.snapshot_format import SnapshotInfo
from tricord.storage.snapshot_install import (
    CURRENT,
    begin_install,
    end_install,
    install_under_way,
    prepare_install,
    reset_log,
    swap_backends,
    undo_preparation,
)
from tricord.storage.snapshot_writer import IsCancelled, Progress, never, nobody_told
from tricord.storage.wal import SEGMENT_BYTES

MAP_SIZE_BYTES = 8 << 30
EARLIER_ENTRIES_MAX = 10_000
"""How many applied entries are given at a start, at most."""


@dataclass(slots=True)
class MemberStorage:
    """An open data directory. What was found at the start stays as it was found."""

    disk: Disk
    directory: str
    map_size: int
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

    def prepare(self, path: str, *, progress: Progress = nobody_told, cancelled: IsCancelled = never) -> SnapshotInfo:
        """Build a new backend from the snapshot file, beside the one in use. Blocks, on any thread.

        See ``prepare_install`` for costs and errors.
        """
        return prepare_install(
            self.disk,
            self.directory,
            path,
            cluster=self.identity.cluster,
            history=self.identity.history,
            map_size=self.map_size,
            progress=progress,
            cancelled=cancelled,
        )

    def install(self, prepared: SnapshotInfo) -> Backend:
        """Put what was prepared in place of backend and log, durably, and give the new backend for ``adopt``.

        Blocks, on the WAL lane, while no commit is under way; costs the verification of the new file. Raises DiskFull:
        it may be called again, and nothing else be done meanwhile. Raises CorruptData, DiskFault, OSError: the member
        must stop, and goes on with the old or the new state at its next start.
        """
        disk, directory = self.disk, self.directory
        if install_under_way(disk, directory) is None:
            _room_or_full(directory, lambda: begin_install(disk, directory, prepared))
        swap_backends(disk, directory)
        backend = disk.open_backend(f"{directory}/{CURRENT}", map_size=self.map_size)
        try:
            if _applied(directory, backend)[:2] != (prepared.index, prepared.term):
                raise CorruptData(f"{directory}/{CURRENT}", 0, "the backend does not hold what was installed")
            reset_log(self.log, prepared.index, prepared.term)
            end_install(disk, directory)
        except BaseException:
            backend.close()
            raise
        return backend

    def adopt(self, backend: Backend) -> None:
        """Go on with the new backend, on the loop: overlay and later views show its state, older views theirs.

        Whoever remembers the old state reads anew: the state machine by ``reload``, the drain by ``resume``.
        """
        old, self.backend = self.backend, backend
        self.overlay.replace_backend(backend)
        old.retire()

    def rebuild(self) -> BackendRebuild:
        """Begin to rebuild the backend's file without its unused space. Blocks, on the backend's lane.

        Raises DiskFull, OSError.
        """
        return BackendRebuild(self.disk, self.directory, self.backend, map_size=self.map_size)

    def move(self, backend: Backend) -> None:
        """Go on, on the loop, with a backend that holds the same. The old one is to be retired."""
        self.backend = backend
        self.overlay.move(backend)

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
    make_durable_directory(disk, directory)
    lock = disk.lock(f"{directory}/LOCK")
    try:
        identity = read_identity(disk, directory)
        if identity is None:
            identity = create_data_directory(
                disk, directory, new_identity(), initial_configuration, map_size=map_size, segment_bytes=segment_bytes
            )
        return _open(disk, directory, identity, lock, map_size=map_size, segment_bytes=segment_bytes)
    except BaseException:
        lock.close()
        raise


def _open(
    disk: Disk, directory: str, identity: Identity, lock: File, *, map_size: int, segment_bytes: int
) -> MemberStorage:
    _settle_install(disk, directory, identity, segment_bytes)
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
        disk=disk,
        directory=directory,
        map_size=map_size,
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


def _settle_install(disk: Disk, directory: str, identity: Identity, segment_bytes: int) -> None:
    """Finish an install that was decided; undo one that was not, or a rebuild."""
    decided = install_under_way(disk, directory)
    if decided is None:
        settle_rebuild(disk, directory)
        undo_preparation(disk, directory)
        return
    swap_backends(disk, directory)
    log = RaftLog.open_for_reset(
        disk,
        f"{directory}/wal",
        cluster=identity.cluster,
        history=identity.history,
        segment_bytes=segment_bytes,
    )
    try:
        reset_log(log, *decided)
    finally:
        log.close()
    end_install(disk, directory)


def _room_or_full(directory: str, action: Callable[[], None]) -> None:
    try:
        action()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"{directory}: no room to install a snapshot") from error
        raise


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
