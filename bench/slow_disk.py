# SPDX-License-Identifier: Apache-2.0
"""A disk that stands still on demand: syncs of a process wait while a file of its own exists.

A few lines of C are compiled into a library that is preloaded into members; Python and LMDB sync through the C library,
whose functions it replaces. It needs no privileges and touches no other process.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_while_stalled(void) {
    const char *file = getenv("STALL_FILE");
    while (file != NULL && access(file, F_OK) == 0)
        usleep(5000);
}

int fsync(int descriptor) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    wait_while_stalled();
    return real(descriptor);
}

int fdatasync(int descriptor) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    wait_while_stalled();
    return real(descriptor);
}

int msync(void *address, size_t length, int flags) {
    int (*real)(void *, size_t, int) = (int (*)(void *, size_t, int))dlsym(RTLD_NEXT, "msync");
    wait_while_stalled();
    return real(address, length, flags);
}
"""


class SlowDisk:
    """The compiled library, and a switch for each member. Raises RuntimeError without a C compiler."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._library = folder / "slow_disk.so"
        command = ["cc", "-shared", "-fPIC", "-O1", "-x", "c", "-", "-o", str(self._library), "-ldl"]
        done = subprocess.run(command, input=SOURCE, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"the disk's library could not be compiled:\n{done.stderr}")

    def environment(self, name: str) -> dict[str, str]:
        """What the member of this name needs in its environment."""
        return {"LD_PRELOAD": str(self._library), "STALL_FILE": str(self._switch(name))}

    @contextmanager
    def stalled(self, name: str) -> Iterator[None]:
        """While this is entered, every sync of the member waits."""
        self._switch(name).touch()
        try:
            yield
        finally:
            self._switch(name).unlink()

    def _switch(self, name: str) -> Path:
        return self._folder / f"{name}.stalled"
