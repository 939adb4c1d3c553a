# SPDX-License-Identifier: Apache-2.0
"""A snapshot is one file, written beside the others and renamed when durable; then its predecessor goes.

``magic, format version, index, term, kept_from, size, CRC-32C of all of it``, then the data. It is checked whole when
read; a damaged one is refused, for the log behind it was cut.
"""

from __future__ import annotations

import errno
from struct import Struct

from crc32c import crc32c

from tricord.base.environment import Disk
from tricord.base.errors import CorruptData, DiskFault, DiskFull, NewerFormat
from tricord.raft_node.stores import Snapshot

FORMAT_VERSION = 1

_MAGIC = b"tricsnap"
_FIELDS = Struct(">8sIQQQQ")
_CHECK = Struct(">I")
_HEADER_BYTES = _FIELDS.size + _CHECK.size
_NEW = "new.tmp"


class SnapshotFiles:
    """The snapshot store in one directory."""

    def __init__(self, disk: Disk, directory: str) -> None:
        self._disk = disk
        self._directory = directory
        disk.make_directory(directory)

    def save(self, snapshot: Snapshot) -> None:
        """Costs a write and a sync of all data. Raises DiskFull, DiskFault; the one before is then still there."""
        fields = _FIELDS.pack(
            _MAGIC, FORMAT_VERSION, snapshot.index, snapshot.term, snapshot.kept_from, len(snapshot.data)
        )
        check = crc32c(snapshot.data, crc32c(fields))
        name = f"{snapshot.index:016x}.snapshot"
        try:
            file = self._disk.open(f"{self._directory}/{_NEW}", create=True)
            try:
                file.truncate(0)
                file.pwrite(fields + _CHECK.pack(check) + snapshot.data, 0)
                file.datasync()
            finally:
                file.close()
            self._disk.rename(f"{self._directory}/{_NEW}", f"{self._directory}/{name}")
            self._disk.sync_directory(self._directory)
            for old in self._names():
                if old < name:
                    self._disk.remove(f"{self._directory}/{old}")
        except OSError as error:
            kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else DiskFault
            raise kind(f"{self._directory}: cannot write a snapshot: {error}") from error

    def load(self) -> Snapshot | None:
        """Costs a read of all data."""
        names = self._names()
        if not names:
            return None
        path = f"{self._directory}/{names[-1]}"
        file = self._disk.open(path)
        try:
            content = file.pread(file.size(), 0)
        finally:
            file.close()
        if len(content) < _HEADER_BYTES:
            raise CorruptData(path, len(content), "the snapshot is shorter than its header")
        magic, version, index, term, kept_from, size = _FIELDS.unpack_from(content)
        if magic != _MAGIC:
            raise CorruptData(path, 0, "this is no snapshot")
        data = content[_HEADER_BYTES:]
        (check,) = _CHECK.unpack_from(content, _FIELDS.size)
        if len(data) != size or crc32c(data, crc32c(content[: _FIELDS.size])) != check:
            raise CorruptData(path, _HEADER_BYTES, "the snapshot does not match its checksum")
        # Header and checksum are the same in every format: so damage is never taken for a newer one.
        if version > FORMAT_VERSION:
            raise NewerFormat(f"{path} has format {version}; this version knows up to {FORMAT_VERSION}")
        return Snapshot(index, term, kept_from, data)

    def _names(self) -> list[str]:
        return [name for name in self._disk.list(self._directory) if name.endswith(".snapshot")]
