# SPDX-License-Identifier: Apache-2.0
"""Stores that live as long as their objects: a second node given the same ones continues where the first stopped."""

from __future__ import annotations

from tricord.base.log import Entry, HardState
from tricord.raft_node.log_mirror import LogMirror
from tricord.raft_node.stores import Snapshot, Stores


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
    """The newest snapshot in memory."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None

    def save(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def load(self) -> Snapshot | None:
        return self._snapshot


def memory_stores() -> Stores:
    """Empty stores in memory."""
    return Stores(MemoryLogStore(), MemoryStableStore(), MemorySnapshotStore())
