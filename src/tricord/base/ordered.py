# SPDX-License-Identifier: Apache-2.0
"""The ordered store under the state machine: tables of byte keys in byte order.

Three layers share these words. A ``Backend`` is durable and is written in whole batches (LMDB, or its twin in memory).
A ``View`` is a consistent picture of it. An ``OrderedStore`` (the overlay) is a view plus the effects applied since;
the state machine reads and writes it synchronously and never waits for the backend.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from enum import IntEnum
from typing import Protocol, TypeAlias


class Table(IntEnum):
    """Every table there is. Numbers are part of the format."""

    META = 0
    """name -> value: applied index, term, configuration, cluster and history id, hashes, per-keyspace marks."""
    HEAD = 1
    """keyspace + key -> the key's newest version with its value; absent when deleted."""
    HISTORY = 2
    """keyspace + escaped key + inverted revision and turn -> superseded version or tombstone."""
    REVISIONS = 3
    """keyspace + revision + sub -> the key changed there, whether it was put or deleted, and its turn."""
    LEASES = 4
    """lease id -> the lease's record."""
    LEASE_KEYS = 5
    """lease id + keyspace + key -> empty."""
    CELLS = 6
    """keyspace + key -> what the key of a causal or eventual keyspace holds (``crdt.encoding``)."""
    OPERATIONS = 7
    """keyspace + kind + place -> the log of such a keyspace's writes, and marks about it."""


META_APPLIED_INDEX = b"applied_index"
"""Key in META: index of the last entry whose effects the tables hold (8 bytes, big endian; absent: 0)."""
META_APPLIED_TERM = b"applied_term"
"""Key in META: that entry's term (8 bytes, big endian; absent: 0)."""
META_CONFIGURATION = b"configuration"
"""Key in META: the cluster's configuration in force at the applied index (as in ``membership``; absent: none yet)."""

Write: TypeAlias = tuple[Table, bytes, bytes | None]
"""(table, key, value); a value of None deletes the key, present or not."""


class View(Protocol):
    """A consistent picture. Keys have any length from 1 byte on; values any length."""

    def get(self, table: Table, key: bytes) -> bytes | None:
        """The value, or None. Raises CorruptData when its checksum does not hold."""

    def scan(
        self, table: Table, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """(key, value) pairs with start <= key < end in byte order (None: to the end), or in reverse order.

        The iterator is used before the next write to the same store.
        """

    def count(self, table: Table, start: bytes, end: bytes | None) -> int:
        """How many keys there are in the range."""


class OrderedStore(View, Protocol):
    """A view that takes writes; they are seen by later reads at once."""

    def write(self, writes: list[Write]) -> None:
        """Record effects. Cannot fail."""


class BackendView(View, Protocol):
    """A view that must be closed; usable from one thread at a time."""

    def entries(self, table: Table) -> int:
        """How many keys the table holds, for people who watch it: at once, however many there are. Keys of more than
        510 bytes that begin alike may count once."""

    def close(self) -> None:
        """Give it back."""


class Backend(Protocol):
    """Durable tables. ``commit`` runs on the backend lane, all else on any thread."""

    def view(self) -> BackendView:
        """A picture at the last commit."""

    def commit(self, writes: Collection[Write]) -> None:
        """Make all writes durable, or none; later writes of a key win. Raises OSError (ENOSPC: map or disk full)."""

    def seal(self) -> None:
        """Record durably what the file holds now: the next open then verifies it fast. Called when idle and at stop."""

    def size_bytes(self) -> int:
        """Size of the file."""

    def used_bytes(self) -> int:
        """Of it, what holds data."""

    def sums(self) -> Iterator[tuple[str, int, int]]:
        """(table, records, sum of their hashes) as of the last commit; of equal content the records are as many, and
        the sums equal where no key is longer than what the store takes in one piece. On the backend lane."""

    def retire(self) -> None:
        """Give no view any more, and close when the last one is given back. From any thread."""

    def close(self) -> None:
        """Close; nothing unsynced is lost by it. All views were given back."""
