# SPDX-License-Identifier: Apache-2.0
"""The write-ahead log: records that are durable once ``append`` returns.

One append is one write and one sync, into a segment whose space was reserved beforehand. What the log promises:

* an append that returned is there after any crash; one that raised may or may not be, and nothing is acknowledged
  behind it;
* after a failed write or sync the log is dead (the kernel may have dropped what it could not write: trying again
  would lie);
* damage to what was synced is found (``wal_scan``). The last batch has no successor that vouches for it, so the
  caller writes a ``mark`` when it has been idle for a moment, and a ``seal`` at a clean stop.

Streams share a log; what a record means is its stream's business (``raft_log`` is stream 0).
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from tricord.base.environment import Disk, File
from tricord.base.errors import DiskFault, DiskFull
from tricord.storage.wal_format import (
    FORMAT_VERSION,
    HEADER_BYTES,
    KIND_BATCH,
    KIND_MARK,
    KIND_SEAL,
    Record,
    SegmentHeader,
    batch_seed,
    encode_batch,
    encode_records,
    encode_segment_header,
    padded,
    position,
)
from tricord.storage.wal_scan import Scanned, Segment, scan, segment_path

SEGMENT_BYTES = 64 << 20
"""Size of a segment. Larger: fewer files and pauses for a new one; smaller: the log is cut in finer steps."""

RESERVE_BYTES = 256
"""Room kept at the end of a segment for marks and seals: a full disk must not keep the log from vouching for itself."""

_NEW = "new.tmp"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_ZEROS = bytes(1 << 16)


class Wal:
    """An open log. One thread at a time (the WAL lane) uses it."""

    def __init__(
        self, disk: Disk, directory: str, *, cluster: int, history: int, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        self._disk = disk
        self._directory = directory
        self._cluster = cluster
        self._history = history
        self._segment_bytes = segment_bytes
        self._segments: list[Segment] = []
        self._file: File | None = None
        self._end = 0
        self._file_size = 0
        self._sequence = 0
        self._crc = 0
        self._vouched = True
        self._dead: BaseException | None = None
        self.carry: Callable[[], list[Record]] = list
        """Gives the records that must begin each segment, since the one that held them may be cut."""
        self.next_index: Callable[[], int] = lambda: 0
        """Gives the number that names where in the log a new segment begins; ``cut_before`` compares with it."""

    @classmethod
    def create(
        cls,
        disk: Disk,
        directory: str,
        *,
        cluster: int,
        history: int,
        segment_bytes: int = SEGMENT_BYTES,
        first_index: int = 1,
    ) -> Wal:
        """Make a new log in ``directory``, with one empty segment. Raises DiskFull, DiskFault."""
        disk.make_directory(directory)
        wal = cls(disk, directory, cluster=cluster, history=history, segment_bytes=segment_bytes)
        wal.next_index = lambda: first_index
        wal._roll(0)
        return wal

    def scan(self, take: Callable[[list[Record], int], None]) -> Scanned | None:
        """Read all there is, giving each batch's records and position to ``take``; changes nothing. Then ``resume``."""
        return scan(self._disk, self._directory, self._cluster, self._history, take)

    def resume(self, scanned: Scanned) -> None:
        """Continue after what was scanned. Cuts a torn tail, durably, before anything is appended. Raises DiskFault."""
        try:
            if self._disk.exists(f"{self._directory}/{_NEW}"):
                self._disk.remove(f"{self._directory}/{_NEW}")
            self._segments = list(scanned.segments)
            file = self._file = self._disk.open(self._segments[-1].path)
            self._end, self._sequence, self._crc = scanned.end, scanned.sequence, scanned.crc
            self._file_size = file.size()
            if scanned.torn_at is not None:
                for at in range(scanned.torn_at, scanned.torn_end, len(_ZEROS)):
                    file.pwrite(_ZEROS[: scanned.torn_end - at], at)
            # What was read may be in the page cache only, and after a failed sync the kernel takes it for clean: only a
            # new write makes the next sync reach the disk. Until then nothing may be appended that vouches for it.
            if scanned.vouched < scanned.end:
                file.pwrite(file.pread(scanned.end - scanned.vouched, scanned.vouched), scanned.vouched)
            file.datasync()
            self._disk.sync_directory(self._directory)
        except OSError as error:
            raise self._fault(error) from error
        self._vouched = False
        if self._end == HEADER_BYTES and len(self._segments) > 1:
            # It died before it could write what each segment begins with.
            self._write_carried(self.carry())

    @property
    def first_index(self) -> int:
        """Where the oldest segment begins."""
        return self._segments[0].first_index

    @property
    def size_bytes(self) -> int:
        """Disk space of all segments, about."""
        return len(self._segments) * self._segment_bytes

    def append(self, records: list[Record]) -> None:
        """Write and sync. Costs one pwrite and one fdatasync.

        Raises DiskFull (nothing was written; the log stays usable) and DiskFault (the log is dead).
        """
        self._write(KIND_BATCH, encode_records(records), len(records))
        self._vouched = False

    def mark(self) -> None:
        """Vouch for everything appended so far; nothing to do when that was done.

        Call within 0.1 s after the last append. Raises DiskFault.
        """
        if not self._vouched:
            self._vouch(KIND_MARK)

    def seal(self) -> None:
        """Vouch for everything, at a clean stop. Raises DiskFault."""
        self._vouch(KIND_SEAL)

    def _vouch(self, kind: int) -> None:
        try:
            self._write(kind, b"", 0)
        except DiskFull:
            # The reserve went to many starts on a full disk. What was appended is durable all the same.
            return
        self._vouched = True

    def cut_before(self, index: int) -> int:
        """Remove the segments that hold nothing at or after ``index``; gives how many.

        Raises DiskFault, and goes on living.
        """
        # A segment that begins at or before the index holds all from there on, whatever those before it were to hold
        # when they began: their ends may have been replaced.
        keep = max((place for place, one in enumerate(self._segments) if one.first_index <= index), default=0)
        return self._remove_oldest(keep)

    def cut_to_size(self, budget_bytes: int, index: int) -> int:
        """Remove the oldest segments until the log is within the budget, none that holds anything at or after
        ``index``; gives how many. Raises DiskFault, and goes on living.
        """
        surplus = -(-(self.size_bytes - budget_bytes) // self._segment_bytes)
        keep = max((place for place, one in enumerate(self._segments) if one.first_index <= index), default=0)
        return self._remove_oldest(min(keep, max(surplus, 0)))

    def _remove_oldest(self, count: int) -> int:
        removed = 0
        try:
            while removed < count:
                # The oldest first, each durably: what is left is always without a gap.
                self._disk.remove(self._segments[0].path)
                del self._segments[0]
                removed += 1
                self._disk.sync_directory(self._directory)
        except OSError as error:
            raise DiskFault(f"{self._segments[0].path}: cannot remove an old segment: {error}") from error
        return removed

    def begin_segment(self) -> None:
        """Go on in a new segment. Raises DiskFull (the old one goes on), DiskFault."""
        self._roll(0)

    def close(self) -> None:
        """Close the file; nothing is written."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, kind: int, body: bytes, count: int) -> None:
        if self._dead is not None:
            raise DiskFault(f"{self._directory}: the log stopped after an error: {self._dead}")
        reserve = RESERVE_BYTES if kind == KIND_BATCH else 0
        if self._end + padded(len(body) + 64) + reserve > self._file_size:
            self._roll(len(body))
        file = self._file
        assert file is not None
        segment = self._segments[-1].number
        data, crc = encode_batch(
            seed=batch_seed(self._cluster, self._history, segment, self._end),
            kind=kind,
            previous_crc=self._crc,
            sequence=self._sequence + 1,
            synced_to=position(segment, self._end),
            count=count,
            body=body,
        )
        try:
            file.pwrite(data, self._end)
            file.datasync()
        except OSError as error:
            raise self._fault(error) from error
        self._end += len(data)
        self._sequence += 1
        self._crc = crc

    def _roll(self, size: int) -> None:
        """Begin a new segment with room for ``size`` bytes of records at least."""
        carried = self.carry()
        number = self._segments[-1].number + 1 if self._segments else 1
        body = encode_records(carried)
        need = HEADER_BYTES + padded(size + 128) + padded(len(body) + 128) + RESERVE_BYTES
        header = SegmentHeader(
            version=FORMAT_VERSION,
            cluster=self._cluster,
            history=self._history,
            segment=number,
            first_index=self.next_index(),
            synced_to=position(number - 1, self._end) if self._segments else 0,
            sequence=self._sequence,
            previous_crc=self._crc,
        )
        path = segment_path(self._directory, number)
        file_size = max(self._segment_bytes, need)
        file = self._prepare(header, path, file_size)
        if self._file is not None:
            self._file.close()
        self._file, self._file_size, self._end = file, file_size, HEADER_BYTES
        self._segments.append(Segment(number, path, header.first_index))
        self._write_carried(carried)

    def _write_carried(self, records: list[Record]) -> None:
        if records:
            self._write(KIND_BATCH, encode_records(records), len(records))

    def _prepare(self, header: SegmentHeader, path: str, size: int) -> File:
        """Make the file under another name; it gets its own when reserved and durable."""
        new = f"{self._directory}/{_NEW}"
        file: File | None = None
        try:
            file = self._disk.open(new, create=True)
            file.truncate(0)
            file.allocate(size)
            file.pwrite(encode_segment_header(header), 0)
            file.datasync()
        except OSError as error:
            if file is not None:
                file.close()
            try:
                self._disk.remove(new)
            except OSError:
                pass  # it is overwritten the next time
            if error.errno in _NO_ROOM:
                raise DiskFull(f"{self._directory}: no room for another {size} bytes of log") from error
            raise self._fault(error) from error
        try:
            self._disk.rename(new, path)
            self._disk.sync_directory(self._directory)
        except OSError as error:
            file.close()
            raise self._fault(error) from error
        return file

    def _fault(self, error: OSError) -> DiskFault:
        self._dead = error
        return DiskFault(f"{self._directory}: {error}")
