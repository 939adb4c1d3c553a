# SPDX-License-Identifier: Apache-2.0
"""The redo log of a replica of a causal or eventual keyspace: groups of writes to its tables, durable before those are.

A group is one record of the WAL (stream 1, kind 0), MessagePack of its index and of what it writes, by table: a value
of nil deletes the key. Groups have consecutive indices. The tables say up to which they hold them (``META_LOGGED``);
a start repeats those behind it. Repeating one that the tables hold already would change nothing: the last write of
each key counts.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tricord.base.environment import Disk
from tricord.base.errors import CorruptData
from tricord.base.ordered import Table
from tricord.storage.creation import make_durable_directory
from tricord.storage.overlay import Records
from tricord.storage.wal import Wal
from tricord.storage.wal_format import Record

META_LOGGED = b"logged"
"""Key in META: index of the last group that the tables hold (8 bytes, big endian; absent: 0)."""
STREAM = 1
KIND_GROUP = 0
SEGMENT_BYTES = 1 << 20
"""Each replica reserves so much at least: there may be a thousand."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[int, dict[int, dict[bytes, bytes | None]]]).decode


class ReplicaLog:
    """An open log. One thread at a time uses it: opened anywhere, then on the lane of the replicas."""

    def __init__(self, wal: Wal, last: int) -> None:
        self._wal = wal
        self.last = last
        """Index of the last group; 0: there was none yet."""
        wal.next_index = lambda: self.last + 1

    def append(self, records: Records) -> None:
        """Make a group durable: one write and one sync.

        Raises DiskFull (nothing was written; the log stays usable) and DiskFault (the log is dead).
        """
        self._wal.append([Record(STREAM, KIND_GROUP, _encode((self.last + 1, records)))])
        self.last += 1

    def cut(self, held: int) -> None:
        """The tables hold all groups up to that index: remove segments that have no others. Raises DiskFault."""
        self._wal.cut_before(held + 1)

    def seal(self) -> None:
        """Vouch for everything, at a clean stop. Raises DiskFault."""
        self._wal.seal()

    def close(self) -> None:
        """Close the file; nothing is written."""
        self._wal.close()


def open_replica_log(disk: Disk, directory: str, held: int, again: Callable[[int, Records], None]) -> ReplicaLog:
    """Open the log, or make an empty one. ``held``: the index up to which the tables hold the groups; ``again`` is
    given each one behind it, with its index. Blocks.

    Raises CorruptData: damaged, or with a gap between the tables and what is here. NewerFormat, DiskFull, DiskFault.
    """
    wal = Wal(disk, directory, cluster=0, history=0, segment_bytes=SEGMENT_BYTES)
    last = 0

    def take(records: list[Record], position: int) -> None:
        nonlocal last
        for record in records:
            index, tables = _group(record, directory, position)
            if last and index != last + 1:
                raise CorruptData(directory, position, f"group {index} does not follow {last}")
            if index > held + 1 and not last:
                raise CorruptData(directory, position, f"the log begins at {index}, the tables end at {held}")
            last = index
            if index > held:
                again(index, tables)

    scanned = wal.scan(take) if disk.exists(directory) else None
    if scanned is None:
        if held:
            raise CorruptData(directory, 0, f"the log is gone; the tables hold it up to {held}")
        make_durable_directory(disk, directory)
        return ReplicaLog(Wal.create(disk, directory, cluster=0, history=0, segment_bytes=SEGMENT_BYTES), 0)
    last = last or scanned.segments[-1].first_index - 1
    if last < held:
        raise CorruptData(directory, 0, f"the log ends at {last}, the tables hold {held}: what was synced is gone")
    log = ReplicaLog(wal, last)
    wal.resume(scanned)
    return log


def _group(record: Record, directory: str, position: int) -> tuple[int, Records]:
    if (record.stream, record.kind) != (STREAM, KIND_GROUP):
        raise CorruptData(directory, position, f"a record of stream {record.stream}, kind {record.kind} is no group")
    try:
        index, tables = _decode(record.payload)
        return index, {Table(table): records for table, records in tables.items()}
    except (msgspec.MsgspecError, ValueError) as error:
        raise CorruptData(directory, position, f"a group cannot be read: {error}") from error
