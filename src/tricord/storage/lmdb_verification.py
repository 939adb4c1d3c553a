# SPDX-License-Identifier: Apache-2.0
"""Verifies an LMDB file before the library maps it, and writes the seal that makes this fast.

A *seal* holds the hash of each chunk of the file as of one transaction. When the newest meta page names that
transaction, the file is read once and compared. Where that is not so, or something differs (the process died after a
commit or in one: its pages lie where pages were free), the trees are walked page by page, without the library, and then
the content is compared with the sums of its last transaction.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import crc32c
from xxhash import xxh3_64_intdigest

from tricord.base.errors import CorruptData, NewerFormat
from tricord.storage.lmdb_pages import Meta, PageWalk, read_meta
from tricord.storage.lmdb_sums import Sums

if TYPE_CHECKING:
    from tricord.base.environment import Disk, File

SEAL_VERSION = 1
CHUNK_BYTES = 1 << 20

_SEAL_MAGIC = b"tricseal"
_SEAL_HEAD = struct.Struct(">8sIIQQ")


def verify_file(disk: Disk, directory: str, path: str, tables: list[bytes], sums_name: bytes) -> None:
    """Raises CorruptData (path and offset) when the file is not what was committed. Nothing at all is a new store.

    Costs 0.2 s a gigabyte where the seal is current, about 1.2 us a record where it is not.
    """
    seal = _read_seal(disk, f"{directory}/seal")
    if not disk.exists(path):
        if seal is not None:
            raise CorruptData(path, 0, "the file is gone, but its seal is there")
        return
    file = disk.open(path)
    try:
        # The process before this one may have died between a commit's write and its sync.
        file.datasync()
        size = file.size()
        meta = read_meta(path, file, size)
        if seal is not None:
            sealed, sealed_size, hashes = seal
            if meta is None or sealed > meta.transaction:
                raise CorruptData(path, 0, f"an older state than number {sealed}, which was written and sealed")
            if sealed == meta.transaction and sealed_size == size and _is_as_sealed(file, size, hashes):
                return
        if meta is not None:
            _verify_pages(path, file, meta, tables, sums_name)
    finally:
        file.close()


def _verify_pages(path: str, file: File, meta: Meta, tables: list[bytes], sums_name: bytes) -> None:
    content = PageWalk(path, file, meta, [*tables, sums_name]).content()
    sums = Sums.decode(content[sums_name].first, len(tables))
    at = meta.transaction % 2 * meta.page_size
    if sums is None:
        raise CorruptData(path, meta.main.root * meta.page_size, "the record of sums is damaged")
    if sums.counts and sums.transaction != meta.transaction:
        raise CorruptData(
            path, at, f"the meta page names transaction {meta.transaction}, its content {sums.transaction}"
        )
    for name, count, total in zip(tables, sums.counts, sums.hashes, strict=bool(sums.counts)):
        found = content[name]
        if (found.count, found.total) != (count, total):
            raise CorruptData(
                path,
                at,
                f"{name.decode()} holds {found.count} records that do not add up to the {count} that were written",
            )


def write_seal(disk: Disk, directory: str, path: str) -> None:
    """Hash the file and record the result durably. Costs about 0.2 s a gigabyte that is in the page cache."""
    file = disk.open(path)
    try:
        size = file.size()
        meta = read_meta(path, file, size)
        transaction = meta.transaction if meta is not None else 0
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


def _chunk_hashes(file: File, size: int) -> list[int]:
    return [xxh3_64_intdigest(file.pread(CHUNK_BYTES, at)) for at in range(0, size, CHUNK_BYTES)]


def _is_as_sealed(file: File, size: int, hashes: list[int]) -> bool:
    return len(hashes) == -(-size // CHUNK_BYTES) and all(
        xxh3_64_intdigest(file.pread(CHUNK_BYTES, place * CHUNK_BYTES)) == expected
        for place, expected in enumerate(hashes)
    )


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
