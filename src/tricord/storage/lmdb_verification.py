# SPDX-License-Identifier: Apache-2.0
"""Verifies an LMDB file before the library maps it, and writes the seal that makes this fast.

A *seal* holds the hash of each chunk of the file as of one transaction. When the newest meta page names that
transaction, the file is read once and compared. Otherwise (the process died between a commit and the next seal) the
trees are walked page by page, without the library, and then the content is compared with the sums of its last
transaction.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import crc32c
import lmdb
import lmdb.verify
from xxhash import xxh3_64_intdigest

from tricord.base.errors import CorruptData, NewerFormat
from tricord.base.message import message
from tricord.storage.lmdb_sums import HASH_MASK, Sums

if TYPE_CHECKING:
    from tricord.base.environment import Disk, File

SEAL_VERSION = 1
CHUNK_BYTES = 1 << 20

_SEAL_MAGIC = b"tricseal"
_SEAL_HEAD = struct.Struct(">8sIIQQ")
_META = struct.Struct("=IIQQ")
_META_OFFSET = 16
_META_TRANSACTION_OFFSET = _META_OFFSET + 24 + 2 * 48 + 8
_META_PAGE_SIZE_OFFSET = _META_OFFSET + 24
_MAGIC = 0xBEEFC0DE
_DATA_VERSION = 1


@message
class Found:
    """What verifying found out. ``content_unknown``: the content is still to be compared with the sums."""

    content_unknown: bool


def verify_file(disk: Disk, directory: str, path: str) -> Found:
    """Raises CorruptData (path and offset) when the file is not what was committed."""
    if not disk.exists(path):
        if disk.exists(f"{directory}/seal"):
            raise CorruptData(path, 0, "the file is gone, but its seal is there")
        return Found(content_unknown=False)
    file = disk.open(path)
    try:
        size = file.size()
        if size == 0:
            return Found(content_unknown=False)
        # The process before this one may have died between a commit's write and its sync.
        file.datasync()
        newest = _newest_transaction(path, file, size)
        seal = _read_seal(disk, f"{directory}/seal")
        if seal is not None:
            sealed, sealed_size, hashes = seal
            if sealed > newest:
                raise CorruptData(path, 0, f"the newest state is {newest}, but {sealed} was written and sealed")
            if sealed == newest and sealed_size == size:
                _verify_chunks(path, file, size, hashes)
                return Found(content_unknown=False)
    finally:
        file.close()
    try:
        problems = lmdb.verify.verify(path)  # type: ignore[no-untyped-call]
    except lmdb.verify.VerifyError as error:
        raise CorruptData(path, 0, str(error)) from None
    if problems:
        raise CorruptData(path, 0, problems[0])
    return Found(content_unknown=True)


def write_seal(disk: Disk, directory: str, path: str) -> None:
    """Hash the file and record the result durably. Costs about 0.2 s a gigabyte that is in the page cache."""
    file = disk.open(path)
    try:
        size = file.size()
        transaction = _newest_transaction(path, file, size)
        hashes = _chunk_hashes(file, size)
    finally:
        file.close()
    data = _SEAL_HEAD.pack(_SEAL_MAGIC, SEAL_VERSION, CHUNK_BYTES, size, transaction)
    data += struct.pack(f">{len(hashes)}Q", *hashes)
    data += struct.pack(">I", crc32c.crc32c(data))
    new = disk.open(f"{directory}/seal.new", create=True)
    try:
        new.truncate(0)
        new.pwrite(data, 0)
        new.datasync()
    finally:
        new.close()
    disk.rename(f"{directory}/seal.new", f"{directory}/seal")
    disk.sync_directory(directory)


def verify_content(path: str, transaction: Any, databases: list[Any], sums: Sums) -> None:
    """Compare every record with the sums. Raises CorruptData. About 0.6 us a record."""
    for place, database in enumerate(databases):
        with transaction.cursor(database) as cursor:
            total = sum(map(xxh3_64_intdigest, map(b"".join, cursor))) & HASH_MASK
        count = transaction.stat(database)["entries"]
        if (count, total) != (sums.counts[place], sums.hashes[place]):
            raise CorruptData(
                path, 0, f"table {place} holds {count} records that do not add up to the {sums.counts[place]} written"
            )


def _newest_transaction(path: str, file: File, size: int) -> int:
    head = file.pread(4096, 0)
    if len(head) < 4096:
        raise CorruptData(path, 0, "the file is cut short")
    (page_size,) = struct.unpack_from("=I", head, _META_PAGE_SIZE_OFFSET)
    newest = 0
    for place in range(2):
        page = file.pread(4096, place * page_size)
        if len(page) < 4096:
            raise CorruptData(path, place * page_size, "the meta page is cut short")
        magic, version, _, _ = _META.unpack_from(page, _META_OFFSET)
        if magic != _MAGIC or version != _DATA_VERSION:
            raise CorruptData(path, place * page_size, "this is no meta page")
        newest = max(newest, struct.unpack_from("=Q", page, _META_TRANSACTION_OFFSET)[0])
    if newest == 0 and size > 2 * page_size:
        raise CorruptData(path, 0, "the meta pages name no transaction, but there is content")
    return newest


def _chunk_hashes(file: File, size: int) -> list[int]:
    return [xxh3_64_intdigest(file.pread(CHUNK_BYTES, at)) for at in range(0, size, CHUNK_BYTES)]


def _verify_chunks(path: str, file: File, size: int, hashes: list[int]) -> None:
    for place, expected in enumerate(hashes):
        if xxh3_64_intdigest(file.pread(CHUNK_BYTES, place * CHUNK_BYTES)) != expected:
            raise CorruptData(path, place * CHUNK_BYTES, "the chunk that begins here is not as it was sealed")
    if len(hashes) != -(-size // CHUNK_BYTES):
        raise CorruptData(path, len(hashes) * CHUNK_BYTES, "the seal covers less than the file")


def _read_seal(disk: Disk, path: str) -> tuple[int, int, list[int]] | None:
    """(transaction, size, hashes), or None where there is no seal to rely on. A damaged seal only costs time."""
    if not disk.exists(path):
        return None
    file = disk.open(path)
    try:
        data = file.pread(file.size(), 0)
    finally:
        file.close()
    if len(data) < _SEAL_HEAD.size + 4 or data[-4:] != struct.pack(">I", crc32c.crc32c(data[:-4])):
        return None
    magic, version, chunk, size, transaction = _SEAL_HEAD.unpack_from(data)
    if magic != _SEAL_MAGIC:
        return None
    if version > SEAL_VERSION:
        raise NewerFormat(f"{path} has format {version}; this version knows up to {SEAL_VERSION}")
    if chunk != CHUNK_BYTES:
        return None
    count = (len(data) - _SEAL_HEAD.size - 4) // 8
    return transaction, size, list(struct.unpack_from(f">{count}Q", data, _SEAL_HEAD.size))
