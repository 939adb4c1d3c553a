# SPDX-License-Identifier: Apache-2.0
"""Writes a snapshot file from a view of the backend, while the member goes on writing."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator

from xxhash import xxh3_128

from tricord.base.environment import Disk, File
from tricord.base.errors import Cancelled, CorruptData, DiskFull
from tricord.base.ordered import META_APPLIED_INDEX, META_APPLIED_TERM, META_CONFIGURATION, BackendView, Table
from tricord.storage.snapshot_format import (
    BLOCK_BYTES,
    DIGEST_BYTES,
    KIND_END,
    KIND_HEADER,
    KIND_RECORDS,
    SnapshotInfo,
    block_seed,
    encode_block,
    encode_end,
    encode_header,
    encode_records,
)

SYNC_BYTES = 8 << 20
"""Synced in steps: one large sync at the end would hold up those of the log."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

Progress = Callable[[int], None]
"""Is told the bytes done so far, often; what it spends waiting paces the work."""
IsCancelled = Callable[[], bool]


def nobody_told(done: int) -> None:
    """No progress is wanted."""


def never() -> bool:
    """Nobody cancels."""
    return False


def write_snapshot(
    disk: Disk,
    path: str,
    view: BackendView,
    *,
    cluster: int,
    history: int,
    progress: Progress = nobody_told,
    cancelled: IsCancelled = never,
) -> SnapshotInfo:
    """Write all of ``view`` to ``path``, durably, whole or not at all. Blocks: for a thread with its own view.

    Index, term and configuration are what the view's META says. The caller closes the view. Costs about 2 us a record;
    memory for one block. Raises DiskFull, OSError, CorruptData (of the backend), Cancelled; nothing is left then.
    """
    part = f"{path}.part"
    directory = path.rpartition("/")[0]
    try:
        file = disk.open(part, create=True)
        try:
            file.truncate(0)
            info = _Writer(file, progress, cancelled).write(_described(view, cluster, history), view)
            file.datasync()
        finally:
            file.close()
        disk.rename(part, path)
        disk.sync_directory(directory)
    except (OSError, Cancelled, CorruptData) as error:
        _remove(disk, part)
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            raise DiskFull(f"{directory}: no room for a snapshot") from error
        raise
    return info


def _remove(disk: Disk, path: str) -> None:
    try:
        disk.remove(path)
    except OSError:
        pass  # it was not made, or goes at the next start


def _described(view: BackendView, cluster: int, history: int) -> SnapshotInfo:
    index, term = (int.from_bytes(view.get(Table.META, key) or b"") for key in (META_APPLIED_INDEX, META_APPLIED_TERM))
    return SnapshotInfo(cluster, history, index, term, view.get(Table.META, META_CONFIGURATION) or b"")


class _Writer:
    def __init__(self, file: File, progress: Progress, cancelled: IsCancelled) -> None:
        self._file = file
        self._progress = progress
        self._cancelled = cancelled
        self._digest = xxh3_128()
        self._at = 0
        self._synced = 0
        self._blocks = 0
        self._place = (0, 0)

    def write(self, info: SnapshotInfo, view: BackendView) -> SnapshotInfo:
        self._block(KIND_HEADER, 0, 0, encode_header(info))
        self._place = (info.index, info.term)
        counts = []
        for table in Table:
            count = 0
            for keys, values in _gathered(view.scan(table, b"", None)):
                self._block(KIND_RECORDS, table, len(keys), encode_records(keys, values))
                count += len(keys)
            counts.append(count)
        digest = self._digest.digest()
        assert len(digest) == DIGEST_BYTES
        self._block(KIND_END, 0, 0, encode_end(tuple(counts), self._blocks, digest))
        return SnapshotInfo(
            info.cluster, info.history, info.index, info.term, info.configuration, tuple(counts), digest, self._at
        )

    def _block(self, kind: int, table: int, count: int, payload: bytes) -> None:
        if self._cancelled():
            raise Cancelled("the snapshot is not wanted any more")
        block = encode_block(block_seed(*self._place, self._at), kind, table, count, payload)
        self._file.pwrite(block, self._at)
        self._digest.update(block)
        self._at += len(block)
        self._blocks += 1
        if self._at - self._synced >= SYNC_BYTES:
            self._file.datasync()
            self._synced = self._at
        self._progress(self._at)


def _gathered(records: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[list[bytes], list[bytes]]]:
    keys: list[bytes] = []
    values: list[bytes] = []
    size = 0
    for key, value in records:
        keys.append(key)
        values.append(value)
        size += len(key) + len(value) + 8
        if size >= BLOCK_BYTES:
            yield keys, values
            keys, values, size = [], [], 0
    if keys:
        yield keys, values
