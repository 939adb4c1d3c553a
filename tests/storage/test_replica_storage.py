# SPDX-License-Identifier: Apache-2.0
"""Directories of replicas: found, opened, renumbered, removed; on the real store and on its twin."""

from __future__ import annotations

from tricord.base.environment import Disk
from tricord.base.ordered import Table
from tricord.storage.memory_disk import MemoryDisk
from tricord.storage.replica_storage import (
    ReplicaDirectory,
    open_replica_storage,
    remove_replica_storage,
    renumber_replica_storage,
    replica_directories,
)

MAP_SIZE = 16 << 20


def fill(disk: Disk, data: str, keyspace: int, replica: int, value: bytes) -> None:
    storage = open_replica_storage(disk, data, keyspace, replica, map_size=MAP_SIZE)
    storage.overlay.write([(Table.CELLS, b"key", value)])
    storage.backend.commit(storage.overlay.take())
    storage.close()


def value_in(disk: Disk, data: str, keyspace: int, replica: int) -> bytes | None:
    storage = open_replica_storage(disk, data, keyspace, replica, map_size=MAP_SIZE)
    value = storage.overlay.get(Table.CELLS, b"key")
    storage.close()
    return value


def test_each_replica_has_tables_of_its_own(disk: Disk, root: str) -> None:
    assert replica_directories(disk, root) == []
    fill(disk, root, 12, 3, b"of 12")
    fill(disk, root, 7, 1, b"of 7")
    assert replica_directories(disk, root) == [
        ReplicaDirectory(7, 1, f"{root}/keyspaces/7-1"),
        ReplicaDirectory(12, 3, f"{root}/keyspaces/12-3"),
    ]
    assert value_in(disk, root, 12, 3) == b"of 12"
    assert value_in(disk, root, 7, 1) == b"of 7"


def test_a_new_number_takes_the_tables_over(disk: Disk, root: str) -> None:
    fill(disk, root, 12, 3, b"kept")
    renumber_replica_storage(disk, root, 12, 3, 9)
    assert [found.replica for found in replica_directories(disk, root)] == [9]
    assert value_in(disk, root, 12, 9) == b"kept"


def test_what_was_removed_is_gone(disk: Disk, root: str) -> None:
    fill(disk, root, 12, 3, b"gone")
    remove_replica_storage(disk, root, 12, 3)
    remove_replica_storage(disk, root, 12, 3)
    assert replica_directories(disk, root) == []


def test_other_names_are_let_be() -> None:
    disk = MemoryDisk()
    for name in ("12-3", "notes", "12-3.old", "x-1"):
        disk.make_directory(f"data/keyspaces/{name}")
    assert [found.path for found in replica_directories(disk, "data")] == ["data/keyspaces/12-3"]
