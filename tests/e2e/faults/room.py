# SPDX-License-Identifier: Apache-2.0
"""A small file system in memory whose room ends when a test says so: a full disk that fills no other."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

WHOLE_BYTES = 4 << 30
"""A limit, not a need: memory is used for what is written."""


class Room:
    """`with Room(folder) as room:` mounts it there. Needs root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, left: int) -> None:
        """Leave so many bytes free, and no more."""
        state = os.statvfs(self.folder)
        used = (state.f_blocks - state.f_bfree) * state.f_frsize
        # What is written meanwhile may not fit: then the limit is asked for again.
        for more in (0, 1 << 20, 16 << 20):
            command = ["mount", "-o", f"remount,size={used + left + more}", str(self.folder)]
            if subprocess.run(command, capture_output=True, check=False).returncode == 0:
                return
        raise AssertionError(f"{self.folder} fills faster than its end can be set")

    def free(self) -> None:
        """Give all the room back."""
        subprocess.run(["mount", "-o", f"remount,size={WHOLE_BYTES}", str(self.folder)], check=True)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={WHOLE_BYTES}", "tmpfs", str(self.folder)], check=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
