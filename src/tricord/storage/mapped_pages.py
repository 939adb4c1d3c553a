# SPDX-License-Identifier: Apache-2.0
"""Keeps the resident part of a mapped file small.

Every page that a read or a commit touches stays in this process's resident memory until the kernel wants it back, so a
store that was read or written whole looks as large as its file. Dropping the mapping of a page costs nothing that is
not in the page cache anyway: the next touch maps it again, without the disk.
"""

from __future__ import annotations

import ctypes
import os

_DONTNEED = 4  # MADV_DONTNEED; on a shared mapping it drops what this process has mapped, never what was written
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def resident_file_bytes() -> int:
    """How much of this process's resident memory is mapped files; 0 where the system does not say. About 10 us."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[2]) * _PAGE_BYTES
    except OSError:
        return 0


def drop_mapped_pages(path: str) -> None:
    """Take what is mapped of the file at ``path`` out of resident memory. A few ms for 100 MiB; the GIL is released."""
    wanted = os.path.realpath(path)
    advise = ctypes.CDLL(None, use_errno=True).madvise
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            fields = line.rstrip("\n").split(maxsplit=5)
            if len(fields) == 6 and fields[5] == wanted:
                start, end = (int(part, 16) for part in fields[0].split("-"))
                advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _DONTNEED)
