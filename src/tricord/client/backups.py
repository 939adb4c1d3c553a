# SPDX-License-Identifier: Apache-2.0
"""Backups: the state of the member that answers, as an etcd database file. The same from tricord and from etcd."""

from __future__ import annotations

import errno
import os
from hashlib import sha256

from tricord.base.errors import DiskFull, ServerFault, StorageError
from tricord.client.caller import Caller
from tricord.runtime.disk import RealDisk, RealFile

DIGEST_BYTES = 32
LANE = "backup"


class BackupCalls:
    """The part of ``AsyncClient`` that saves the store."""

    _timeout: float
    _caller: Caller | None

    async def _open(self) -> Caller:
        raise NotImplementedError

    async def save(self, path: str | os.PathLike[str]) -> int:
        """Write a backup for `etcdutl snapshot restore` to ``path``, durably, whole or not at all; its size in bytes.

        It has the default keyspace: of a client of another one this raises InvalidRequest.

        It takes as long as it takes: cancel it to give up. Raises StorageError (DiskFull) for the file, ServerFault
        for bytes that do not match their digest, and what calls raise.
        """
        caller = self._caller or await self._open()
        in_lane = caller.environment.tasks.in_lane
        file = _BackupFile(os.fspath(path))
        checked = Checked()

        async def take(data: bytes) -> None:
            await in_lane(LANE, file.write, checked.pass_on(data))

        try:
            await in_lane(LANE, file.open)
            await caller.backup(take, self._timeout)
            return await in_lane(LANE, file.finish, checked.end())
        except OSError as error:
            raise _said(file.path, error) from error
        finally:
            # Behind what a caller who gave up left running.
            await in_lane(LANE, file.close)


class _BackupFile:
    """The file while it grows, under another name. Every method blocks."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._part = f"{path}.part"
        self._disk = RealDisk()
        self._file: RealFile | None = None
        self._size = 0

    def open(self) -> None:
        if os.path.isdir(self.path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), self.path)
        self._file = self._disk.open(self._part, create=True)
        self._file.truncate(0)

    def write(self, data: bytes) -> None:
        assert self._file is not None
        self._file.pwrite(data, self._size)
        self._size += len(data)

    def finish(self, digest: bytes) -> int:
        """The file is whole with this: its size."""
        self.write(digest)
        assert self._file is not None
        self._file.datasync()
        self._disk.rename(self._part, self.path)
        self._file.close()
        self._file = None
        self._disk.sync_directory(os.path.dirname(self.path) or ".")
        return self._size

    def close(self) -> None:
        """Remove it if it did not become whole."""
        file, self._file = self._file, None
        if file is not None:
            file.close()
            try:
                self._disk.remove(self._part)
            except OSError:
                pass  # somebody else did


class Checked:
    """Bytes on their way into a file, with the digest of all that came before at their end."""

    def __init__(self) -> None:
        self._digest = sha256()
        self._held = b""

    def pass_on(self, data: bytes) -> bytes:
        """What may be written once ``data`` came: all but what may be the digest is digested."""
        held = self._held + data
        end = max(len(held) - DIGEST_BYTES, 0)
        self._held = held[end:]
        self._digest.update(held[:end])
        return held[:end]

    def end(self) -> bytes:
        """The digest, which belongs to the file. Raises ServerFault where it is another one."""
        if self._held != self._digest.digest():
            raise ServerFault("the backup does not match its digest: it was damaged or cut short on its way")
        return self._held


def _said(path: str, error: OSError) -> StorageError:
    kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StorageError
    return kind(f"the backup was not saved: {path}: {error.strerror or error}")
