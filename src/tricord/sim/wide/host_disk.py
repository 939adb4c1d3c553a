# SPDX-License-Identifier: Apache-2.0
"""A host's disk, and what one process sees of it: nothing any more once it is dead."""

from __future__ import annotations

from typing import Any

from tricord.sim.hosts import HostTasks
from tricord.storage.memory_disk import MemoryDisk, PowerLost


class HostDisk(MemoryDisk):
    """The disk of a machine."""


class ProcessDisk:
    """A ``base.environment.Disk`` for one process."""

    def __init__(self, disk: MemoryDisk, process: HostTasks) -> None:
        self._disk = disk
        self._process = process

    def __getattr__(self, name: str) -> Any:
        if self._process.is_dead:
            raise PowerLost
        return getattr(self._disk, name)
