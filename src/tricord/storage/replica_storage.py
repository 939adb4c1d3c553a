# SPDX-License-Identifier: Apache-2.0
"""Where a member or edge keeps its replicas of causal and eventual keyspaces: a directory with a backend for each.

```
keyspaces/<keyspace id>-<replica number>/       of the data directory
```

There is no log beside the backend: each group of writes is one commit of it, so what it holds is always one moment
(docs/decisions/0024-replicas-commit-to-their-tables.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tricord.base.environment import Disk
from tricord.base.message import message
from tricord.base.ordered import Backend
from tricord.storage.creation import make_durable_directory
from tricord.storage.overlay import Overlay
from tricord.storage.snapshot_install import remove_tree

PARENT = "keyspaces"

_NAME = re.compile(r"([0-9]+)-([0-9]+)", re.ASCII)


@dataclass(slots=True)
class ReplicaStorage:
    """The open tables of one replica. ``overlay`` is its ``OrderedStore``."""

    path: str
    backend: Backend
    overlay: Overlay

    def close(self) -> None:
        """Let go of it. What was not committed is lost; seal before, at a clean stop."""
        self.overlay.close()
        self.backend.close()


@message
class ReplicaDirectory:
    """One that was found."""

    keyspace: int
    replica: int
    path: str


def replica_directories(disk: Disk, data_directory: str) -> list[ReplicaDirectory]:
    """All that there are, by keyspace and number. Raises OSError."""
    parent = f"{data_directory}/{PARENT}"
    if not disk.exists(parent):
        return []
    found = [(match, name) for name in disk.list(parent) if (match := _NAME.fullmatch(name))]
    directories = [ReplicaDirectory(int(match[1]), int(match[2]), f"{parent}/{name}") for match, name in found]
    return sorted(directories, key=lambda directory: (directory.keyspace, directory.replica))


def open_replica_storage(
    disk: Disk, data_directory: str, keyspace: int, replica: int, *, map_size: int
) -> ReplicaStorage:
    """Open the tables, verified, or make empty ones. Blocks. ``map_size`` bounds the backend's file, in bytes.

    Raises CorruptData, NewerFormat, OSError.
    """
    path = _path(data_directory, keyspace, replica)
    make_durable_directory(disk, path)
    backend = disk.open_backend(path, map_size=map_size)
    return ReplicaStorage(path, backend, Overlay(backend))


def renumber_replica_storage(disk: Disk, data_directory: str, keyspace: int, former: int, replica: int) -> None:
    """The closed tables of a replica that was retired are those of its new number from now on. Raises OSError."""
    disk.rename(_path(data_directory, keyspace, former), _path(data_directory, keyspace, replica))
    disk.sync_directory(f"{data_directory}/{PARENT}")


def remove_replica_storage(disk: Disk, data_directory: str, keyspace: int, replica: int) -> None:
    """Remove closed tables. Raises OSError; what is left goes when it is called again."""
    path = _path(data_directory, keyspace, replica)
    if disk.exists(path):
        remove_tree(disk, path)
        disk.sync_directory(f"{data_directory}/{PARENT}")


def _path(data_directory: str, keyspace: int, replica: int) -> str:
    return f"{data_directory}/{PARENT}/{keyspace}-{replica}"
