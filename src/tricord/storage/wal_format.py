# SPDX-License-Identifier: Apache-2.0
"""The bytes of the WAL: segment headers, batches, records.

```
segment file  NNNNNNNNNNNNNNNN.wal (the segment's number, hexadecimal), preallocated, zeros after the last batch
    header    one block of 4,096 bytes
    batch     header (40 bytes), records, padding to 8 bytes
    batch ...
batch header  magic, CRC, length of the records, count, kind, previous batch's CRC, sequence number, synced_to
record        stream, kind, version, length, payload
```

The header keeps its form in later versions, so that an older program can tell that it is too old.

A batch's CRC-32C begins with the identity of the log, the segment's number and the batch's offset, so bytes that belong
elsewhere do not pass, and covers all after itself. *Positions* (``synced_to``) are segment number << 32 | offset:
everything before one was durable when the batch was written.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError

from crc32c import crc32c

from tricord.base.message import message

FORMAT_VERSION = 1
HEADER_BYTES = 4096
SEGMENT_MAGIC = b"tricwal\n"
BATCH_MAGIC = b"\xf5WB\xa5"

KIND_BATCH = 0
KIND_MARK = 1
KIND_SEAL = 2

# magic, version, cluster, history, segment, first index, synced_to, sequence, previous CRC
_SEGMENT = Struct(">8sIQQQQQQI")
_BATCH = Struct(">4sIIIHHIQQ")
_BATCH_REST = Struct(">IIHHIQQ")
_RECORD = Struct(">IBBHI")
_SEED = Struct(">QQQQ")
_CHECK = Struct(">I")

BATCH_HEADER_BYTES = _BATCH.size
RECORD_HEADER_BYTES = _RECORD.size
RECORD_VERSION = 1


@message
class Record:
    """One opaque record. ``stream`` says whose it is (0: the Raft log), ``kind`` what; both are part of the format."""

    stream: int
    kind: int
    payload: bytes


@message
class SegmentHeader:
    """What the first block of a segment says."""

    version: int
    cluster: int
    history: int
    segment: int
    first_index: int
    synced_to: int
    sequence: int
    previous_crc: int


@message
class Batch:
    """A batch found in a segment; ``end`` is the offset after it."""

    kind: int
    crc: int
    previous_crc: int
    sequence: int
    synced_to: int
    count: int
    body: bytes
    end: int


def position(segment: int, offset: int) -> int:
    """A place in the log as one ordered number."""
    return segment << 32 | offset


def padded(size: int) -> int:
    """``size`` up to the next multiple of 8."""
    return (size + 7) & ~7


def encode_segment_header(header: SegmentHeader) -> bytes:
    """The first block of a segment."""
    data = _SEGMENT.pack(
        SEGMENT_MAGIC,
        header.version,
        header.cluster,
        header.history,
        header.segment,
        header.first_index,
        header.synced_to,
        header.sequence,
        header.previous_crc,
    )
    return (data + _CHECK.pack(crc32c(data))).ljust(HEADER_BYTES, b"\0")


def decode_segment_header(block: bytes) -> SegmentHeader | None:
    """None where the block is damaged. The version is given as found: check it before all else."""
    size = _SEGMENT.size
    if len(block) < size + 4 or block[size : size + 4] != _CHECK.pack(crc32c(block[:size])):
        return None
    fields = _SEGMENT.unpack_from(block)
    if fields[0] != SEGMENT_MAGIC:
        return None
    return SegmentHeader(*fields[1:])


def batch_seed(cluster: int, history: int, segment: int, offset: int) -> int:
    """Where the CRC of a batch at this place begins."""
    return crc32c(_SEED.pack(cluster, history, segment, offset))


def encode_batch(
    *, seed: int, kind: int, previous_crc: int, sequence: int, synced_to: int, count: int, body: bytes
) -> tuple[bytes, int]:
    """The batch, padded, and its CRC."""
    rest = _BATCH_REST.pack(len(body), count, kind, 0, previous_crc, sequence, synced_to)
    crc = crc32c(body, crc32c(rest, seed))
    data = b"".join((BATCH_MAGIC, _CHECK.pack(crc), rest, body, bytes(-len(body) & 7)))
    return data, crc


def decode_batch_length(header: bytes) -> int | None:
    """The size of the whole batch whose header this claims to be, or None."""
    if len(header) < BATCH_HEADER_BYTES or header[:4] != BATCH_MAGIC:
        return None
    length: int = _BATCH.unpack(header)[2]
    return padded(BATCH_HEADER_BYTES + length)


def decode_batch(data: bytes, seed: int, offset: int) -> Batch | None:
    """The batch that ``data`` holds from its start, or None: it is damaged."""
    magic, crc, length, count, kind, _, previous_crc, sequence, synced_to = _BATCH.unpack_from(data)
    end = BATCH_HEADER_BYTES + length
    if magic != BATCH_MAGIC or len(data) < end or crc32c(data[8:end], seed) != crc:
        return None
    if any(data[end : padded(end)]):
        return None
    return Batch(
        kind, crc, previous_crc, sequence, synced_to, count, data[BATCH_HEADER_BYTES:end], offset + padded(end)
    )


def encode_records(records: list[Record]) -> bytes:
    """The records one after the other."""
    pack = _RECORD.pack
    parts: list[bytes] = []
    for record in records:
        parts.append(pack(record.stream, record.kind, RECORD_VERSION, 0, len(record.payload)))
        parts.append(record.payload)
    return b"".join(parts)


def decode_records(body: bytes, count: int) -> list[Record]:
    """Raises ValueError where the body is not ``count`` records (its checksum held:

    a writer's fault or a newer format).
    """
    records: list[Record] = []
    at = 0
    try:
        for _ in range(count):
            stream, kind, version, _, length = _RECORD.unpack_from(body, at)
            if version > RECORD_VERSION:
                raise ValueError(f"record version {version}")
            at += RECORD_HEADER_BYTES
            records.append(Record(stream, kind, body[at : at + length]))
            at += length
    except StructError as error:
        raise ValueError(str(error)) from None
    if at != len(body):
        raise ValueError("the records do not fill the batch")
    return records
