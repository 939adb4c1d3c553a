# SPDX-License-Identifier: Apache-2.0
"""Reads a WAL at start and tells a torn tail from rot.

Going through the batches in order, the first bad place is either the end that a crash left (what was being written
was never acknowledged: it is cut) or damage to what had been durable (rot: refused). It is rot when anything intact
behind it says that this place had been synced: a batch, mark or seal whose ``synced_to`` lies beyond it, or a later
segment, which is only begun when the one before is whole. Zeros are no proof of an end either: a lost block reads as
zeros, so what follows is looked at too.
"""

from __future__ import annotations

from collections.abc import Callable

from tricord.base.environment import Disk, File
from tricord.base.errors import CorruptData, NewerFormat
from tricord.base.message import message
from tricord.base.reachable import reachable
from tricord.storage.wal_format import (
    BATCH_HEADER_BYTES,
    BATCH_MAGIC,
    FORMAT_VERSION,
    HEADER_BYTES,
    Batch,
    Record,
    SegmentHeader,
    batch_seed,
    decode_batch,
    decode_batch_length,
    decode_records,
    decode_segment_header,
    position,
)

_WINDOW_BYTES = 1 << 20
_ZEROS = bytes(_WINDOW_BYTES)
SUFFIX = ".wal"


@message
class Segment:
    """A segment file."""

    number: int
    path: str
    first_index: int


@message
class Scanned:
    """What the directory holds. Offsets are in the last segment.

    ``vouched`` to ``end`` is what nothing says was synced; ``torn_at`` to ``torn_end`` is garbage to be cut (None:
    there is none).
    """

    segments: list[Segment]
    vouched: int
    end: int
    sequence: int
    crc: int
    torn_at: int | None
    torn_end: int


def scan(
    disk: Disk, directory: str, cluster: int, history: int, take: Callable[[list[Record], int], None]
) -> Scanned | None:
    """Read all segments in order, giving each batch's records and position to ``take``. Changes nothing.

    None: there is no segment. Raises CorruptData, NewerFormat.
    """
    numbers = sorted(int(name[:-4], 16) for name in disk.list(directory) if _is_segment(name))
    if not numbers:
        return None
    segments: list[Segment] = []
    reader: _SegmentReader | None = None
    for number in numbers:
        path = segment_path(directory, number)
        if segments and number != segments[-1].number + 1:
            missing = segment_path(directory, segments[-1].number + 1)
            raise CorruptData(missing, 0, "the segment is gone, but a later one is there")
        file = disk.open(path)
        try:
            header = _read_header(file, path, cluster, history, number)
            if reader is not None and (header.synced_to, header.sequence, header.previous_crc) != (
                position(reader.number, reader.end),
                reader.sequence,
                reader.crc,
            ):
                # The header was written when the segment before was whole and synced.
                raise CorruptData(reader.path, reader.end, "the segment ends here, before what was synced")
            reader = _SegmentReader(file, path, header)
            reader.read_all(take, last=number == numbers[-1])
        finally:
            file.close()
        segments.append(Segment(number, path, header.first_index))
    assert reader is not None
    return Scanned(segments, reader.vouched, reader.end, reader.sequence, reader.crc, reader.torn_at, reader.torn_end)


def segment_path(directory: str, number: int) -> str:
    """The file of a segment."""
    return f"{directory}/{number:016x}{SUFFIX}"


def _is_segment(name: str) -> bool:
    if len(name) != 16 + len(SUFFIX) or not name.endswith(SUFFIX):
        return False
    return all(character in "0123456789abcdef" for character in name[:16])


def _read_header(file: File, path: str, cluster: int, history: int, number: int) -> SegmentHeader:
    block = file.pread(HEADER_BYTES, 0)
    header = decode_segment_header(block)
    # A segment gets its name only once its header is durable: no crash leaves a bad one.
    if header is None:
        raise CorruptData(path, 0, "the segment's header is damaged")
    if header.version > FORMAT_VERSION:
        raise NewerFormat(f"{path} has format {header.version}; this version knows up to {FORMAT_VERSION}")
    if (header.cluster, header.history) != (cluster, history):
        raise CorruptData(path, 0, "the segment belongs to another cluster or history")
    if header.segment != number:
        raise CorruptData(path, 0, f"the file holds segment {header.segment}")
    return header


class _SegmentReader:
    """Goes through one segment, a window at a time: memory stays small whatever the segment's size."""

    def __init__(self, file: File, path: str, header: SegmentHeader) -> None:
        self.path = path
        self.number = header.segment
        self.end = self.vouched = HEADER_BYTES
        self.sequence = header.sequence
        self.crc = header.previous_crc
        self.torn_at: int | None = None
        self.torn_end = 0
        self._file = file
        self._size = file.size()
        self._identity = (header.cluster, header.history, header.segment)
        self._window = b""
        self._window_at = 0

    def read_all(self, take: Callable[[list[Record], int], None], *, last: bool) -> None:
        while (batch := self._batch_at(self.end)) is not None:
            if batch.sequence != self.sequence + 1 or batch.previous_crc != self.crc:
                raise CorruptData(self.path, self.end, "the batch does not follow the one before it")
            if batch.synced_to > position(self.number, self.end):
                raise CorruptData(self.path, self.end, "the batch vouches for what comes after it")
            if batch.count:
                try:
                    records = decode_records(batch.body, batch.count)
                except ValueError as error:
                    raise NewerFormat(f"{self.path}: the batch at {self.end} cannot be read: {error}") from None
                take(records, position(self.number, self.end))
            self.vouched = max(self.vouched, batch.synced_to & 0xFFFFFFFF)
            self.end, self.sequence, self.crc = batch.end, batch.sequence, batch.crc
        self._look_behind(last)

    def _batch_at(self, offset: int) -> Batch | None:
        size = decode_batch_length(self._bytes(offset, BATCH_HEADER_BYTES))
        if size is None or offset + size > self._size:
            return None
        return decode_batch(self._bytes(offset, size), batch_seed(*self._identity, offset), offset)

    def _look_behind(self, last: bool) -> None:
        """Find out what the place is at which the batches end."""
        end = self._last_byte()
        if end <= self.end:
            return
        bad = position(self.number, self.end)
        at = self.end
        while (at := self._find_magic(at + 1, end)) >= 0:
            batch = self._batch_at(at)
            if batch is not None and batch.synced_to > bad:
                reachable("rot was told from a torn tail")
                raise CorruptData(
                    self.path, self.end, "the batch here is damaged, and a later one says that it was synced"
                )
        if last:
            reachable("a torn tail was found")
            self.torn_at, self.torn_end = self.end, end
        # In an earlier segment the next header vouches for all that was written: the caller compares the ends.

    def _last_byte(self) -> int:
        """The offset after the last byte that is not zero, or the end of the batches."""
        last = self.end
        for at in range(self.end, self._size, _WINDOW_BYTES):
            window = self._file.pread(_WINDOW_BYTES, at)
            if window == _ZEROS:
                continue  # a comparison runs at memory's speed; most of a preallocated segment is this
            stripped = window.rstrip(b"\0")
            if stripped:
                last = at + len(stripped)
        return last

    def _find_magic(self, start: int, end: int) -> int:
        """The next multiple of 8 from ``start`` on where a batch may begin, or -1."""
        at = start
        while at < end:
            window = self._file.pread(_WINDOW_BYTES + 8, at)
            found = window.find(BATCH_MAGIC)
            while found >= 0:
                if (at + found) % 8 == 0:
                    return at + found
                found = window.find(BATCH_MAGIC, found + 1)
            at += _WINDOW_BYTES
        return -1

    def _bytes(self, offset: int, size: int) -> bytes:
        start = offset - self._window_at
        if start < 0 or start + size > len(self._window):
            self._window = self._file.pread(max(size, _WINDOW_BYTES), offset)
            self._window_at = offset
            start = 0
        return self._window[start : start + size]
