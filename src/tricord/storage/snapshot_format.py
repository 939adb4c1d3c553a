# SPDX-License-Identifier: Apache-2.0
"""The bytes of a snapshot file: the whole state at one index of the log, in blocks.

```
file       header block, record blocks table by table in key order, end block; nothing behind
block      head (32 bytes), payload
head       magic, kind, table, count of records, length of the payload, CRC of the payload, CRC of the head so far
header     format version, cluster, history, index, term, length of the configuration, configuration
records    lengths of the keys, lengths of the values, keys, values
end        how many tables, records in each, blocks before this one, xxh3 (128 bits) of all bytes before this block
```

Both CRC-32C of a block begin with the snapshot's place in the log and the block's offset, so bytes that belong
elsewhere do not pass. The frame of blocks and the first field of the header keep their form in later versions.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from struct import Struct, pack, unpack_from

from crc32c import crc32c

from tricord.base.message import message
from tricord.base.ordered import Table

FORMAT_VERSION = 1
BLOCK_MAGIC = b"\xa7SB\n"
BLOCK_BYTES = 256 << 10
"""Records are gathered to about this size. Larger: fewer calls; smaller: less time without the interpreter's lock."""

KIND_HEADER = 1
KIND_RECORDS = 2
KIND_END = 3

_HEAD = Struct(">4sBBHIQII4x")
_HEAD_CHECKED = Struct(">4sBBHIQI")
_HEADER = Struct(">IQQQQI")
_END = Struct(">IQ16s")
_SEED = Struct(">QQQ")
_CHECK = Struct(">I")
HEAD_BYTES = _HEAD.size
DIGEST_BYTES = 16


@message
class SnapshotInfo:
    """What a snapshot file holds, as its header and its end say."""

    cluster: int
    history: int
    index: int
    """The last entry whose effects it holds."""
    term: int
    """That entry's."""
    configuration: bytes
    """The cluster's, in force there, encoded; empty: none yet."""
    counts: tuple[int, ...] = ()
    """Records in each table."""
    digest: bytes = b""
    """Of all bytes before the end block."""
    size: int = 0
    """Of the file, in bytes."""

    @property
    def id(self) -> int:
        """64 bits of the digest: tells files of the same place in the log apart."""
        return int.from_bytes(self.digest[:8], "big")

    @property
    def checksum(self) -> int:
        """The other 64 bits."""
        return int.from_bytes(self.digest[8:], "big")


@message
class BlockHead:
    """The head of a block; ``count`` is of records."""

    kind: int
    table: int
    count: int
    length: int
    check: int


def block_seed(index: int, term: int, offset: int) -> int:
    """Where the CRCs of a block at this place begin. A header's is seeded as of index and term 0."""
    return crc32c(_SEED.pack(index, term, offset))


def encode_block(seed: int, kind: int, table: int, count: int, payload: bytes) -> bytes:
    """A block whole."""
    checked = _HEAD_CHECKED.pack(BLOCK_MAGIC, kind, table, 0, count, len(payload), crc32c(payload, seed))
    return b"".join((checked, _CHECK.pack(crc32c(checked, seed)), bytes(4), payload))


def decode_head(data: bytes, seed: int) -> BlockHead | None:
    """None: these bytes are no head of a block at this place."""
    if len(data) < HEAD_BYTES:
        return None
    magic, kind, table, reserved, count, length, check, head_check = _HEAD.unpack(data)
    checked = data[: _HEAD_CHECKED.size]
    if magic != BLOCK_MAGIC or reserved or any(data[-4:]) or crc32c(checked, seed) != head_check:
        return None
    return BlockHead(kind, table, count, length, check)


def encode_header(info: SnapshotInfo) -> bytes:
    """The payload of the header block."""
    fields = (FORMAT_VERSION, info.cluster, info.history, info.index, info.term, len(info.configuration))
    return _HEADER.pack(*fields) + info.configuration


def decode_header(payload: bytes) -> tuple[int, SnapshotInfo | None]:
    """(format version, what it says; None: it is no header of a version known here)."""
    version = int.from_bytes(payload[:4], "big")
    if version != FORMAT_VERSION or len(payload) < _HEADER.size:
        return version, None
    _, cluster, history, index, term, length = _HEADER.unpack_from(payload)
    configuration = payload[_HEADER.size :]
    if len(configuration) != length:
        return version, None
    return version, SnapshotInfo(cluster, history, index, term, configuration)


def encode_records(keys: list[bytes], values: list[bytes]) -> bytes:
    """The payload of a block of records."""
    lengths = pack(f">{2 * len(keys)}I", *map(len, keys), *map(len, values))
    return b"".join((lengths, *keys, *values))


def decode_records(payload: bytes, count: int) -> tuple[list[bytes], list[bytes]] | None:
    """Keys and values, or None: the lengths do not fill the payload."""
    start = 8 * count
    if len(payload) < start:
        return None
    ends = list(accumulate(unpack_from(f">{2 * count}I", payload), initial=start))
    if ends[-1] != len(payload):
        return None
    parts = [payload[begin:end] for begin, end in pairwise(ends)]
    return parts[:count], parts[count:]


def encode_end(counts: tuple[int, ...], blocks: int, digest: bytes) -> bytes:
    """The payload of the end block."""
    return _END.pack(len(counts), blocks, digest) + pack(f">{len(counts)}Q", *counts)


def decode_end(payload: bytes) -> tuple[tuple[int, ...], int, bytes] | None:
    """(counts, blocks, digest), or None."""
    if len(payload) != _END.size + 8 * len(Table):
        return None
    tables, blocks, digest = _END.unpack_from(payload)
    if tables != len(Table):
        return None
    return unpack_from(f">{tables}Q", payload, _END.size), blocks, digest
