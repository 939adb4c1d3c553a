# SPDX-License-Identifier: Apache-2.0
"""Where a node keeps what must survive: log, stable values, snapshots. Whoever embeds the library may bring others.

A store blocks. The node calls the log and stable stores on one thread (the "wal" lane), one call at a time, and the
snapshot store on another; ``get`` and ``last_index`` are also called from the loop, at any time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tricord.base.log import Entry, HardState
from tricord.base.message import message


class LogStore(Protocol):
    """Consecutive entries."""

    @property
    def first_index(self) -> int:
        """The first index that ``get`` gives; ``last_index`` + 1 when there is none."""

    @property
    def last_index(self) -> int:
        """The last durable index (0: the log is empty)."""

    def append(self, entries: list[Entry]) -> None:
        """Make them durable. An entry at an index that is there replaces it and all behind. Raises StorageError."""

    def get(self, index: int) -> Entry | None:
        """The entry at the index, or None."""

    def cut_before(self, index: int) -> None:
        """Entries below the index may go. May keep some longer. Raises StorageError."""

    def mark(self) -> None:
        """Nothing was appended for a moment: a good time to vouch for what is there. Raises StorageError."""

    def close(self, *, clean: bool) -> None:
        """Close; ``clean`` means that the node stopped in order, with nothing under way."""


class StableStore(Protocol):
    """Term and vote."""

    def save(self, hard_state: HardState) -> None:
        """Make it durable in place of the one before. Raises StorageError."""

    def load(self) -> HardState:
        """The newest one; a fresh ``HardState()`` where there is none."""


@message
class Snapshot:
    """A state machine's whole state after the entry at ``index``."""

    index: int
    term: int
    kept_from: int
    """The log still holds the entries from here on, as far as the store kept its promise to cut nothing behind."""
    data: bytes


class SnapshotStore(Protocol):
    """The newest snapshot."""

    def save(self, snapshot: Snapshot) -> None:
        """Make it durable in place of the one before, or leave that one. Raises StorageError."""

    def load(self) -> Snapshot | None:
        """The newest one. Raises CorruptData, NewerFormat."""


@message
class Stores:
    """All stores of one node. ``close`` is called last."""

    log: LogStore
    stable: StableStore
    snapshots: SnapshotStore
    close: Callable[[], None] = lambda: None
