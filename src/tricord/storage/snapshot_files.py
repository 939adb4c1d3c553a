# SPDX-License-Identifier: Apache-2.0
"""The snapshot files of a data directory: one on its way out, shared by all who receive it, and one on its way in.

```
snapshots/INDEX-TERM-N.snap       written here, for others; N counts since the start
snapshots/incoming-ID.part        received so far, for this member
```

Whatever else has such a name is left from a process that died, and goes at the start; a part that came in stays, and
its transfer goes on where it ended.
"""

from __future__ import annotations

import errno

from tricord.base.environment import Disk, File
from tricord.base.errors import CorruptData, DiskFull, NewerFormat
from tricord.base.message import message
from tricord.base.ordered import BackendView
from tricord.storage.snapshot_format import SnapshotInfo
from tricord.storage.snapshot_reader import verify_snapshot
from tricord.storage.snapshot_writer import (
    SYNC_BYTES,
    IsCancelled,
    Progress,
    never,
    nobody_told,
    write_snapshot,
)

_OUT = ".snap"
_OUT_PART = ".snap.part"
_IN_PREFIX, _IN = "incoming-", ".part"
_ROOM_BYTES = 1 << 20


@message
class OfferedSnapshot:
    """What a sender says of its file. Equal ``id``, ``size`` and ``checksum``: the same bytes."""

    id: int
    index: int
    term: int
    size: int
    checksum: int


class OutgoingSnapshot:
    """A whole snapshot file, open to be sent."""

    def __init__(self, disk: Disk, path: str, info: SnapshotInfo) -> None:
        self.path = path
        self.info = info
        self._disk = disk
        self._file = disk.open(path)

    @property
    def offered(self) -> OfferedSnapshot:
        """What to say of it."""
        info = self.info
        return OfferedSnapshot(info.id, info.index, info.term, info.size, info.checksum)

    def read(self, offset: int, size: int) -> bytes:
        """Up to ``size`` bytes from ``offset``. Blocks; on any thread, until ``remove``. Raises OSError."""
        return self._file.pread(size, offset)

    def damage(self) -> str:
        """Read all of it: what is wrong with it by now; empty: nothing. Blocks. Raises OSError."""
        try:
            verify_snapshot(self._disk, self.path)
        except (CorruptData, NewerFormat) as error:
            return str(error)
        return ""

    def remove(self) -> None:
        """Give its space back; nobody reads it any more. Blocks. Raises OSError."""
        self._file.close()
        self._disk.remove(self.path)


class IncomingSnapshot:
    """A snapshot file that comes in, piece by piece. Every method blocks; one thread at a time."""

    def __init__(self, disk: Disk, directory: str, offered: OfferedSnapshot, cluster: int, history: int) -> None:
        """Goes on with what is there of it. Raises DiskFull where there is no room for the rest, OSError."""
        self.path = f"{directory}/{_IN_PREFIX}{offered.id:016x}{_IN}"
        self.offered = offered
        self.info: SnapshotInfo | None = None
        """What it holds, once ``finish`` found it good."""
        self._disk = disk
        self._directory = directory
        self._identity = (cluster, history)
        self._file: File | None = disk.open(self.path, create=True)
        try:
            if self._file.size() > offered.size:
                self._file.truncate(0)
            self._have = self._synced = self._file.size()
            if disk.free_bytes(directory) < offered.size - self._have + _ROOM_BYTES:
                raise DiskFull(f"{directory}: no room for a snapshot of {offered.size} bytes")
        except BaseException:
            self.close()
            raise

    @property
    def have(self) -> int:
        """How many of the first bytes are here."""
        return self._have

    def write(self, offset: int, data: bytes) -> None:
        """The bytes from ``offset`` on, which is ``have``. Raises DiskFull, OSError; what was there before stays."""
        if self._file is None or offset != self._have or offset + len(data) > self.offered.size:
            raise OSError(errno.EINVAL, f"{self.path}: bytes at {offset} do not go on where {self._have} are here")
        try:
            self._file.pwrite(data, offset)
            self._have += len(data)
            if self._have - self._synced >= SYNC_BYTES:
                self._file.datasync()
                self._synced = self._have
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(f"{self._directory}: no room for a snapshot") from error
            raise

    def finish(self) -> str:
        """All bytes are here: make them durable and verify the whole. Empty: it is good; else what is wrong with it.

        A file that is not good is removed: the next attempt begins from its start. Raises OSError.
        """
        assert self._file is not None, "it was closed"
        if self._have != self.offered.size:
            return f"only {self._have} of {self.offered.size} bytes are here"
        self._file.datasync()
        self._disk.sync_directory(self._directory)
        problem, info = self._verified()
        if problem:
            self.remove()
        self.info = info
        return problem

    def close(self) -> None:
        """Nothing more comes now. What is here stays."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def remove(self) -> None:
        """It was installed, or is of no use: it goes. Raises OSError."""
        self.close()
        if self._disk.exists(self.path):
            self._disk.remove(self.path)

    def _verified(self) -> tuple[str, SnapshotInfo | None]:
        try:
            info = verify_snapshot(self._disk, self.path)
        except (CorruptData, NewerFormat) as error:
            return str(error), None
        if (info.cluster, info.history) != self._identity:
            return "the snapshot belongs to another cluster or history", None
        if OfferedSnapshot(info.id, info.index, info.term, info.size, info.checksum) != self.offered:
            return "the snapshot is not the one that was offered", None
        return "", info


class SnapshotFiles:
    """The directory of snapshot files of one member. Every method blocks."""

    def __init__(self, disk: Disk, directory: str, *, cluster: int, history: int) -> None:
        """``directory`` is made if it is not there; what no process needs any more goes. Raises OSError."""
        self._disk = disk
        self._directory = directory
        self._cluster = cluster
        self._history = history
        self._written = 0
        disk.make_directory(directory)
        names = disk.list(directory)
        incoming = [name for name in names if _is_incoming(name)]
        for name in names:
            # Of several incoming ones nobody can say which is the newest.
            if name.endswith((_OUT, _OUT_PART)) or (name in incoming and len(incoming) > 1):
                disk.remove(f"{directory}/{name}")

    def write(
        self, view: BackendView, *, progress: Progress = nobody_told, cancelled: IsCancelled = never
    ) -> OutgoingSnapshot:
        """Write what the view shows to a file for others; the caller closes the view. For a thread of its own.

        Costs and errors: ``write_snapshot``.
        """
        path = f"{self._directory}/new{_OUT}"
        info = write_snapshot(
            self._disk,
            path,
            view,
            cluster=self._cluster,
            history=self._history,
            progress=progress,
            cancelled=cancelled,
        )
        self._written += 1
        final = f"{self._directory}/{info.index}-{info.term}-{self._written}{_OUT}"
        self._disk.rename(path, final)
        return OutgoingSnapshot(self._disk, final, info)

    def receive(self, offered: OfferedSnapshot) -> IncomingSnapshot:
        """Take a snapshot in, or go on with it. Parts of others go: not while one of them is taken in or installed.

        Raises DiskFull, OSError.
        """
        incoming = IncomingSnapshot(self._disk, self._directory, offered, self._cluster, self._history)
        for name in self._disk.list(self._directory):
            path = f"{self._directory}/{name}"
            if _is_incoming(name) and path != incoming.path:
                self._disk.remove(path)
        return incoming


def _is_incoming(name: str) -> bool:
    return name.startswith(_IN_PREFIX) and name.endswith(_IN)
