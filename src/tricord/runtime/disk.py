# SPDX-License-Identifier: Apache-2.0
"""The disk as the operating system has it.

Writes go to an offset (pwrite) and become durable by fdatasync. Where a call is missing (macOS, Windows) the nearest
one that promises at least as much is used.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING

from tricord.base.errors import DataDirectoryInUse

if TYPE_CHECKING:
    from tricord.base.ordered import Backend

_ZEROS = bytes(1 << 20)
_BINARY = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class RealFile:
    """An open file descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def pread(self, size: int, offset: int) -> bytes:
        data = os.pread(self._descriptor, size, offset)
        if len(data) in (size, 0):
            return data
        # A short read is the end of the file, or (rarely) an interrupted call: ask until there is nothing more.
        parts = [data]
        missing = size - len(data)
        while missing and (data := os.pread(self._descriptor, missing, offset + size - missing)):
            parts.append(data)
            missing -= len(data)
        return b"".join(parts)

    def pwrite(self, data: bytes | bytearray | memoryview, offset: int) -> None:
        written = os.pwrite(self._descriptor, data, offset)
        while written < len(data):
            written += os.pwrite(self._descriptor, memoryview(data)[written:], offset + written)

    def datasync(self) -> None:
        if sys.platform == "darwin":
            # fsync there only reaches the drive's cache
            import fcntl

            fcntl.fcntl(self._descriptor, fcntl.F_FULLFSYNC)
        elif hasattr(os, "fdatasync"):
            os.fdatasync(self._descriptor)
        else:
            os.fsync(self._descriptor)

    def allocate(self, size: int) -> None:
        have = os.fstat(self._descriptor).st_size
        if size <= have:
            return
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._descriptor, 0, size)
            return
        for offset in range(have, size, len(_ZEROS)):
            self.pwrite(_ZEROS[: size - offset], offset)

    def truncate(self, size: int) -> None:
        os.ftruncate(self._descriptor, size)

    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


class RealDisk:
    """The file system of this machine."""

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> RealFile:
        flags = os.O_RDWR | _BINARY
        if create:
            flags |= os.O_CREAT
        if exclusive:
            flags |= os.O_CREAT | os.O_EXCL
        return RealFile(os.open(path, flags, 0o600))

    def lock(self, path: str) -> RealFile:
        # The lock is the kernel's and dies with the process; the pid in the file is for people.
        import fcntl

        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _BINARY, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).split(b"\n")[0].decode("ascii", "replace").strip()
            os.close(descriptor)
            who = f"process {holder}" if holder.isdigit() else "another process"
            raise DataDirectoryInUse(f"{os.path.dirname(path) or '.'} is in use by {who}") from None
        except BaseException:
            os.close(descriptor)
            raise
        file = RealFile(descriptor)
        try:
            file.truncate(0)
            file.pwrite(b"%d\n" % os.getpid(), 0)
        except OSError:
            pass  # a full disk must not keep a member from starting to answer reads; only the name is lost
        return file

    def list(self, path: str) -> list[str]:
        return sorted(os.listdir(path))

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def make_directory(self, path: str) -> None:
        os.makedirs(path, mode=0o700, exist_ok=True)

    def rename(self, old: str, new: str) -> None:
        os.replace(old, new)

    def remove(self, path: str) -> None:
        os.remove(path)

    def remove_directory(self, path: str) -> None:
        os.rmdir(path)

    def sync_directory(self, path: str) -> None:
        if os.name != "posix":
            return  # Windows has no such call: its journal keeps names in order
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def free_bytes(self, path: str) -> int:
        import shutil  # lazily: a client has no use for it

        return shutil.disk_usage(path).free

    def open_backend(self, path: str, *, map_size: int) -> Backend:
        # By name: a client stands on this package too, and has no business with storage.
        module = importlib.import_module("tricord.storage.lmdb_backend")
        backend: Backend = module.LmdbBackend.open(self, path, map_size=map_size)
        return backend
