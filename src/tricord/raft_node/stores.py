# SPDX-License-Identifier: Apache-2.0
"""Where a node keeps what must survive: log, stable values, snapshots. Whoever embeds the library may bring others.

A store blocks. The node calls the log and stable stores on one thread (the "wal" lane), one call at a time, and the
snapshot store on others; ``get``, ``first_index`` and ``last_index`` are also called from the loop, at any time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Protocol

from tricord.base.log import Entry, HardState
from tricord.base.membership import Configuration
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

    def reset(self, index: int, term: int) -> None:
        """Durably drop everything: a snapshot up to ``index`` took its place, whose last entry has ``term``. The next
        entry is the one behind it. Raises StorageError."""

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
class SnapshotInfo:
    """What is known of a snapshot: a state machine's whole state after the entry at ``index``, which has ``term``.

    The one at index 0 has no state: it holds the configuration that a cluster began with.
    """

    index: int
    term: int
    configuration: Configuration
    """The one in force at ``index``."""
    kept_from: int
    """The log still holds the entries from here on, as far as the store kept its promise to cut nothing behind."""
    size: int = 0
    """Bytes of state; known when it is complete."""
    checksum: int = 0
    """CRC-32C of the state; known when it is complete."""
    installed: bool = False
    """It came from a leader, in place of a log that may not have been dropped yet."""


class SnapshotSink(Protocol):
    """A snapshot that is being written: ``write`` all of it, then ``commit``."""

    def write(self, data: bytes) -> int:
        """Add to the state; gives the number of bytes. Raises StorageError."""

    def commit(self) -> SnapshotInfo:
        """Make it durable, whole, and let go of those that are too many. Raises StorageError; the others are still
        there then."""

    def abandon(self) -> None:
        """Forget what was written. Nothing to do after ``commit``."""


@message
class StoredSnapshot:
    """A snapshot that was found whole. Close the stream."""

    info: SnapshotInfo
    stream: BinaryIO


class SnapshotStore(Protocol):
    """The newest few snapshots."""

    def create(self, info: SnapshotInfo) -> SnapshotSink:
        """Begin one; ``info.size`` and ``info.checksum`` are found out. Raises StorageError."""

    def indexes(self) -> list[int]:
        """The indexes of those that are there, newest first, damaged ones too."""

    def open(self, index: int) -> StoredSnapshot:
        """Open one after reading all of it once. Raises CorruptData, NewerFormat."""


@message
class Stores:
    """All stores of one node. ``close`` is called last."""

    log: LogStore
    stable: StableStore
    snapshots: SnapshotStore
    close: Callable[[], None] = lambda: None
