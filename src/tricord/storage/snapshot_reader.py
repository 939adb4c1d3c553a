# SPDX-License-Identifier: Apache-2.0
"""Reads a snapshot file, checking every byte of it on the way."""

from __future__ import annotations

from collections.abc import Iterator

from crc32c import crc32c
from xxhash import xxh3_128

from tricord.base.environment import Disk, File
from tricord.base.errors import Cancelled, CorruptData, NewerFormat
from tricord.base.message import message
from tricord.base.ordered import Table
from tricord.storage.snapshot_format import (
    FORMAT_VERSION,
    HEAD_BYTES,
    KIND_END,
    KIND_HEADER,
    KIND_RECORDS,
    BlockHead,
    SnapshotInfo,
    block_seed,
    decode_end,
    decode_head,
    decode_header,
    decode_records,
)
from tricord.storage.snapshot_writer import IsCancelled, Progress, never, nobody_told


@message
class RecordBlock:
    """Some records of one table, in key order."""

    table: Table
    keys: list[bytes]
    values: list[bytes]


class SnapshotReader:
    """An open snapshot file; ``close`` it. Reading it to the end verifies it whole."""

    def __init__(self, disk: Disk, path: str) -> None:
        """Raises CorruptData where the header is damaged, NewerFormat, OSError."""
        self._path = path
        self._file: File = disk.open(path)
        self._digest = xxh3_128()
        self._at = 0
        self._blocks = 0
        self._place = (0, 0)
        try:
            self.size = self._file.size()
            self.info = self._read_header()
        except BaseException:
            self._file.close()
            raise
        self._place = (self.info.index, self.info.term)

    @property
    def at(self) -> int:
        """Bytes read so far."""
        return self._at

    def blocks(self) -> Iterator[RecordBlock]:
        """All records, table by table in key order. Once they end, all of the file was verified and ``info`` has its
        counts and digest. Raises CorruptData (with the offset of the block), OSError.
        """
        counts = [0] * len(Table)
        last_table, last_key = -1, b""
        while True:
            start = self._at
            digest = self._digest.digest()
            head, payload = self._block()
            if head.kind == KIND_END:
                break
            records = decode_records(payload, head.count)
            if head.kind != KIND_RECORDS or head.table >= len(Table) or records is None or not head.count:
                raise self._damaged(start, "the block here holds no records")
            if (head.table, records[0][0]) <= (last_table, last_key):
                raise self._damaged(start, "the block here is out of order")
            last_table, last_key = head.table, records[0][-1]
            counts[head.table] += head.count
            yield RecordBlock(Table(head.table), *records)
        if decode_end(payload) != (tuple(counts), self._blocks - 1, digest):
            raise self._damaged(start, "the end does not describe what comes before it")
        if self._at != self.size:
            raise self._damaged(self._at, "something follows the end")
        info = self.info
        place = (info.cluster, info.history, info.index, info.term)
        self.info = SnapshotInfo(*place, info.configuration, tuple(counts), digest, self.size)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _read_header(self) -> SnapshotInfo:
        head, payload = self._block()
        if head.kind != KIND_HEADER:
            raise self._damaged(0, "the file does not begin with a header")
        version, info = decode_header(payload)
        if version > FORMAT_VERSION:
            raise NewerFormat(f"{self._path} has format {version}; this version knows up to {FORMAT_VERSION}")
        if info is None:
            raise self._damaged(0, "the header cannot be read")
        return info

    def _block(self) -> tuple[BlockHead, bytes]:
        start = self._at
        seed = block_seed(*self._place, start)
        data = self._file.pread(HEAD_BYTES, start)
        head = decode_head(data, seed)
        if head is None:
            raise self._damaged(start, "there is no block here" if data else "the file ends before its end block")
        payload = self._file.pread(head.length, start + HEAD_BYTES)
        if len(payload) != head.length:
            raise self._damaged(start, "the block here is cut short")
        if crc32c(payload, seed) != head.check:
            raise self._damaged(start, "the block here does not match its checksum")
        self._digest.update(data)
        self._digest.update(payload)
        self._at = start + HEAD_BYTES + head.length
        self._blocks += 1
        return head, payload

    def _damaged(self, offset: int, text: str) -> CorruptData:
        return CorruptData(self._path, offset, text)


def verify_snapshot(
    disk: Disk, path: str, *, progress: Progress = nobody_told, cancelled: IsCancelled = never
) -> SnapshotInfo:
    """Read the whole file and say what it holds. Blocks. Raises CorruptData, NewerFormat, OSError, Cancelled.

    Costs about 0.3 us a record, and memory for one block.
    """
    reader = SnapshotReader(disk, path)
    try:
        for _ in reader.blocks():
            if cancelled():
                raise Cancelled("the snapshot is not wanted any more")
            progress(reader.at)
        return reader.info
    finally:
        reader.close()
