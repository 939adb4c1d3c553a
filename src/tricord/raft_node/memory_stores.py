# SPDX-License-Identifier: Apache-2.0
"""Stores that live as long as their objects: a second node given the same ones continues where the first stopped."""

from __future__ import annotations

import io

from crc32c import crc32c

from tricord.base.errors import CorruptData
from tricord.base.log import Entry, HardState
from tricord.raft_node.log_mirror import LogMirror
from tricord.raft_node.stores import SnapshotInfo, StoredSnapshot, Stores


class MemoryLogStore:
    """A log in memory."""

    def __init__(self) -> None:
        self._mirror = LogMirror(1, [])

    @property
    def first_index(self) -> int:
        return self._mirror.first_index

    @property
    def last_index(self) -> int:
        return self._mirror.last_index

    def append(self, entries: list[Entry]) -> None:
        self._mirror.append(entries)

    def get(self, index: int) -> Entry | None:
        return self._mirror.get(index)

    def cut_before(self, index: int) -> None:
        self._mirror.cut_before(index)

    def reset(self, index: int, term: int) -> None:
        self._mirror.reset(index)

    def mark(self) -> None:
        return

    def close(self, *, clean: bool) -> None:
        return


class MemoryStableStore:
    """Term and vote in memory."""

    def __init__(self) -> None:
        self._hard_state = HardState()

    def save(self, hard_state: HardState) -> None:
        self._hard_state = hard_state

    def load(self) -> HardState:
        return self._hard_state


class MemorySnapshotStore:
    """The newest few snapshots in memory."""

    def __init__(self, kept: int = 2) -> None:
        self._kept = kept
        self._snapshots: dict[int, tuple[SnapshotInfo, bytes]] = {}

    def create(self, info: SnapshotInfo) -> MemorySnapshot:
        return MemorySnapshot(self, info)

    def indexes(self) -> list[int]:
        return sorted(self._snapshots, reverse=True)

    def open(self, index: int) -> StoredSnapshot:
        if index not in self._snapshots:
            raise CorruptData("snapshot store", 0, f"there is no snapshot of index {index}")
        info, data = self._snapshots[index]
        return StoredSnapshot(info, io.BytesIO(data))

    def keep(self, info: SnapshotInfo, data: bytes) -> None:
        """Take a complete one."""
        self._snapshots[info.index] = (info, data)
        for index in self.indexes()[self._kept :]:
            del self._snapshots[index]


class MemorySnapshot:
    """One that is being written."""

    def __init__(self, store: MemorySnapshotStore, info: SnapshotInfo) -> None:
        self._store = store
        self._info = info
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def commit(self) -> SnapshotInfo:
        data, given = bytes(self._data), self._info
        info = SnapshotInfo(
            given.index,
            given.term,
            given.configuration,
            given.kept_from,
            len(data),
            crc32c(data),
            given.installed,
        )
        self._store.keep(info, data)
        return info

    def abandon(self) -> None:
        self._data.clear()


def memory_stores(snapshots_kept: int = 2) -> Stores:
    """Empty stores in memory."""
    return Stores(MemoryLogStore(), MemoryStableStore(), MemorySnapshotStore(snapshots_kept))
