# SPDX-License-Identifier: Apache-2.0
"""Where a member or edge keeps its replicas of causal and eventual keyspaces: a directory with tables for each.

```
keyspaces/<keyspace id>-<replica number>/       of the data directory: the backend
keyspaces/<keyspace id>-<replica number>/log/   its redo log (replica_log.py)
```

A group of writes is durable once it is in the log. From there it goes to the backend, many groups at a time
(docs/decisions/0025-a-redo-log-before-the-tables-of-replicas.md). Two overlays keep apart what a crash may take:

```
overlay         what was written: not durable yet
tables          what is in the log, and not in the backend yet
backend
```
"""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from functools import partial

from tricord.base.environment import Disk
from tricord.base.errors import DiskFull
from tricord.base.message import message
from tricord.base.ordered import Backend, BackendView, Table
from tricord.storage.creation import make_durable_directory
from tricord.storage.overlay import Overlay, Records
from tricord.storage.replica_log import META_LOGGED, ReplicaLog, open_replica_log
from tricord.storage.snapshot_install import remove_tree

PARENT = "keyspaces"
LOG = "log"

_NAME = re.compile(r"([0-9]+)-([0-9]+)", re.ASCII)


class _Live:
    """The tables under the overlay: as they are at any moment, so one view is enough."""

    def __init__(self, tables: Overlay) -> None:
        self.get = tables.get
        self.scan = tables.scan
        self.count = tables.count
        self.entries = tables.entries

    def view(self) -> BackendView:
        return self

    def close(self) -> None:
        return


@dataclass(slots=True)
class ReplicaStorage:
    """The open log and tables of one replica. ``overlay`` is its ``OrderedStore``; ``overlay.committed`` is what is
    durable of it."""

    path: str
    backend: Backend
    tables: Overlay
    overlay: Overlay
    log: ReplicaLog
    held: int
    """Index of the last group in the backend as it was opened: what the log has behind it went to ``tables`` alone."""

    def logged(self, records: Records) -> None:
        """The log has what was taken from the overlay: it belongs to the tables now."""
        _redo(self.tables, self.log.last, records)
        self.overlay.drained()

    def commit(self) -> None:
        """Make all durable that was written, down to the backend. Blocks, while nobody else uses the storage.

        Raises OSError, DiskFull, DiskFault."""
        taken = self.overlay.take()
        if taken:
            self.log.append(taken.records())
            self.logged(taken.records())
        self.backend.commit(self.tables.take())
        self.tables.drained()

    def close(self) -> None:
        """Let go of it. What is not in the log is lost; commit and seal before, at a clean stop."""
        self.log.close()
        self.tables.close()
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
    """Open the tables, verified, with all that the log has, or make empty ones. Blocks. ``map_size`` bounds the
    backend's file, in bytes.

    Raises CorruptData, NewerFormat, OSError, DiskFull, DiskFault.
    """
    path = _path(data_directory, keyspace, replica)
    make_durable_directory(disk, path)
    backend = disk.open_backend(path, map_size=map_size)
    tables = Overlay(backend)
    held = int.from_bytes(tables.get(Table.META, META_LOGGED) or b"", "big")

    try:
        log = open_replica_log(disk, f"{path}/{LOG}", held, partial(_redo, tables))
    except BaseException:
        tables.close()
        backend.close()
        raise
    return ReplicaStorage(path, backend, tables, Overlay(_Live(tables)), log, held)


def _redo(tables: Overlay, index: int, records: Records) -> None:
    tables.absorb(records)
    tables.write([(Table.META, META_LOGGED, index.to_bytes(8, "big"))])


def found_no_room(error: BaseException) -> bool:
    """Whether what failed may be tried again once there is room."""
    return isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT))


def renumber_replica_storage(disk: Disk, data_directory: str, keyspace: int, former: int, replica: int) -> None:
    """The closed tables of a replica that was retired are those of its new number from now on. Raises OSError."""
    disk.rename(_path(data_directory, keyspace, former), _path(data_directory, keyspace, replica))
    disk.sync_directory(f"{data_directory}/{PARENT}")


def remove_replica_storage(disk: Disk, data_directory: str, keyspace: int, replica: int) -> None:
    """Remove closed tables. Raises OSError; what is left goes when it is called again."""
    path = _path(data_directory, keyspace, replica)
    if disk.exists(path):
        remove_tree(disk, f"{path}/{LOG}")
        remove_tree(disk, path)
        disk.sync_directory(f"{data_directory}/{PARENT}")


def _path(data_directory: str, keyspace: int, replica: int) -> str:
    return f"{data_directory}/{PARENT}/{keyspace}-{replica}"
