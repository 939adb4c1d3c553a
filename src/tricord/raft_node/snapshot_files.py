# SPDX-License-Identifier: Apache-2.0
"""A snapshot is one file, written under another name and renamed when durable; then the oldest goes.

``magic, format version, index, term, kept_from, flags, size of the configuration, size of the state, CRC-32C of the
state``, the configuration, CRC-32C of all of it, then the state. A file is read whole before anything of it is used; a
damaged one is refused, and the one before it counts, for whose sake the log behind it was kept.
"""

from __future__ import annotations

import errno
import io
from struct import Struct
from typing import BinaryIO

from crc32c import crc32c

from tricord.base.environment import Disk, File
from tricord.base.errors import CorruptData, DiskFault, DiskFull, NewerFormat, StorageError
from tricord.base.membership import decode_configuration, encode_configuration
from tricord.raft_node.stores import SnapshotInfo, StoredSnapshot

FORMAT_VERSION = 2
BLOCK_BYTES = 1 << 20

_MAGIC = b"tricsnap"
_FIELDS = Struct(">8sIQQQBIQI")
_CHECK = Struct(">I")
_INSTALLED = 1
_SUFFIX = ".snapshot"


class SnapshotFiles:
    """The snapshot store in one directory, which keeps the newest ``kept``."""

    def __init__(self, disk: Disk, directory: str, kept: int = 2) -> None:
        self._disk = disk
        self._directory = directory
        self._kept = kept
        disk.make_directory(directory)
        for name in disk.list(directory):
            if not name.endswith(_SUFFIX):
                disk.remove(f"{directory}/{name}")  # what a crash left half-written

    def create(self, info: SnapshotInfo) -> SnapshotFile:
        """See ``SnapshotStore.create``. Raises DiskFull, DiskFault."""
        return SnapshotFile(self._disk, self._directory, info, self._kept)

    def indexes(self) -> list[int]:
        return [int(name[: -len(_SUFFIX)], 16) for name in reversed(_names(self._disk, self._directory))]

    def open(self, index: int) -> StoredSnapshot:
        """See ``SnapshotStore.open``. Costs a read of all of it; memory for a block."""
        path = f"{self._directory}/{_name(index)}"
        file = self._disk.open(path)
        try:
            info, start = _read_header(file, path, index)
            _check_state(file, path, info, start)
        except BaseException:
            file.close()
            raise
        return StoredSnapshot(info, _buffered(file, start, info.size))


class SnapshotFile:
    """A file that is being written."""

    def __init__(self, disk: Disk, directory: str, info: SnapshotInfo, kept: int) -> None:
        self._disk = disk
        self._directory = directory
        self._kept = kept
        self._info = info
        self._configuration = encode_configuration(info.configuration)
        self._start = _FIELDS.size + len(self._configuration) + _CHECK.size
        self._size = 0
        self._checksum = 0
        self._new = f"{directory}/{_name(info.index)}.{'received' if info.installed else 'taken'}"
        self._file: File | None = None
        try:
            self._file = disk.open(self._new, create=True)
            self._file.truncate(0)
        except OSError as error:
            self.abandon()
            raise _failure(directory, error) from error

    def write(self, data: bytes) -> int:
        assert self._file is not None, "a snapshot is written before it is committed"
        try:
            self._file.pwrite(data, self._start + self._size)
        except OSError as error:
            raise _failure(self._directory, error) from error
        self._size += len(data)
        self._checksum = crc32c(data, self._checksum)
        return len(data)

    def commit(self) -> SnapshotInfo:
        """Costs a sync of all of it."""
        given = self._info
        info = SnapshotInfo(
            given.index,
            given.term,
            given.configuration,
            given.kept_from,
            self._size,
            self._checksum,
            given.installed,
        )
        path = f"{self._directory}/{_name(info.index)}"
        file = self._file
        assert file is not None, "a snapshot is committed once"
        try:
            file.pwrite(_header(info, self._configuration), 0)
            file.datasync()
            self._file = None
            file.close()
            self._disk.rename(self._new, path)
            self._disk.sync_directory(self._directory)
            for old in _names(self._disk, self._directory)[: -self._kept]:
                self._disk.remove(f"{self._directory}/{old}")
        except OSError as error:
            raise _failure(self._directory, error) from error
        return info

    def abandon(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
            self._disk.remove(self._new)
        except OSError:
            pass  # it is removed at the next start


class _StateReader(io.RawIOBase):
    """The state within a file."""

    def __init__(self, file: File, start: int, size: int) -> None:
        super().__init__()
        self._file = file
        self._start = self._at = start
        self._end = start + size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: self._start, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence]
        self._at = min(max(origin + offset, self._start), self._end)
        return self._at - self._start

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._file.pread(min(len(buffer), self._end - self._at), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def _buffered(file: File, start: int, size: int) -> BinaryIO:
    return io.BufferedReader(_StateReader(file, start, size), BLOCK_BYTES)


def _name(index: int) -> str:
    return f"{index:016x}{_SUFFIX}"


def _names(disk: Disk, directory: str) -> list[str]:
    return [name for name in disk.list(directory) if name.endswith(_SUFFIX)]


def _header(info: SnapshotInfo, configuration: bytes) -> bytes:
    fields = _FIELDS.pack(
        _MAGIC,
        FORMAT_VERSION,
        info.index,
        info.term,
        info.kept_from,
        _INSTALLED if info.installed else 0,
        len(configuration),
        info.size,
        info.checksum,
    )
    data = fields + configuration
    return data + _CHECK.pack(crc32c(data))


def _read_header(file: File, path: str, named: int) -> tuple[SnapshotInfo, int]:
    """The header, checked, and where the state begins."""
    fields = file.pread(_FIELDS.size, 0)
    if len(fields) < _FIELDS.size:
        raise CorruptData(path, len(fields), "the snapshot is shorter than its header")
    magic, version, index, term, kept_from, flags, length, size, checksum = _FIELDS.unpack(fields)
    if magic != _MAGIC:
        raise CorruptData(path, 0, "this is no snapshot")
    rest = file.pread(min(length, file.size()) + _CHECK.size, _FIELDS.size)
    if len(rest) != length + _CHECK.size or rest[length:] != _CHECK.pack(crc32c(rest[:length], crc32c(fields))):
        raise CorruptData(path, 0, "the snapshot's header does not match its checksum")
    # The header's checksum is the same in every format from the second on: damage is never taken for a newer one.
    if version != FORMAT_VERSION:
        raise NewerFormat(f"{path} has format {version}; this version knows {FORMAT_VERSION}")
    if index != named:
        raise CorruptData(path, 0, f"the file holds the snapshot of index {index}")
    try:
        configuration = decode_configuration(rest[:length])
    except ValueError as error:
        raise CorruptData(path, _FIELDS.size, str(error)) from None
    info = SnapshotInfo(index, term, configuration, kept_from, size, checksum, bool(flags & _INSTALLED))
    return info, _FIELDS.size + length + _CHECK.size


def _check_state(file: File, path: str, info: SnapshotInfo, start: int) -> None:
    if file.size() != start + info.size:
        raise CorruptData(path, start, f"the snapshot should hold {info.size} bytes of state")
    checksum, at = 0, start
    while at < start + info.size:
        block = file.pread(min(BLOCK_BYTES, start + info.size - at), at)
        checksum = crc32c(block, checksum)
        at += len(block) or BLOCK_BYTES
    if checksum != info.checksum:
        raise CorruptData(path, start, "the snapshot's state does not match its checksum")


def _failure(directory: str, error: OSError) -> StorageError:
    kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else DiskFault
    return kind(f"{directory}: cannot write a snapshot: {error}")
